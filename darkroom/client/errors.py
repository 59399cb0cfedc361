"""What can go wrong, with the names that the gateway gives it.

::

    ApiError(status, code, detail, errors)
    ├── InputError        the request has to change
    ├── AccessError       who asks is not known, or may not do this
    ├── NotFoundError     the id names nothing (any more)
    ├── ConflictError     the thing exists but its state does not allow this
    ├── LimitError        too much at once from this client; it has to slow down
    ├── UnavailableError  try again later
    │   └── UnreachableError  no gateway answers at the address
    └── ProcessingError   accepted work could not be finished

Codes are stable and listed in docs/errors.md; sentences are for people.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from darkroom.client.steps import Reply


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request."""

    field: str
    detail: str
    code: str


class ApiError(Exception):
    """Darkroom refused a request, or a job failed."""

    def __init__(
        self,
        status: int | None,
        code: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        *,
        request_id: str | None = None,
        job_id: str | None = None,
    ) -> None:
        """``status`` is None where no answer of the gateway says so."""
        super().__init__(status, code, detail)
        self.status = status
        self.code = code
        """Stable, for programs: ``mask_empty``, ``rate_limited`` …"""
        self.detail = detail
        """What happened and what to change, in a sentence."""
        self.errors = tuple(errors)
        """Each field that is wrong, where the request was checked field by field."""
        self.request_id = request_id
        """Finds the request in the gateway's log."""
        self.job_id = job_id
        """The job that was waited for, if any; ``client.job(job_id)`` takes it up again."""

    def __str__(self) -> str:
        """The sentence and its code."""
        return f"{self.detail} ({self.code})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive the way to another process."""
        return type(self), self.args, self.__dict__


class InputError(ApiError):
    """The request cannot be carried out as it is; the caller has to change something."""


class AccessError(ApiError):
    """Who asks is not known, or may not do this."""


class NotFoundError(ApiError):
    """The id names nothing, or nothing any more."""


class ConflictError(ApiError):
    """The thing exists, but its state does not allow this now."""


class LimitError(ApiError):
    """This client asks for too much at once; it has to slow down."""


class UnavailableError(ApiError):
    """A part of Darkroom is overloaded or away, or the wait is over; trying again later can succeed."""


class UnreachableError(UnavailableError):
    """No gateway answers at the address."""


class ProcessingError(ApiError):
    """Accepted work could not be finished."""


_KINDS: Mapping[str, type[ApiError]] = {
    kind.__name__: kind
    for kind in (
        InputError,
        AccessError,
        NotFoundError,
        ConflictError,
        LimitError,
        UnavailableError,
        ProcessingError,
    )
}
_BY_STATUS: Mapping[int, type[ApiError]] = {
    401: AccessError,
    403: AccessError,
    404: NotFoundError,
    409: ConflictError,
    429: LimitError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}


def is_problem(reply: Reply) -> bool:
    """Whether the gateway itself wrote this error, and not a proxy before it (RFC 9457)."""
    return reply.headers.get("content-type", "").startswith("application/problem+json")


def error_of(reply: Reply, asked: str) -> ApiError:
    """Return the error that an answer is; ``asked`` tells what for: ``GET /api/…``.

    A kind that this version does not know is told by its status.
    """
    problem = _problem(reply)
    kind = _KINDS.get(str(problem.get("error_type")))
    if kind is None:
        kind = _BY_STATUS.get(reply.status, InputError if reply.status < 500 else ProcessingError)
    return kind(
        reply.status,
        str(problem.get("code", f"http_{reply.status}")),
        str(problem.get("detail", f"{asked} was answered with {reply.status} {_phrase(reply.status)}.")),
        [_field_error(each) for each in problem.get("errors") or () if isinstance(each, dict)],
        request_id=reply.headers.get("x-request-id"),
    )


def _problem(reply: Reply) -> dict[str, Any]:
    try:
        problem = json.loads(reply.content) if is_problem(reply) else {}
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _field_error(told: Mapping[str, Any]) -> FieldError:
    return FieldError(*(str(told.get(name, "")) for name in ("field", "detail", "code")))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
