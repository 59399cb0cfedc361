"""The secret that a client's webhooks are signed with."""

from fastapi import APIRouter, Response

from api.gateway import ConnectedDep
from api.permissions import ManagingDep
from api.problems import responses
from api.schemas import WebhookSecret
from tasks import outbox
from tasks.errors import ErrorCode

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

_PROBLEMS = responses(ErrorCode.BROKER_UNAVAILABLE)


@router.get("/secret", operation_id="webhook_secret", summary="What signs my webhooks?", responses=_PROBLEMS)
async def secret(response: Response, gateway: ConnectedDep, owner: ManagingDep) -> WebhookSecret:
    """Return the caller's signing secret; it is made when it is first asked for or first needed."""
    response.headers["Cache-Control"] = "no-store"
    return WebhookSecret.of(await gateway.ledger.apply(outbox.secret_of(owner)))


@router.post(
    "/secret/rotate", operation_id="rotate_webhook_secret", summary="Make a new signing secret", responses=_PROBLEMS
)
async def rotate(response: Response, gateway: ConnectedDep, owner: ManagingDep) -> WebhookSecret:
    """Make a new secret. The old one goes on signing beside it for a day, so that receivers can change over."""
    response.headers["Cache-Control"] = "no-store"
    return WebhookSecret.of(await gateway.ledger.apply(outbox.rotate_secret(owner)))
