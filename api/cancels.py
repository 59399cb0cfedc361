"""Requests that wait, and that their client can cancel by an id of its own choice."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.waiting import CHANNEL, Waiter, Waiters, unless
from tasks.errors import ConflictError, DarkroomError, ErrorCode
from tasks.jobs import State
from tasks.smart_masks import CANCEL_SECONDS, cancelled_key

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Cancels:
    """Cancels a request in whichever gateway process it waits, and the tasks that it has queued."""

    def __init__(self, broker: "Redis", waiters: Waiters, reread: float) -> None:
        """``broker`` decodes its answers; ``reread`` is how often, in seconds, a cancel is looked for unasked."""
        self._broker = broker
        self._waiters = waiters
        self._reread = reread

    async def run(self, owner: str, request_id: str, work: Callable[[], Awaitable[T]]) -> T:
        """Return what the work returns.

        Raises ``ConflictError`` (request_cancelled) if the request is cancelled meanwhile, or was before it came.
        """
        with self._waiters.watch(_name(owner, request_id)) as waiter:
            await self._begin(owner, request_id)
            try:
                made = await unless(self._cancel(owner, request_id, waiter), work())
                if made is None:
                    raise _cancelled()
            except DarkroomError as error:
                cancelled = error.code is ErrorCode.REQUEST_CANCELLED
                await self._end(owner, request_id, State.CANCELLED if cancelled else State.ERROR)
                raise
            await self._end(owner, request_id, State.DONE)
            return made

    async def cancel(self, owner: str, request_id: str) -> State:
        """Cancel a request, also one that has yet to come, and return its final state: it may have ended before."""
        ended = await self._broker.get(_ended_key(owner, request_id))
        if isinstance(ended, str):
            return State(ended)
        async with self._broker.pipeline() as pipe:
            pipe.set(cancelled_key(owner, request_id), 1, ex=CANCEL_SECONDS)
            pipe.publish(f"{CHANNEL}{_name(owner, request_id)}", "")
            await pipe.execute()
        log.info("request.cancelled", cancelled=request_id)
        return State.CANCELLED

    async def _begin(self, owner: str, request_id: str) -> None:
        async with self._broker.pipeline() as pipe:
            pipe.exists(cancelled_key(owner, request_id))
            pipe.delete(_ended_key(owner, request_id))
            cancelled, _ = await pipe.execute()
        if cancelled:
            raise _cancelled()

    async def _end(self, owner: str, request_id: str, state: State) -> None:
        try:
            await self._broker.set(_ended_key(owner, request_id), state, ex=CANCEL_SECONDS)
        except RedisError as error:
            # What was made is worth more than what a late cancel would be told.
            log.warning("request.end_not_noted", reason=str(error))

    async def _cancel(self, owner: str, request_id: str, waiter: Waiter) -> None:
        """Return once the request is cancelled."""
        while True:
            await waiter.wait(self._reread)
            try:
                if await self._broker.exists(cancelled_key(owner, request_id)):
                    return
            except RedisError as error:
                log.warning("request.cancel_not_read", reason=str(error))


def _name(owner: str, request_id: str) -> str:
    """What a cancel wakes; no task's id looks like it."""
    return f"cancel:{owner}:{request_id}"


def _ended_key(owner: str, request_id: str) -> str:
    return f"darkroom:ended:{owner}:{request_id}"


def _cancelled() -> ConflictError:
    return ConflictError(
        ErrorCode.REQUEST_CANCELLED,
        "The request was cancelled. An id names one request: send another one with a new id.",
    )
