"""Puts right what was lost: messages that vanished, workers that died, chords that will never complete.

Every open job has a time at which the sweeper looks at it (the end of its lease, or its enqueue plus a grace). A job
is lost when its holder let the lease lapse, or when nobody holds it and its message cannot be in its queue any more:
the list is empty, or its oldest message was enqueued after the job's. That costs one read per list, at any backlog;
lists are first in, first out, and what is put back in front says that it is older than all behind it.
"""

import threading
import uuid
from collections.abc import Mapping

import redis
import structlog

from tasks import ledger, messages, outbox, tracing, watchers
from tasks.app import app
from tasks.errors import UnavailableError
from tasks.jobs import Job, Stage
from tasks.leadership import Leadership
from tasks.ledger import SERVED_BY, Ledger, Requeued
from tasks.outcomes import tell_end
from tasks.queues import Priority, Queue, list_key, list_keys
from tasks.settings import settings
from tasks.submission import returned

LEADER_KEY = "darkroom:sweeper"
HOUSEKEEPING_KEY = "darkroom:housekeeping"
OLDEST_KEY = "darkroom:oldest:"
_LIFE_IN_SWEEPS = 3
"""Without its leader for so long another process leads, and what it has noted is not true any more."""

log = structlog.get_logger(__name__)


def carried_by(job: Job) -> Queue:
    """Return the queue that holds the message which carries the job on."""
    return SERVED_BY[job.edit.operation] if job.stage is Stage.BODY else Queue.IMAGE_UTILS


def was_held(job: Job) -> bool:
    """Whether an attempt took the job's message, and its lease has lapsed; a chord's parts are several messages."""
    return job.lease_until > 0 and job.stage is not Stage.PARTS


def is_lost(enqueued_at: float, oldest_in_list: float | None, *, list_is_empty: bool) -> bool:
    """Decide whether a message enqueued then can still wait in a list whose oldest message was enqueued at that time.

    A list whose oldest message does not say when it was enqueued tells nothing: the job is not lost yet.
    """
    if list_is_empty:
        return True
    return oldest_in_list is not None and oldest_in_list > enqueued_at + settings().clock_skew_seconds


def note_oldest(book: Ledger) -> None:
    """Tell for the overview since when the oldest message of each queue waits; what is told is forgotten soon."""
    client, life = book.client, int(_LIFE_IN_SWEEPS * settings().sweep_seconds * 1000)
    for queue in Queue:
        first = [client.lindex(key, -1) for key in list_keys(queue)]
        since = [at for message in first if message and (at := messages.enqueued_at(message)) is not None]
        if since:
            client.set(f"{OLDEST_KEY}{queue}", min(since), px=max(1000, life))


class Sweeper(threading.Thread):
    """One leader among the processes that run this sweeps; the others wait to take over."""

    def __init__(self, book: Ledger) -> None:
        """Prepare; nothing runs before ``start``."""
        super().__init__(name="sweeper", daemon=True)
        self._ledger = book
        self._id = uuid.uuid4().hex
        self._leadership = Leadership(book.client, LEADER_KEY, self._id, _LIFE_IN_SWEEPS * settings().sweep_seconds)
        self._stopped = threading.Event()

    def run(self) -> None:
        """Sweep until stopped."""
        while not self._stopped.wait(settings().sweep_seconds):
            try:
                if self._leadership.held():
                    self.sweep()
                    note_oldest(self._ledger)
                    outbox.dispatch(self._ledger)
                    self._housekeep()
            except (UnavailableError, redis.RedisError) as error:
                log.warning("sweeper.broker_unavailable", reason=str(error))

    def stop(self) -> None:
        """Stop after the sweep that runs; the leadership ends by itself."""
        self._stopped.set()

    def sweep(self) -> Mapping[str, Requeued]:
        """Look at every due job once; return what was done with those that were lost."""
        done = {}
        for job_id in self._ledger.apply(ledger.due(settings().sweep_batch)):
            read = self._ledger.apply(ledger.read(job_id))
            if read is None:
                continue
            if self._is_lost(read[0]):
                done[job_id] = self._requeue(read[0])
            else:
                self._ledger.apply(ledger.postpone(read[0]))
        return done

    def _is_lost(self, job: Job) -> bool:
        if was_held(job):
            return True
        oldest = self._ledger.client.lindex(list_key(carried_by(job), job.priority), -1)
        return is_lost(
            job.enqueued_at,
            messages.enqueued_at(oldest) if oldest else None,
            list_is_empty=oldest is None,
        )

    def _requeue(self, job: Job) -> Requeued:
        envelope = returned(job)
        outcome = self._ledger.apply(ledger.requeue(job, envelope.list_key, envelope.message))
        origin = {messages.REQUEST_ID: job.request_id, **tracing.log_fields(job.traceparent)}
        log.warning("job.swept", job_id=job.id, stage=job.stage, attempts=job.attempts, outcome=outcome, **origin)
        if outcome is Requeued.BURIED:
            watchers.show_end(app, tell_end(self._ledger, job.id))
        return outcome

    def _housekeep(self) -> None:
        client = self._ledger.client
        if client.set(HOUSEKEEPING_KEY, self._id, nx=True, ex=settings().housekeeping_seconds):
            message = messages.build(
                app,
                "tasks.housekeeping.expire_images",
                task_id=str(uuid.uuid4()),
                queue=Queue.JOBS,
                priority=Priority.BATCH,
            )
            client.lpush(list_key(Queue.JOBS, Priority.BATCH), message)
