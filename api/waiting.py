"""One listener per process for everybody who waits: sync requests, event streams and replies of utilities.

Workers publish each change on ``celery-task-meta-{id}``. That is a wake-up and nothing more, as pub/sub promises no
delivery: whoever waits registers first, then starts the work, reads after each wake-up, and reads again every few
seconds and after the listener was away.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from api.problems import broker_unavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")

CHANNEL = "celery-task-meta-"
_CLOCK_SECONDS = 0.01
"""A timer of the event loop may fire so much early."""
_FIRST_DELAY_SECONDS, _LAST_DELAY_SECONDS = 0.05, 2.0
"""Between attempts to reconnect; doubled each time."""


class Waiter:
    """One request that waits for one id. Keeps no more than the latest message, whatever its client's speed."""

    __slots__ = ("_woken", "message")

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self.message: str | None = None
        """The latest message on the id's channel."""

    def wake(self, message: str | None = None) -> None:
        """Have the waiter read again."""
        self.message = message or self.message
        self._woken.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for the next wake-up; return whether there was one in time. Wake-ups between two waits count."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True


class Waiters:
    """Everybody who waits in this process, and the connection that wakes them."""

    def __init__(self, client: "Redis", *, outage_seconds: float, silence_seconds: float) -> None:
        """Take a client of its own, which must not retry: a reconnect has to be seen here. ``run`` starts it.

        ``outage_seconds`` is how long waits ride out a broker that is away, ``silence_seconds`` how long a connection
        may be silent before it is asked for a sign of life.
        """
        self._client = client
        self._outage_seconds = outage_seconds
        self._silence_seconds = silence_seconds
        self._waiting: dict[str, set[Waiter]] = {}
        self._listening = asyncio.Event()
        self._heard_at = asyncio.get_running_loop().time()
        self.stopping = False
        """Set when the server was told to stop: long waits end with what is known."""

    def __len__(self) -> int:
        """How many wait now."""
        return sum(map(len, self._waiting.values()))

    @contextmanager
    def watch(self, task_id: str) -> Iterator[Waiter]:
        """Register for the wake-ups of an id, until the block ends."""
        waiter = Waiter()
        self._waiting.setdefault(task_id, set()).add(waiter)
        try:
            yield waiter
        finally:
            others = self._waiting[task_id]
            others.discard(waiter)
            if not others:
                del self._waiting[task_id]

    async def require(self) -> None:
        """Return once the listener listens. Raises ``UnavailableError`` (broker_unavailable) if it stays away."""
        if self._listening.is_set():
            return
        try:
            async with asyncio.timeout(max(0.0, self._outage_seconds - self.away_seconds)):
                await self._listening.wait()
        except TimeoutError:
            raise broker_unavailable() from None

    @property
    def away_seconds(self) -> float:
        """How long the listener has been without a sign of life; 0 while it listens."""
        return 0.0 if self._listening.is_set() else asyncio.get_running_loop().time() - self._heard_at

    @property
    def is_away(self) -> bool:
        """Whether the broker is away for longer than waits ride out."""
        return self.away_seconds >= self._outage_seconds

    def stop(self) -> None:
        """Have all long waits end: the server shuts down."""
        self.stopping = True
        self._wake_all()

    async def run(self) -> NoReturn:
        """Listen for ever; reconnect after every loss."""
        delay = _FIRST_DELAY_SECONDS
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                _reraise_cancel()
                if self._listening.is_set():
                    self._listening.clear()
                    delay = _FIRST_DELAY_SECONDS
                    # They ride an outage out for so long; then they are told.
                    left = self._outage_seconds - self.away_seconds + _CLOCK_SECONDS
                    asyncio.get_running_loop().call_later(left, self._wake_all)
                log.warning("listener.disconnected", reason=str(error), retry_seconds=delay)
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LAST_DELAY_SECONDS)

    async def _listen(self) -> NoReturn:
        async with self._client.pubsub() as pubsub:
            await pubsub.psubscribe(f"{CHANNEL}*")
            silent = False
            while True:
                message = await pubsub.get_message(timeout=self._silence_seconds)
                if message is None:
                    silent = await _sign_of_life(pubsub, silent)
                    continue
                silent = False
                self._heard_at = asyncio.get_running_loop().time()
                self._handle(message["type"], message["channel"], message["data"])

    def _handle(self, kind: str, channel: str, data: str) -> None:
        if kind == "pmessage":
            for waiter in self._waiting.get(channel.removeprefix(CHANNEL), ()):
                waiter.wake(data)
        elif kind == "psubscribe":
            self._listening.set()
            log.info("listener.connected")
            # What was published meanwhile is lost: everybody reads.
            self._wake_all()

    def _wake_all(self) -> None:
        for waiters in self._waiting.values():
            for waiter in waiters:
                waiter.wake()


async def unless(interruption: Awaitable[object], work: Awaitable[T]) -> T | None:
    """Return what the work returns; None, and the work is cancelled, if the interruption comes first."""
    working = asyncio.ensure_future(work)
    interrupting = asyncio.ensure_future(interruption)
    try:
        await asyncio.wait({working, interrupting}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        interrupting.cancel()


def _reraise_cancel() -> None:
    """Cancel after all: redis-py's clean-up can raise an error of its own in the place of a ``CancelledError``."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _sign_of_life(pubsub: "PubSub", already_asked: bool) -> bool:
    if already_asked:
        raise ConnectionError("The broker gives no sign of life.")
    await pubsub.ping()
    return True
