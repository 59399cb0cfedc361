"""A proxy that loses, cuts and answers for itself, as proxies and networks do."""

import asyncio
import json
import threading
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that came by."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """Answers itself; the gateway hears nothing."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @classmethod
    def problem(cls, status: int, code: str, **more: Any) -> Self:
        """What the gateway would say."""
        told = {"status": status, "code": code, "detail": "A sentence.", **more}
        return cls(status, (("Content-Type", "application/problem+json"),), json.dumps(told).encode())


@dataclass(frozen=True, slots=True)
class Lose:
    """Has the gateway carry the request out, and cuts the line in the place of its answer."""


@dataclass(frozen=True, slots=True)
class CutAfter:
    """Cuts the answer after these bytes have come by so many times."""

    mark: bytes
    times: int


class Between:
    """Forwards a loopback port to a gateway, one request per connection, in a thread, until the block ends."""

    def __init__(self, target: str) -> None:
        """Take the gateway's address."""
        self._target = int(target.rpartition(":")[2])
        self.sent: list[Sent] = []
        self._moods: dict[str, deque[Answer | Lose | CutAfter]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._open: set[asyncio.Task[None]] = set()

    def at(self, path: str, *moods: Answer | Lose | CutAfter) -> None:
        """What to do with the next requests whose path begins so."""
        self._moods[path] = deque(moods)

    def requests(self, path: str) -> list[Sent]:
        """What came by for a path that begins so."""
        return [each for each in self.sent if each.path.startswith(path)]

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        listening = asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            request = await _parsed(head, reader)
            self.sent.append(request)
            mood = next((moods.popleft() for path, moods in self._moods.items() if _meets(request, path, moods)), None)
            if isinstance(mood, Answer):
                writer.write(_rendered(mood))
                await writer.drain()
            else:
                await self._forward(head, request.body, mood, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # either side went
        finally:
            writer.close()

    async def _forward(
        self,
        head: bytes,
        body: bytes,
        mood: Lose | CutAfter | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        answers, upstream = await asyncio.open_connection("127.0.0.1", self._target)
        leaving = self._loop.create_task(reader.read(1))
        try:
            lines = [line for line in head.split(b"\r\n") if line and not line.lower().startswith(b"connection:")]
            upstream.write(b"\r\n".join([*lines, b"Connection: close", b"", b""]) + body)
            answering = self._loop.create_task(_pass_on(answers, writer, mood))
            await asyncio.wait({leaving, answering}, return_when=asyncio.FIRST_COMPLETED)
            answering.cancel()
        finally:
            leaving.cancel()
            upstream.close()


async def _pass_on(answers: asyncio.StreamReader, writer: asyncio.StreamWriter, mood: Lose | CutAfter | None) -> None:
    seen = b""
    while chunk := await answers.read(1 << 16):
        if isinstance(mood, Lose):
            continue
        writer.write(chunk)
        await writer.drain()
        seen += chunk if mood else b""
        if isinstance(mood, CutAfter) and seen.count(mood.mark) >= mood.times:
            writer.transport.abort()
            return
    if isinstance(mood, Lose):
        writer.transport.abort()


async def _parsed(head: bytes, reader: asyncio.StreamReader) -> Sent:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    return Sent(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))


def _meets(request: Sent, path: str, moods: deque[Any]) -> bool:
    return bool(moods) and request.path.startswith(path)


def _rendered(answer: Answer) -> bytes:
    headers = (*answer.headers, ("Content-Length", str(len(answer.body))), ("Connection", "close"))
    lines = [f"HTTP/1.1 {answer.status} Status", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode() + answer.body
