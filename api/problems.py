"""Errors as RFC 9457 problem documents: the only place where an error meets a status code."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers import SparseAnswer
from api.openai import errors as openai
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
    broker_error,
    error_of,
)

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

IDEMPOTENCY_HEADER = "Idempotency-Key"

RETRY_SECONDS = 3
"""What a client is told to wait when nothing better is known: a broker's restart takes 1 to 2 s."""

STATUS_OF_KIND: Mapping[type[DarkroomError], int] = {
    InputError: 422,
    AccessError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    LimitError: 429,
    UnavailableError: 503,
    ProcessingError: 500,
}
STATUS_OF_CODE: Mapping[ErrorCode, int] = {
    ErrorCode.IDEMPOTENCY_KEY_INVALID: 400,
    ErrorCode.JSON_INVALID: 400,
    ErrorCode.KEY_INVALID: 401,
    ErrorCode.KEY_MISSING: 401,
    ErrorCode.TOKEN_INVALID: 401,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.NOT_ACCEPTABLE: 406,
    ErrorCode.REQUEST_TIMEOUT: 408,
    ErrorCode.BODY_TOO_LARGE: 413,
    ErrorCode.MEDIA_TYPE_UNSUPPORTED: 415,
}
"""Codes whose status differs from their kind's."""
CHALLENGES: Mapping[ErrorCode, str] = {
    ErrorCode.KEY_MISSING: 'Bearer realm="darkroom"',
    ErrorCode.KEY_INVALID: 'Bearer realm="darkroom", error="invalid_token"',
    ErrorCode.TOKEN_INVALID: 'Bearer realm="darkroom", error="invalid_token"',
    ErrorCode.SCOPE_MISSING: 'Bearer realm="darkroom", error="insufficient_scope"',
}
"""What an answer says of how to be let in (RFC 6750, 3)."""


class FieldError(BaseModel):
    """What is wrong with one field."""

    field: str
    """Path of the field, with dots; empty for the request as a whole."""
    detail: str
    code: ErrorCode


class Problem(SparseAnswer):
    """Body of every error response (RFC 9457)."""

    type: str
    """URN that names the kind of problem."""
    title: str
    status: int
    detail: str
    """What happened and what to change."""
    instance: str
    """Path of the request; the X-Request-ID header finds it in the log."""
    code: ErrorCode
    error_type: Annotated[str, Field(json_schema_extra={"enum": [kind.__name__ for kind in STATUS_OF_KIND]})]
    """Class of the error."""
    errors: list[FieldError] | None = None
    """Each field that is wrong, where the request was checked field by field."""


class FieldsError(InputError):
    """Fields of the request are wrong: all of them at once, so that a client mends them in one go."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        """Take at least one error; the first gives its code."""
        super().__init__(errors[0].code, "; ".join(map(_sentence, errors)))
        self.errors = list(errors)


class RateError(LimitError):
    """A rate limit is reached, and it is known when it allows the next request."""

    def __init__(self, detail: str, retry_seconds: float) -> None:
        """Tell the client to come back in so many seconds."""
        super().__init__(ErrorCode.RATE_LIMITED, detail)
        self.retry_seconds = retry_seconds


class RetryLaterError(UnavailableError):
    """It is known when another try can succeed."""

    def __init__(self, code: ErrorCode, detail: str, retry_seconds: float) -> None:
        """Tell the client to come back in so many seconds."""
        super().__init__(code, detail)
        self.retry_seconds = retry_seconds


def status_of(error: DarkroomError) -> int:
    """Return the HTTP status of an error."""
    by_kind = next(status for kind, status in STATUS_OF_KIND.items() if isinstance(error, kind))
    return STATUS_OF_CODE.get(error.code, by_kind)


def title_of(code: ErrorCode) -> str:
    """Return a code in words."""
    return code.replace("_", " ").capitalize()


def problem_of(error: DarkroomError, instance: str) -> Problem:
    """Describe an error."""
    kind = next(kind for kind in STATUS_OF_KIND if isinstance(error, kind))
    return Problem(
        type=f"urn:darkroom:problem:{error.code}",
        title=title_of(error.code),
        status=status_of(error),
        detail=error.detail,
        instance=instance,
        code=error.code,
        error_type=kind.__name__,
        errors=error.errors if isinstance(error, FieldsError) else None,
    )


def problem_response(error: DarkroomError, request: Request) -> Response:
    """Render an error in the shape of its path; the one line that the log has of this request names its code."""
    problem = problem_of(error, request.url.path)
    request.scope["problem_code"] = problem.code
    headers = {"Cache-Control": "no-store"}
    if problem.status in {429, 503}:
        headers["Retry-After"] = str(max(1, math.ceil(getattr(error, "retry_seconds", RETRY_SECONDS))))
    if problem.code in CHALLENGES:
        headers["WWW-Authenticate"] = CHALLENGES[problem.code]
    if openai.is_asked(problem.instance):
        headers |= openai.retry_headers(error, has_key=IDEMPOTENCY_HEADER in request.headers)
        body, status = openai.body_of(error).model_dump_json(), openai.status_of(problem.status)
        return Response(body, status, headers, openai.MEDIA_TYPE)
    return Response(problem.model_dump_json(exclude_none=True), problem.status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have every error that a route raises on purpose rendered as a problem."""
    app.add_exception_handler(DarkroomError, _darkroom_error)
    app.add_exception_handler(RequestValidationError, _parameter_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RedisError, _broker_error)


class UnexpectedErrors:
    """ASGI: what nobody foresaw becomes a 500 problem; its cause is in the log only."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, unless the response has begun: then the connection is cut."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            if begun or scope["type"] != "http":
                raise
            log.exception("http.unexpected_error", path=scope["path"])
            await problem_response(ProcessingError.internal(), Request(scope))(scope, receive, send)


async def _darkroom_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, DarkroomError):
        raise error
    return problem_response(error, request)


async def _parameter_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    errors = [
        FieldError(field=".".join(map(str, each["loc"][1:])), detail=each["msg"], code=ErrorCode.PARAMETER_INVALID)
        for each in error.errors()
    ]
    return problem_response(FieldsError(errors), request)


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    response = problem_response(_of_http(error, request), request)
    response.headers.update(error.headers or {})
    return response


async def _broker_error(request: Request, error: Exception) -> Response:
    known = broker_error(error)
    if known is None:
        raise error
    log.warning("broker.unavailable", code=known.code, reason=str(error))
    return problem_response(known, request)


def broker_unavailable() -> UnavailableError:
    """Build the error for a broker that does not answer."""
    return error_of(  # type: ignore[return-value] # the kind of this code
        ErrorCode.BROKER_UNAVAILABLE, "Darkroom's broker does not answer; try again in a few seconds."
    )


def _of_http(error: HTTPException, request: Request) -> DarkroomError:
    match error.status_code:
        case 404:
            detail = f"There is nothing at {request.url.path}; /docs lists all routes."
            return NotFoundError(ErrorCode.ROUTE_UNKNOWN, detail)
        case 405:
            allowed = (error.headers or {}).get("Allow", "another method")
            return NotFoundError(
                ErrorCode.METHOD_NOT_ALLOWED, f"{request.method} is not possible on {request.url.path}; use {allowed}."
            )
        case _:
            return InputError(ErrorCode.PARAMETER_INVALID, str(error.detail))


def _sentence(error: FieldError) -> str:
    return f"{error.field}: {error.detail}" if error.field else error.detail


def responses(*codes: ErrorCode) -> dict[int | str, dict[str, Any]]:
    """Declare the problems of a route for its OpenAPI document, with an example of each code."""
    declared: dict[int | str, dict[str, Any]] = {}
    for code in (*codes, ErrorCode.INTERNAL):
        problem = problem_of(error_of(code, EXAMPLES[code]), "/api/…")
        entry = declared.setdefault(
            problem.status,
            {"model": Problem, "description": "", "content": {MEDIA_TYPE: {"examples": {}}}},
        )
        entry["description"] = f"{entry['description']}, `{code}`".removeprefix(", ")
        example = {"summary": problem.title, "value": problem.model_dump(mode="json", exclude_none=True)}
        entry["content"][MEDIA_TYPE]["examples"][str(code)] = example
    return declared


EXAMPLES: Mapping[ErrorCode, str] = {
    ErrorCode.IMAGE_INVALID: "input_image: The data is not a readable image; send a JPEG, PNG, WebP or AVIF file.",
    ErrorCode.IMAGE_TRUNCATED: "input_image: The image's data ends early or is damaged; export and upload it again.",
    ErrorCode.IMAGE_FORMAT_UNSUPPORTED: "input_image: HEIC files are not accepted; convert the image to JPEG.",
    ErrorCode.IMAGE_TOO_LARGE: "input_image: The image is 60000 × 60000 pixels; send a smaller one.",
    ErrorCode.IMAGE_MISSING: "Send the photo to edit as input_image.",
    ErrorCode.BASE64_INVALID: "input_image: This is neither base64, a data URL nor an image id.",
    ErrorCode.MASK_MISSING: "Send a mask as conditional_images[0]: white where the photo may change.",
    ErrorCode.MASK_EMPTY: "The mask has no white pixel; paint what should change.",
    ErrorCode.MASK_MISMATCH: "The mask is 100 × 100 pixels, the photo 1200 × 800: draw the mask on this photo.",
    ErrorCode.REFERENCE_MISSING: "Send the image that holds the object to insert as reference_image.",
    ErrorCode.CROP_OUTSIDE: "The box reaches outside the photo, which is 1200 × 800 pixels.",
    ErrorCode.SIZE_UNREACHABLE: "No quality gives at most 100 bytes; allow more.",
    ErrorCode.PARAMETER_INVALID: "num_inference_steps: Input should be greater than or equal to 1",
    ErrorCode.JSON_INVALID: "The body is not JSON: EOF while parsing a string at line 1 column 20",
    ErrorCode.BODY_TOO_LARGE: "The body is larger than 50 MB; send a smaller image.",
    ErrorCode.REQUEST_TIMEOUT: "The body came too slowly: 2000 bytes in 20 s; send it again over a better line.",
    ErrorCode.MEDIA_TYPE_UNSUPPORTED: "Send application/json or multipart/form-data, not text/plain.",
    ErrorCode.NOT_ACCEPTABLE: "The result can be had as image/webp, image/png or image/jpeg.",
    ErrorCode.ENGINE_UNSUPPORTED: "The opencv engine cannot do text-to-image: it needs a generative model.",
    ErrorCode.PROMPT_OUTSIDE: "points.0: (1300, 200) lies outside the photo, which is 1200 × 800 pixels.",
    ErrorCode.NOTHING_FOUND: "There is no object here; click on another place, or draw a box around the object.",
    ErrorCode.IDEMPOTENCY_KEY_INVALID: "Idempotency-Key: send 1 to 255 visible ASCII characters.",
    ErrorCode.WEBHOOK_REFUSED: "webhook_url: 10.0.0.5 is no public address; results are sent to public addresses only.",
    ErrorCode.KEY_MISSING: "Send your API key as Authorization: Bearer dk_….",
    ErrorCode.KEY_INVALID: "This API key is not known, or was revoked; create another one.",
    ErrorCode.TOKEN_INVALID: "The token has expired, or is for another address; ask for a new one at /api/tokens.",
    ErrorCode.SCOPE_MISSING: "This API key may read; editing needs a key with the scope edit.",
    ErrorCode.ORIGIN_REFUSED: "Pages of https://example.org may not call this gateway (DARKROOM_CORS_ORIGINS).",
    ErrorCode.HOST_REFUSED: "Without API keys this gateway answers on loopback names only, not on example.org.",
    ErrorCode.JOB_UNKNOWN: "There is no job 1b6f…; its record may have expired.",
    ErrorCode.IMAGE_UNKNOWN: "There is no image 9f86…; it may have expired: upload it again.",
    ErrorCode.MODEL_NOT_FOUND: "There is no model 'dall-e-3' here; there are darkroom, darkroom-removal.",
    ErrorCode.RESULT_NOT_READY: "The job is processing; its result is not ready.",
    ErrorCode.JOB_CANCELLED: "The job was cancelled.",
    ErrorCode.REQUEST_CANCELLED: "The request was cancelled.",
    ErrorCode.IDEMPOTENCY_CONFLICT: "This Idempotency-Key was used for another request; send a new key with it.",
    ErrorCode.RATE_LIMITED: "Over 60 edits a minute; try again in 12 s.",
    ErrorCode.TOO_MANY_JOBS: "100 of your edits are open already; wait for one of them to end.",
    ErrorCode.QUEUE_FULL: "500 edits wait already; try again in 12 s.",
    ErrorCode.BROKER_UNAVAILABLE: "Darkroom's broker does not answer; try again in a few seconds.",
    ErrorCode.BROKER_FULL: "Darkroom's broker can store nothing more; try again in a minute.",
    ErrorCode.STORE_UNAVAILABLE: "The image store does not answer; try again in a few seconds.",
    ErrorCode.WAIT_EXPIRED: "No worker finished this within 30 s; try again later.",
    ErrorCode.WORKER_LOST: "The worker that ran this died; try a smaller photo.",
    ErrorCode.TIME_LIMIT: "The edit took longer than a worker may; try a smaller photo.",
    ErrorCode.OUT_OF_MEMORY: "The edit needed more memory than the worker has.",
    ErrorCode.ENGINE_FAILED: "The engine could not finish the edit.",
    ErrorCode.INTERNAL: "The edit failed for a reason that is ours, not yours; the log has the cause.",
}
"""A sentence of each code that a route can answer with."""
