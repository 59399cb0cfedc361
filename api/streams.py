"""A job's changes as server-sent events (WHATWG HTML, 9.2).

Woken by the listener, read from the ledger: a client that reads slowly holds no backlog here, it is told less often.
"""

import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog
from fastapi.sse import format_sse_event

from api.gateway import Gateway
from api.jobs import Snapshot, find
from api.status import JobStatus, status_of, status_of_event
from tasks import ledger
from tasks.errors import NotFoundError, UnavailableError

log = structlog.get_logger(__name__)

START = "0-0"
_EVENT_ID = re.compile(r"\d{1,19}-\d{1,19}")


@dataclass(frozen=True, slots=True)
class Change:
    """One event of the stream."""

    id: str
    status: JobStatus

    def says_the_same(self, other: "Change | None") -> bool:
        """Whether a client that has the other one learns nothing new; an estimate alone is no news."""
        return other is not None and _without_estimate(self) == _without_estimate(other)

    def encode(self) -> bytes:
        """Return the event's lines."""
        return format_sse_event(data_str=self.status.model_dump_json(), id=self.id)


def position(last_event_id: str | None) -> str:
    """Return where a stream goes on; what is no id of ours starts from the beginning."""
    return last_event_id if last_event_id and _EVENT_ID.fullmatch(last_event_id) else START


def has_all(snapshot: Snapshot, after: str) -> bool:
    """Whether a client that has the event ``after`` knows how the job ended."""
    return snapshot.job.state.is_final and after == snapshot.last_event


async def follow(gateway: Gateway, job_id: str, owner: str, after: str) -> AsyncIterator[bytes]:
    """Yield a job's events after an id, then each change as it happens, until the final one; heartbeats between.

    Ends early, with a hint when to come back, when the server stops. A broker that is away is waited for.
    """
    settings = gateway.settings
    yield format_sse_event(retry=settings.stream_retry_milliseconds)
    last: Change | None = None
    spoke_at = time.monotonic()
    with gateway.waiters.watch(job_id) as waiter:
        while not gateway.waiters.stopping:
            for change in await _news(gateway, job_id, owner, last.id if last else after):
                # A client that comes back has the event that it names.
                known = last is None and change.id == after
                if not (known or change.says_the_same(last)):
                    yield change.encode()
                    spoke_at = time.monotonic()
                last = change
            if last is not None and last.status.status.is_final:
                return
            if time.monotonic() - spoke_at >= settings.heartbeat_seconds:
                yield format_sse_event(comment="heartbeat")
                spoke_at = time.monotonic()
            await waiter.wait(min(settings.reread_seconds, settings.heartbeat_seconds))
    yield format_sse_event(comment="The gateway restarts.", retry=settings.stream_retry_milliseconds)


async def _news(gateway: Gateway, job_id: str, owner: str, after: str) -> list[Change]:
    """Return the events after an id, and the job as it is now as the last of them."""
    try:
        snapshot = await find(gateway, job_id, owner)
        events = await gateway.ledger.apply(ledger.events(job_id, after))
        overview = await gateway.pools.overview()
    except (UnavailableError, NotFoundError) as error:
        # Not found: the broker came back without its data. The job may be put back; the client leaves when it likes.
        log.warning("stream.interrupted", job_id=job_id, reason=error.detail)
        return []
    now = Change(snapshot.last_event, status_of(snapshot.job, overview))
    # What happened since the snapshot comes with the next one: its events and its state then agree.
    until = _order(snapshot.last_event)
    before = [Change(event.id, status_of_event(job_id, event)) for event in events if _order(event.id) < until]
    return [*before, now]


def _order(event_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = event_id.partition("-")
    return int(milliseconds), int(sequence)


def _without_estimate(change: Change) -> tuple[str, JobStatus]:
    return change.id, change.status.model_copy(update={"eta_seconds": None})
