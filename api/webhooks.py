"""Webhooks as the gateway handles them: what the URL itself tells is refused before anything is queued."""

from collections.abc import Sequence

from api.problems import FieldError, FieldsError
from tasks.destinations import Network, Policy, RefusedError
from tasks.errors import ErrorCode

FIELD = "webhook_url"


def require_allowed(url: str | None, networks: Sequence[Network]) -> None:
    """Raise ``FieldsError`` (webhook_refused) for an address that webhooks must not reach; names are not resolved here.

    What a name resolves to is checked at each delivery, when it counts.
    """
    if url is None:
        return
    try:
        Policy(networks).destination(url)
    except RefusedError as error:
        raise FieldsError([FieldError(field=FIELD, detail=str(error), code=ErrorCode.WEBHOOK_REFUSED)]) from error
