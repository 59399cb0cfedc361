"""How much of the bodies that come in a gateway holds at once: what bounds its memory while many send large ones.

The length of one body is limited (``api.security``), but a hundred clients can send the longest one together. Each
byte counts from its coming in until the request's images are in the store; who finds no room is asked to come back.
"""

from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import RETRY_SECONDS, RetryLaterError
from tasks.errors import DarkroomError, ErrorCode, UnavailableError

SMALL_BYTES = 65_536
"""A body up to this length always finds room: what names its images by id is far shorter, and as many of these as a
process has connections are harmless."""


class Holding:
    """What one request holds."""

    def __init__(self, room: "Room") -> None:
        self._room = room
        self._bytes = 0

    def take(self, count: int) -> None:
        """Hold so many more bytes. Raises ``UnavailableError`` (queue_full)."""
        if self._bytes + count > SMALL_BYTES and self._room.held_bytes + count > self._room.max_bytes:
            raise self._room.full()
        self._bytes += count
        self._room.held_bytes += count

    def release(self) -> None:
        """Hold nothing any more."""
        self._room.held_bytes -= self._bytes
        self._bytes = 0


_holding: ContextVar[Holding] = ContextVar("holding")


class Room:
    """ASGI: counts the bytes of all bodies that are held."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its body; at the latest at its end nothing of it is held."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        holding = Holding(self)

        async def counted() -> Message:
            try:
                message = await receive()
                holding.take(len(message.get("body", b"")))
            except DarkroomError:
                holding.release()  # what still comes of it is dropped, and that may take a while
                raise
            return message

        before = _holding.set(holding)
        try:
            await self.app(scope, counted, send)
        finally:
            _holding.reset(before)
            holding.release()

    @staticmethod
    def full() -> UnavailableError:
        """Build the error for a body that finds no room."""
        return RetryLaterError(
            ErrorCode.QUEUE_FULL,
            f"The gateway holds as many large bodies as it can; try again in {RETRY_SECONDS} s.",
            RETRY_SECONDS,
        )


def release_body() -> None:
    """Say that nothing of this request's body is needed any more."""
    _holding.get().release()
