"""Addresses for who cannot send a header."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api import access
from api.documentation import request_body, schema_of
from api.gateway import GatewayDep
from api.permissions import LookingDep, is_readable_by_token
from api.problems import FieldError, FieldsError, responses
from api.schemas import parse
from tasks.errors import ErrorCode

router = APIRouter(tags=["access"])

_PATH = "/api/generate/stream/0f8fad5b-d9cb-469f-a165-70867728950e"


class TokenRequest(BaseModel, use_attribute_docstrings=True):
    """An address to open."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"example": {"path": _PATH, "seconds": 300}}
    )

    path: Annotated[str, Field(max_length=200, pattern=r"^/[A-Za-z0-9_/-]+$")]
    """Where a GET goes: a job's status, stream, result or picture, or an image."""
    seconds: Annotated[int, Field(ge=1)] = 300
    """How long the token lives; at most an hour, unless the gateway is set otherwise."""


class Token(BaseModel, use_attribute_docstrings=True):
    """A token and what it opens."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "token": "WyI4Yz…",
                "url": f"{_PATH}?token=WyI4Yz…",
                "expires_at": "2026-01-01T12:05:00Z",
            }
        },
    )

    token: str
    url: str
    """The path with the token: for `src`, `href` or `new EventSource(…)`."""
    expires_at: datetime
    """A stream that is open then goes on; opening it again needs another token."""


@router.post(
    "/tokens",
    operation_id="create_token",
    summary="Get a signed address",
    status_code=201,
    openapi_extra=request_body(schema_of(TokenRequest), files=()),
    responses=responses(
        ErrorCode.PARAMETER_INVALID,
        ErrorCode.JSON_INVALID,
        ErrorCode.BODY_TOO_LARGE,
        ErrorCode.MEDIA_TYPE_UNSUPPORTED,
        ErrorCode.BROKER_UNAVAILABLE,
    ),
)
async def create_token(request: Request, response: Response, gateway: GatewayDep, caller: LookingDep) -> Token:
    """Return a token that opens one address for a while, to read as the owner of the key that asks.

    For `<img>`, `EventSource` and downloads, which send no headers. A token ends with its key.
    """
    response.headers["Cache-Control"] = "no-store"
    wanted = parse(TokenRequest, (await gateway.bodies.read(request)).fields)
    longest = gateway.settings.token_max_seconds
    if wanted.seconds > longest:
        raise _invalid("seconds", f"Input should be less than or equal to {longest}")
    if not is_readable_by_token(request.app.routes, wanted.path):
        raise _invalid("path", f"A token cannot open this; it can open addresses such as {_PATH}.")
    token, grant = await gateway.access.sign(caller, wanted.path, wanted.seconds)
    expires_at = datetime.fromtimestamp(grant.expires_at, UTC)
    return Token(token=token, url=access.address(wanted.path, token), expires_at=expires_at)


def _invalid(field: str, detail: str) -> FieldsError:
    return FieldsError([FieldError(field=field, detail=detail, code=ErrorCode.PARAMETER_INVALID)])
