"""The outbox: which jobs' ends have to be told to a webhook, and what came of each attempt.

An entry is written by the script that ends the job, so that no crash can come between. From then on it is due again
and again until an attempt is settled: the sweeper takes what is due and sends a message for each, the task that gets
it begins an attempt with a token and a lease, and only that token can settle it. Whatever dies on the way, the entry
is due after the lease::

    close (job ends) ─► take (sweeper) ─► begin (task) ─► settle: delivered, postponed, refused, gone, given_up

Keys: ``darkroom:webhooks:due`` (job ids by when they are looked at next), ``darkroom:webhooks:dead`` (ids of jobs whose
end was not delivered), ``darkroom:webhooks:secrets`` (owner to secret), and fields of the job's record.
"""

import base64
import secrets
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog

from tasks import ledger, messages
from tasks.app import app
from tasks.ledger import Ledger, Move, Token
from tasks.queues import Priority, Queue, list_key
from tasks.settings import settings
from tasks.submission import origin

DELIVER_TASK = "tasks.webhooks.deliver"
LOOKED_AT = 2000
"""Due entries among whose owners the free places are shared in one sweep: reading them takes about 2 ms."""
OLDER_SECRETS_MAX = 4
"""Signatures that an attempt carries beside the newest: a header of 250 characters."""
_MESSAGES = list_key(Queue.JOBS, Priority.INTERACTIVE)

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """What came of an attempt; all but POSTPONED are the end of the webhook."""

    DELIVERED = "delivered"
    POSTPONED = "postponed"
    REFUSED = "refused"
    """The address is none that may be reached."""
    GONE = "gone"
    """The receiver said that it wants no more."""
    GIVEN_UP = "given_up"


class Begun(StrEnum):
    """Answer to ``begin``; everything but BEGUN means: do nothing."""

    BEGUN = "begun"
    HELD = "held"
    EARLY = "early"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The answer to ``begin``."""

    answer: Begun
    number: int
    """From 1, where it has begun."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What the sweeper took."""

    job_ids: tuple[str, ...]
    expired: tuple[str, ...]
    """Jobs whose record went before their webhook was delivered."""


@dataclass(frozen=True, slots=True)
class OlderSecret:
    """A secret that was rotated and still signs."""

    secret: str
    until: int
    """Unix seconds by the ledger's clock."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What an owner's webhooks are signed with: ``whsec_`` and 32 bytes as base64."""

    current: str
    older: tuple[OlderSecret, ...]
    """Those before it, the newest first, while they go on signing."""

    @property
    def signing(self) -> tuple[str, ...]:
        """Every secret that signs now, the newest first."""
        return (self.current, *(older.secret for older in self.older))


def take(places: int) -> Move[Taken]:
    """Take due webhooks, at most so many, fairly among owners; each is due again after a lease."""
    return Move(
        "webhook_take",
        (places, settings().webhook_lease_seconds, LOOKED_AT),
        lambda reply: Taken(tuple(reply[0]), tuple(reply[1])),
    )


def begin(token: Token) -> Move[Attempt]:
    """Begin an attempt; it counts from now on, whatever comes of it."""
    return Move(
        "webhook_begin",
        (token.job_id, token.value, settings().webhook_lease_seconds),
        lambda reply: Attempt(Begun(reply[0]), reply[1]),
    )


def settle(token: Token, outcome: Outcome, wait_seconds: float = 0) -> Move[bool]:
    """Tell what came of an attempt; False if it was no longer the one that counts. The wait is for POSTPONED."""
    return Move("webhook_settle", (token.job_id, token.value, outcome, wait_seconds), lambda reply: reply == "settled")


def secret_of(owner: str) -> Move[Secrets]:
    """Return an owner's secrets, made now if there are none."""
    return _secret(owner, rotate=False)


def rotate_secret(owner: str) -> Move[Secrets]:
    """Make a new secret; the old one goes on signing beside it for a while."""
    return _secret(owner, rotate=True)


def dispatch(book: Ledger) -> int:
    """Send a message for each due webhook that the queue has room for; return how many."""
    places = settings().webhooks_queued - int(book.client.llen(_MESSAGES))
    if places <= 0:
        return 0
    taken = book.apply(take(places))
    for job_id in taken.expired:
        log.error("webhook.given_up", job_id=job_id, reason="the job's record has expired")
    if taken.job_ids:
        book.client.lpush(_MESSAGES, *(_message(book, job_id) for job_id in taken.job_ids))
    return len(taken.job_ids)


def _message(book: Ledger, job_id: str) -> str:
    read = book.apply(ledger.read(job_id))
    return messages.build(
        app,
        DELIVER_TASK,
        task_id=str(uuid.uuid4()),
        args=[job_id],
        queue=Queue.JOBS,
        priority=Priority.INTERACTIVE,
        headers=origin(read[0]) if read is not None else {},
    )


def _secret(owner: str, *, rotate: bool) -> Move[Secrets]:
    fresh = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    return Move(
        "webhook_secret",
        (owner, fresh, "1" if rotate else "", settings().webhook_secret_overlap_seconds, OLDER_SECRETS_MAX),
        _secrets,
    )


def _secrets(reply: list[Any]) -> Secrets:
    current, *older = reply
    return Secrets(current, tuple(map(OlderSecret, older[::2], older[1::2])))
