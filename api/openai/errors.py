"""Errors in the shape of OpenAI's API: the same codes and sentences, other fields, and 400 where we say 422. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.answers import Answer
from tasks.errors import (
    AccessError,
    ConflictError,
    DarkroomError,
    ErrorCode,
    InputError,
    LimitError,
    NotFoundError,
    ProcessingError,
    UnavailableError,
)

PREFIX: Final = "/v1"
MEDIA_TYPE: Final = "application/json"

TYPES: Final[Mapping[type[DarkroomError], str]] = {
    InputError: "invalid_request_error",
    AccessError: "authentication_error",
    NotFoundError: "invalid_request_error",
    ConflictError: "invalid_request_error",
    LimitError: "rate_limit_error",
    UnavailableError: "server_error",
    ProcessingError: "server_error",
}
_UNPROCESSABLE, _BAD_REQUEST = 422, 400


class OpenAIError(Answer):
    """What went wrong."""

    message: str
    """What happened and what to change."""
    type: str
    param: str | None = None
    """The parameter that is wrong, where it is one."""
    code: ErrorCode


class ErrorBody(Answer):
    """Body of every error response under /v1."""

    error: OpenAIError


def is_asked(path: str) -> bool:
    """Whether a path belongs to this API."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def body_of(error: DarkroomError) -> ErrorBody:
    """Describe an error."""
    kind = next(kind for kind in TYPES if isinstance(error, kind))
    fields: list[Any] = getattr(error, "errors", None) or []
    param = fields[0].field if fields and fields[0].field else None
    if error.code is ErrorCode.MODEL_NOT_FOUND:
        param = "model"
    return ErrorBody(error=OpenAIError(message=error.detail, type=TYPES[kind], param=param, code=error.code))


def status_of(problem_status: int) -> int:
    """Return the status for what a problem document has: OpenAI's clients know bad requests as 400."""
    return _BAD_REQUEST if problem_status == _UNPROCESSABLE else problem_status


def retry_headers(error: DarkroomError, *, has_key: bool) -> dict[str, str]:
    """Return what keeps OpenAI's clients from repeating what would only cost a second job.

    They repeat a request after 409 and 5xx by themselves, without an Idempotency-Key.
    """
    computed = isinstance(error, ConflictError | ProcessingError)
    waited = error.code is ErrorCode.WAIT_EXPIRED and not has_key
    return {"X-Should-Retry": "false"} if computed or waited else {}


def goes_on(job_ids: Sequence[str]) -> UnavailableError:
    """Build the error of a request that cannot be held any longer, while its jobs go on."""
    where = ", ".join(f"/api/generate/result/{job_id}" for job_id in job_ids)
    return UnavailableError(
        ErrorCode.WAIT_EXPIRED,
        f"The gateway cannot hold the line any longer. The work goes on; its result will be at {where}. "
        "The same request with an Idempotency-Key of its own would wait on.",
    )
