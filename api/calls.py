"""Celery tasks with a reply, called over asyncio."""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from celery import Celery, states
from redis.asyncio import Redis

from api.pools import Pools, pool_of
from api.problems import RetryLaterError, broker_unavailable
from api.waiting import CHANNEL, Waiter, Waiters
from tasks import messages
from tasks.errors import DarkroomError, ErrorCode, ProcessingError, UnavailableError, error_of
from tasks.queues import Priority, Queue, list_key

log = structlog.get_logger(__name__)

START_SECONDS = 15.0
"""When a client should come back to a pool that is being started: a machine takes one to three minutes, and each try
holds the line for a while."""

_FOREIGN: Mapping[str, tuple[ErrorCode, str]] = {
    "TimeLimitExceeded": (ErrorCode.TIME_LIMIT, "This took longer than a worker may; try a smaller photo."),
    "WorkerLostError": (ErrorCode.WORKER_LOST, "The worker that ran this died; try a smaller photo."),
    "TaskRevokedError": (ErrorCode.WAIT_EXPIRED, "The workers are too busy to do this in time; try again later."),
}
"""What Celery itself answers for a task that could not answer."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds."""

    wait: float
    """How long a reply is waited for, the time in the queue included."""
    reread: float
    """How often the reply is looked for without a wake-up."""
    resend: float
    """After so long a message that is not in its queue any more is sent once more."""


@dataclass(frozen=True, slots=True)
class Call:
    """A task for a pool. Somebody waits for it, or will soon: it goes before batches."""

    task: str
    queue: Queue
    args: tuple[str, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    lives: float | None = None
    """Seconds until its message expires; None: when nobody waits for it any more, it is not computed."""


class Calls:
    """Has tasks carried out."""

    def __init__(self, celery: Celery, broker: "Redis", waiters: Waiters, pools: Pools, timing: Timing) -> None:
        """``broker`` decodes its answers."""
        self._celery = celery
        self._broker = broker
        self._waiters = waiters
        self._pools = pools
        self._timing = timing

    async def send(self, call: Call) -> None:
        """Put a task into its queue; nobody waits for its reply. Raises ``UnavailableError`` (broker_unavailable)."""
        await self._push(call, str(uuid.uuid4()))

    async def reply(self, call: Call) -> dict[str, Any]:
        """Return what a task returned.

        Raises what the task raised, or ``UnavailableError``: wait_expired or broker_unavailable.
        """
        task_id = str(uuid.uuid4())
        with self._waiters.watch(task_id) as waiter:
            await self._push(call, task_id)
            meta = await self._reply(call, task_id, waiter)
        if meta is None:
            raise await self._expired(call.queue)
        return result_of(meta)

    async def _push(self, call: Call, task_id: str) -> None:
        message = messages.build(
            self._celery,
            call.task,
            task_id=task_id,
            queue=call.queue,
            priority=Priority.INTERACTIVE,
            args=list(call.args),
            kwargs=dict(call.kwargs),
            expires=self._timing.wait if call.lives is None else call.lives,
        )
        await self._waiters.require()
        await self._broker.lpush(list_key(call.queue, Priority.INTERACTIVE), message)

    async def _reply(self, call: Call, task_id: str, waiter: Waiter) -> dict[str, Any] | None:
        deadline = time.monotonic() + self._timing.wait
        resend_at = time.monotonic() + self._timing.resend
        while (left := deadline - time.monotonic()) > 0:
            await waiter.wait(min(left, self._timing.reread))
            if self._waiters.is_away:
                raise broker_unavailable()
            meta = ready(waiter.message) or await self._stored_reply(task_id)
            if meta is not None:
                return meta
            if time.monotonic() >= resend_at:
                resend_at = deadline
                await self._push_again(call, task_id)
        return None

    async def _push_again(self, call: Call, task_id: str) -> None:
        # A broker that answers into a dead connection has given the message away, and nobody has it: jobs have the
        # sweeper for that. Done twice, a utility makes the same image twice.
        if not self._waiters.away_seconds and not await self._broker.llen(list_key(call.queue, Priority.INTERACTIVE)):
            log.info("call.resent", task=call.task, called=task_id)
            await self._push(call, task_id)

    async def _stored_reply(self, task_id: str) -> dict[str, Any] | None:
        if self._waiters.away_seconds:
            # The broker restarts: this request rides it out.
            return None
        return ready(await self._broker.get(f"{CHANNEL}{task_id}"))

    async def _expired(self, queue: Queue) -> UnavailableError:
        obstacle = pool_of(await self._pools.overview(), queue).obstacle
        if obstacle is None:
            return UnavailableError(
                ErrorCode.WAIT_EXPIRED, f"No worker finished this within {self._timing.wait:g} s; try again later."
            )
        return RetryLaterError(ErrorCode.WAIT_EXPIRED, f"{obstacle} Try again in {START_SECONDS:.0f} s.", START_SECONDS)


def ready(text: str | bytes | None) -> dict[str, Any] | None:
    """Return the meta of a task that has ended, None for anything else."""
    meta: dict[str, Any] | None = json.loads(text) if text else None
    return meta if meta is not None and meta["status"] in states.READY_STATES else None


def result_of(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a task answered. Raises the error that it ended with."""
    result: dict[str, Any] = meta["result"]
    if meta["status"] != states.SUCCESS:
        raise error_in(result)
    return result


def error_in(result: Mapping[str, Any]) -> DarkroomError:
    """Return the error that a failed task's result stands for."""
    match result:
        case {"exc_module": "tasks.errors", "exc_message": [code, detail]} if code in set(ErrorCode):
            return error_of(ErrorCode(code), str(detail))
        case {"exc_type": name} if name in _FOREIGN:
            return error_of(*_FOREIGN[name])
        case _:
            return ProcessingError.internal()
