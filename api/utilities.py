"""Image utilities: a Celery task with a reply, called over asyncio."""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from celery import Celery, states
from redis.asyncio import Redis

from api.problems import broker_unavailable
from api.waiting import CHANNEL, Waiter, Waiters
from tasks import messages
from tasks.errors import DarkroomError, ErrorCode, ProcessingError, UnavailableError, error_of
from tasks.imaging.probe import Format
from tasks.queues import Priority, Queue, list_key

_FOREIGN: Mapping[str, tuple[ErrorCode, str]] = {
    "TimeLimitExceeded": (ErrorCode.TIME_LIMIT, "This took longer than a worker may; try a smaller photo."),
    "WorkerLostError": (ErrorCode.WORKER_LOST, "The worker that ran this died; try a smaller photo."),
    "TaskRevokedError": (ErrorCode.WAIT_EXPIRED, "The workers are too busy to do this in time; try again later."),
}
"""What Celery itself answers for a task that could not answer."""


@dataclass(frozen=True, slots=True)
class Made:
    """An image that a utility made; it is in the store."""

    image_id: str
    format: Format
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds."""

    wait: float
    """How long a reply is waited for, the time in the queue included."""
    reread: float
    """How often the reply is looked for without a wake-up."""


class Utilities:
    """Calls image utilities on their workers."""

    def __init__(self, celery: Celery, broker: "Redis", waiters: Waiters, timing: Timing) -> None:
        """``broker`` decodes its answers."""
        self._celery = celery
        self._broker = broker
        self._waiters = waiters
        self._timing = timing

    async def call(self, name: str, images: Sequence[str], options: Mapping[str, Any], *, owner: str) -> Made:
        """Have a utility of ``tasks.image_utils`` make an image from images of the store.

        Raises what the utility raised, or ``UnavailableError``: wait_expired or broker_unavailable.
        """
        task_id = str(uuid.uuid4())
        message = messages.build(
            self._celery,
            f"tasks.image_utils.{name}",
            task_id=task_id,
            queue=Queue.IMAGE_UTILS,
            priority=Priority.INTERACTIVE,
            args=list(images),
            kwargs={**options, "owner": owner},
            # Nobody waits for it any more then: it is not computed.
            expires=self._timing.wait,
        )
        with self._waiters.watch(task_id) as waiter:
            await self._waiters.require()
            await self._broker.lpush(list_key(Queue.IMAGE_UTILS, Priority.INTERACTIVE), message)
            return made(await self._reply(task_id, waiter))

    async def _reply(self, task_id: str, waiter: Waiter) -> dict[str, Any]:
        deadline = time.monotonic() + self._timing.wait
        while (left := deadline - time.monotonic()) > 0:
            await waiter.wait(min(left, self._timing.reread))
            if self._waiters.is_away:
                raise broker_unavailable()
            meta = ready(waiter.message) or await self._stored_reply(task_id)
            if meta is not None:
                return meta
        raise UnavailableError(
            ErrorCode.WAIT_EXPIRED, f"No worker finished this within {self._timing.wait:g} s; try again later."
        )

    async def _stored_reply(self, task_id: str) -> dict[str, Any] | None:
        if self._waiters.away_seconds:
            # The broker restarts: this request rides it out.
            return None
        return ready(await self._broker.get(f"{CHANNEL}{task_id}"))


def ready(text: str | bytes | None) -> dict[str, Any] | None:
    """Return the meta of a task that has ended, None for anything else."""
    meta: dict[str, Any] | None = json.loads(text) if text else None
    return meta if meta is not None and meta["status"] in states.READY_STATES else None


def made(meta: Mapping[str, Any]) -> Made:
    """Return what a utility answered. Raises the error that it ended with."""
    result = meta["result"]
    if meta["status"] != states.SUCCESS:
        raise error_in(result)
    return Made(result["image_id"], Format(result["format"]), result["width"], result["height"])


def error_in(result: Mapping[str, Any]) -> DarkroomError:
    """Return the error that a failed task's result stands for."""
    match result:
        case {"exc_module": "tasks.errors", "exc_message": [code, detail]} if code in set(ErrorCode):
            return error_of(ErrorCode(code), str(detail))
        case {"exc_type": name} if name in _FOREIGN:
            return error_of(*_FOREIGN[name])
        case _:
            return ProcessingError.internal()
