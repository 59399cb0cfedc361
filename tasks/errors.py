"""The one exception tree.

::

    DarkroomError(code, detail)
    ├── InputError        the caller has to change something
    ├── AccessError       who asks is not known, or may not do this
    ├── NotFoundError     the id names nothing (any more)
    ├── ConflictError     the thing exists but its state does not allow this
    ├── LimitError        too much at once from this client; it has to slow down
    ├── UnavailableError  try again later, or somewhere else
    └── ProcessingError   accepted work that could not be finished

An error is a code (stable, for programs) and a sentence (for people: what happened and what to change).
Both are the exception's positional arguments, so an error survives JSON and pickle unchanged.
Interrupted is not an error of the work: it tells a running task to put its work down.
"""

from enum import StrEnum
from typing import Self


class ErrorCode(StrEnum):
    """Stable codes, each with what it means: docs/errors.md is made of these lines."""

    # InputError
    IMAGE_INVALID = "image_invalid"
    """The bytes are no image that can be read."""
    IMAGE_TRUNCATED = "image_truncated"
    """The image's data ends early or is damaged."""
    IMAGE_FORMAT_UNSUPPORTED = "image_format_unsupported"
    """A known format that is not accepted, such as SVG or HEIC."""
    IMAGE_TOO_LARGE = "image_too_large"
    """More pixels, or a longer side, than accepted; told from the header, before decoding."""
    IMAGE_MISSING = "image_missing"
    """The operation needs a photo."""
    BASE64_INVALID = "base64_invalid"
    """A field that should hold base64, a data URL or an image id holds none of them."""
    MASK_MISSING = "mask_missing"
    """The operation needs a mask, or no object could be found without one."""
    MASK_EMPTY = "mask_empty"
    """The mask marks nothing."""
    MASK_MISMATCH = "mask_mismatch"
    """The mask's aspect ratio differs from the photo's by more than 1 %."""
    REFERENCE_MISSING = "reference_missing"
    """An insertion needs the image that holds the object."""
    CROP_OUTSIDE = "crop_outside"
    """The box is empty or leaves the photo; the sentence names the photo's size."""
    SIZE_UNREACHABLE = "size_unreachable"
    """No quality fits into `max_bytes`; the sentence names the smallest size."""
    PARAMETER_INVALID = "parameter_invalid"
    """A field is unknown, of the wrong type or out of range."""
    JSON_INVALID = "json_invalid"
    """The body is no JSON."""
    BODY_TOO_LARGE = "body_too_large"
    """The request is larger than the gateway accepts."""
    REQUEST_TIMEOUT = "request_timeout"
    """The request's head or body came too slowly."""
    MEDIA_TYPE_UNSUPPORTED = "media_type_unsupported"
    """The request's content type is none that the route takes."""
    NOT_ACCEPTABLE = "not_acceptable"
    """The `Accept` header names no format that the route can answer in."""
    ENGINE_UNSUPPORTED = "engine_unsupported"
    """The deployment's engine cannot do this operation."""
    PROMPT_OUTSIDE = "prompt_outside"
    """A point or box of a smart mask lies outside the photo; coordinates are pixels of the upright photo."""
    NOTHING_FOUND = "nothing_found"
    """Nothing could be masked there; click on the object, or draw a box around it."""
    IDEMPOTENCY_KEY_INVALID = "idempotency_key_invalid"
    """The `Idempotency-Key` header is empty, too long or holds other than visible ASCII."""
    WEBHOOK_REFUSED = "webhook_refused"
    """The `webhook_url` is no address that results may be sent to."""
    # AccessError
    KEY_MISSING = "key_missing"
    """The gateway asks for an API key, and the request has none."""
    KEY_INVALID = "key_invalid"
    """The API key is not known, or was revoked."""
    TOKEN_INVALID = "token_invalid"  # noqa: S105 - a code
    """The signed token has expired, or is for another address."""
    SCOPE_MISSING = "scope_missing"
    """The API key may not do this; the sentence names the scope that may."""
    ORIGIN_REFUSED = "origin_refused"
    """A page of an origin that is not on the allow-list asks."""
    HOST_REFUSED = "host_refused"
    """Without API keys the gateway answers on loopback names only."""
    # NotFoundError
    JOB_UNKNOWN = "job_unknown"
    """No job has this id, or it ended over a day ago."""
    IMAGE_UNKNOWN = "image_unknown"
    """No image has this id, or it has expired."""
    ROUTE_UNKNOWN = "route_unknown"
    """No such route."""
    METHOD_NOT_ALLOWED = "method_not_allowed"
    """The route exists, but not for this method."""
    MODEL_NOT_FOUND = "model_not_found"
    """No model of this gateway has this id; `GET /v1/models` lists them (docs/openai.md)."""
    # ConflictError
    RESULT_NOT_READY = "result_not_ready"
    """The job is not done yet."""
    JOB_CANCELLED = "job_cancelled"
    """The job was cancelled, so it has no result."""
    JOB_EXISTS = "job_exists"
    """The id belongs to another edit."""
    REQUEST_CANCELLED = "request_cancelled"
    """The smart-mask request was cancelled by its `request_id`."""
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    """The `Idempotency-Key` was used for another request within a day."""
    # LimitError
    RATE_LIMITED = "rate_limited"
    """Too many requests of this kind; `Retry-After` says when to go on."""
    TOO_MANY_JOBS = "too_many_jobs"
    """As many jobs of this owner are open as may be; wait for one to end."""
    # UnavailableError
    QUEUE_FULL = "queue_full"
    """Too many jobs wait, or the gateway has as many connections as it may; `Retry-After` says when to try again."""
    BROKER_UNAVAILABLE = "broker_unavailable"
    """The broker does not answer."""
    BROKER_FULL = "broker_full"
    """The broker has nine tenths of its memory in use, none left, or no room on its disk: nothing new is accepted,
    what was accepted is kept."""
    STORE_UNAVAILABLE = "store_unavailable"
    """The image store does not answer."""
    WAIT_EXPIRED = "wait_expired"
    """The answer took longer than this request may wait."""
    # ProcessingError
    WORKER_LOST = "worker_lost"
    """The job ended its worker three times and was set aside."""
    TIME_LIMIT = "time_limit"
    """The work took longer than a worker may."""
    OUT_OF_MEMORY = "out_of_memory"
    """The work needed more memory than the worker has."""
    ENGINE_FAILED = "engine_failed"
    """The engine could not compute this edit."""
    INTERNAL = "internal"
    """A flaw of ours; the log has the cause."""


class DarkroomError(Exception):
    """Base of every error that Darkroom raises on purpose."""

    def __init__(self, code: ErrorCode | str, detail: str) -> None:
        """Remember the code and the sentence; both are also ``args``."""
        super().__init__(str(code), detail)

    @property
    def code(self) -> ErrorCode:
        """The stable code."""
        return ErrorCode(self.args[0])

    @property
    def detail(self) -> str:
        """What happened and what to change, in a sentence."""
        return str(self.args[1])

    def __str__(self) -> str:
        """The sentence: what a log line or a terminal shows."""
        return self.detail


class InputError(DarkroomError):
    """The request cannot be carried out as it is; the caller has to change something."""


class AccessError(DarkroomError):
    """Who asks is not known, or may not do this."""


class NotFoundError(DarkroomError):
    """The id names nothing, or nothing any more."""


class ConflictError(DarkroomError):
    """The thing exists, but its state does not allow this now."""


class LimitError(DarkroomError):
    """This client asks for too much at once; it has to slow down."""


class UnavailableError(DarkroomError):
    """A part of Darkroom is overloaded or away; trying again later can succeed."""


class ProcessingError(DarkroomError):
    """Accepted work could not be finished."""

    @classmethod
    def internal(cls) -> Self:
        """An unforeseen failure; the log has its cause, the client gets no traceback."""
        return cls(ErrorCode.INTERNAL, "The edit failed for a reason that is ours, not yours; the log has the cause.")


_ACCESS = {
    ErrorCode.KEY_MISSING,
    ErrorCode.KEY_INVALID,
    ErrorCode.TOKEN_INVALID,
    ErrorCode.SCOPE_MISSING,
    ErrorCode.ORIGIN_REFUSED,
    ErrorCode.HOST_REFUSED,
}
_NOT_FOUND = {
    ErrorCode.JOB_UNKNOWN,
    ErrorCode.IMAGE_UNKNOWN,
    ErrorCode.ROUTE_UNKNOWN,
    ErrorCode.METHOD_NOT_ALLOWED,
    ErrorCode.MODEL_NOT_FOUND,
}
_CONFLICT = {
    ErrorCode.RESULT_NOT_READY,
    ErrorCode.JOB_CANCELLED,
    ErrorCode.JOB_EXISTS,
    ErrorCode.REQUEST_CANCELLED,
    ErrorCode.IDEMPOTENCY_CONFLICT,
}
_LIMIT = {
    ErrorCode.RATE_LIMITED,
    ErrorCode.TOO_MANY_JOBS,
}
_UNAVAILABLE = {
    ErrorCode.QUEUE_FULL,
    ErrorCode.BROKER_UNAVAILABLE,
    ErrorCode.BROKER_FULL,
    ErrorCode.STORE_UNAVAILABLE,
    ErrorCode.WAIT_EXPIRED,
}
_PROCESSING = {
    ErrorCode.WORKER_LOST,
    ErrorCode.TIME_LIMIT,
    ErrorCode.OUT_OF_MEMORY,
    ErrorCode.ENGINE_FAILED,
    ErrorCode.INTERNAL,
}
_KINDS: dict[ErrorCode, type[DarkroomError]] = dict.fromkeys(ErrorCode, InputError) | {
    **dict.fromkeys(_ACCESS, AccessError),
    **dict.fromkeys(_NOT_FOUND, NotFoundError),
    **dict.fromkeys(_CONFLICT, ConflictError),
    **dict.fromkeys(_LIMIT, LimitError),
    **dict.fromkeys(_UNAVAILABLE, UnavailableError),
    **dict.fromkeys(_PROCESSING, ProcessingError),
}


def error_of(code: ErrorCode, detail: str) -> DarkroomError:
    """Return the error that a stored code and sentence stand for."""
    return _KINDS[code](code, detail)


_AWAY_WORDS = ("UNBLOCKED", "NOREPLICAS", "MASTERDOWN")
_FULL_WORDS = ("MISCONF",)
"""How a server's answer begins, where redis-py has no type for it. MISCONF: it cannot write to its disk."""


def broker_error(error: BaseException) -> UnavailableError | None:
    """Return what a broker's failure means to who asked: it is away, or full; None for what is neither but a bug."""
    import redis  # noqa: PLC0415 - who meets its errors has loaded it; the command line mostly has not
    from kombu.exceptions import OperationalError  # noqa: PLC0415 - as above

    match error:
        case redis.exceptions.OutOfMemoryError():
            return broker_full()
        case redis.ResponseError() if str(error).startswith(_FULL_WORDS):
            return broker_full()
        case redis.ResponseError() if str(error).startswith(_AWAY_WORDS):
            return broker_away()
        # A demoted server (READONLY) is as good as away: until somebody is the master again it takes nothing.
        case redis.ConnectionError() | redis.TimeoutError() | redis.ReadOnlyError() | OperationalError():
            return broker_away()
        case _:
            return None


def broker_away() -> UnavailableError:
    """Build the error for a broker that does not answer, or takes nothing."""
    return UnavailableError(
        ErrorCode.BROKER_UNAVAILABLE, "Darkroom's broker does not answer; try again in a few seconds."
    )


def broker_full() -> UnavailableError:
    """Build the error for a broker without memory, or without room on its disk."""
    return UnavailableError(ErrorCode.BROKER_FULL, "Darkroom's broker can store nothing more; try again in a minute.")


def translate(error: BaseException) -> DarkroomError:
    """Return a foreign error as one of ours; the one place where they are told apart, by type."""
    from celery.exceptions import (  # noqa: PLC0415 - as in broker_error
        SoftTimeLimitExceeded,
        TimeLimitExceeded,
        WorkerLostError,
    )

    match error:
        case DarkroomError():
            return error
        case _ if _is_lack_of_memory(error):
            return ProcessingError(ErrorCode.OUT_OF_MEMORY, "The edit needed more memory than the worker has.")
        case SoftTimeLimitExceeded() | TimeLimitExceeded():
            return ProcessingError(ErrorCode.TIME_LIMIT, "The edit took longer than a worker may; try a smaller photo.")
        case WorkerLostError():
            return ProcessingError(ErrorCode.WORKER_LOST, "The worker that ran this died; try a smaller photo.")
        case RuntimeError() if _is_full_gpu(error):
            return ProcessingError(ErrorCode.OUT_OF_MEMORY, "The edit needed more memory than the GPU has.")
        case _:
            return broker_error(error) or ProcessingError.internal()


def _is_full_gpu(error: RuntimeError) -> bool:
    # By name, as only engines may load PyTorch.
    kind = type(error)
    return (kind.__module__, kind.__name__) == ("torch", "OutOfMemoryError")


_OPENCV_NO_MEMORY = -4
"""``cv2.Error.StsNoMem``; cv2 itself is not imported here, as clients do without it."""


def _is_lack_of_memory(error: BaseException) -> bool:
    is_opencv = type(error).__module__ == "cv2"
    return isinstance(error, MemoryError) or (is_opencv and getattr(error, "code", None) == _OPENCV_NO_MEMORY)


class Interrupted(Exception):  # noqa: N818 - not an error: the work was taken from the task
    """Raised inside running work when it must stop: its job was cancelled or taken over, or the worker drains."""


class JobTaken(Interrupted):
    """The job is cancelled, finished or held by another attempt: stop and write nothing."""


class Draining(Interrupted):
    """The worker shuts down: give the job back to the queue."""
