"""Requests that a client may repeat: what it asks for under one key is one request."""

import hashlib
from dataclasses import dataclass
from typing import Any

from tasks.errors import ConflictError, ErrorCode


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A client's promise that all requests under one key are one request."""

    owner: str
    key: str
    """As the client chose it."""
    digest: str
    """Of all that makes up the request."""

    @property
    def name(self) -> str:
        """Where it is remembered: the client's text is hashed, as it could be anything."""
        return f"darkroom:idempotency:{self.owner}:{hashlib.sha256(self.key.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Recalled:
    """What was asked for before under an idempotency key."""

    digest: str
    job_id: str | None
    """The job that came of it; None where the request made none."""

    @classmethod
    def parse(cls, reply: Any) -> "Recalled | None":
        """Read the ledger's answer."""
        return cls(reply[0], reply[1] or None) if reply else None


def conflict() -> ConflictError:
    """Build the error of a key that was used for something else."""
    return ConflictError(
        ErrorCode.IDEMPOTENCY_CONFLICT,
        "This Idempotency-Key was used for another request within a day; send a new key with a new request.",
    )
