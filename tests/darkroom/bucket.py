"""A bucket on the loopback interface that is as slow per connection as one is told, and can drop connections.

What moto cannot be: S3 gives a connection 85 to 90 MB/s (its performance guide), and many connections many times that.
"""

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

_CHUNK = 1 << 17
_RANGE = re.compile(r"range: bytes=(\d+)-(\d+)", re.IGNORECASE)
_CONDITION = re.compile(r"if-match: (\S+)", re.IGNORECASE)
_LINE = re.compile(r"GET /([^ ?]+)(\?[^ ]*)? HTTP")


@dataclass
class Bucket:
    """Objects, and what was asked for."""

    objects: dict[str, bytes]
    rate: float | None = None
    """Bytes per second of each connection; None is as fast as the machine."""
    cuts: int = 0
    """So many of the next answers stop in their middle."""
    later: dict[str, bytes] = field(default_factory=dict)
    """What objects are replaced with after the first range."""
    url: str = ""
    ranges: list[str] = field(default_factory=list)
    """Objects, once per range that was asked for."""
    most_at_once: int = 0
    """Answers that were being sent at the same moment."""
    _sending: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """What points an S3 client to it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._answer((await reader.readuntil(b"\r\n\r\n")).decode(), writer):
                    pass
        finally:
            writer.transport.abort()

    async def _answer(self, head: str, writer: asyncio.StreamWriter) -> bool:
        match = _LINE.match(head)
        assert match, head
        key = match[1].partition("/")[2]
        if not key:
            listing = self._listing().encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(listing), listing))
            await writer.drain()
            return True
        data = self.objects[key]
        condition = _CONDITION.search(head)
        if condition and condition[1] != _tag(data):
            writer.write(b"HTTP/1.1 412 Precondition Failed\r\ncontent-length: 0\r\n\r\n")
            return True
        span = _RANGE.search(head)
        start, end = (int(span[1]), int(span[2]) + 1) if span else (0, len(data))
        self.ranges.append(key)
        content = f"content-range: bytes {start}-{end - 1}/{len(data)}\r\n" if span else ""
        writer.write(
            f"HTTP/1.1 {206 if span else 200} OK\r\ncontent-length: {end - start}\r\netag: {_tag(data)}\r\n"
            f"last-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n{content}\r\n".encode()
        )
        return await self._send(memoryview(data)[start:end], writer)

    async def _send(self, data: memoryview, writer: asyncio.StreamWriter) -> bool:
        self._sending += 1
        self.most_at_once = max(self.most_at_once, self._sending)
        began = time.monotonic()
        is_cut = self.cuts > 0
        self.cuts -= is_cut
        sent = data[: len(data) // 2] if is_cut else data
        try:
            for start in range(0, len(sent), _CHUNK):
                chunk = sent[start : start + _CHUNK]
                if self.rate is not None:
                    await asyncio.sleep(began + (start + len(chunk)) / self.rate - time.monotonic())
                if start + _CHUNK < len(sent):
                    writer.write(chunk)
                    await writer.drain()
        finally:
            # Before the last bytes go: whoever has them may ask for more at once.
            self._sending -= 1
            self.objects.update(self.later)
        writer.write(sent[-(len(sent) % _CHUNK or _CHUNK) :])
        await writer.drain()
        return not is_cut

    def _listing(self) -> str:
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(data)}</Size><ETag>{escape(_tag(data))}</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key, data in sorted(self.objects.items())
        )
        return (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
        )


def _tag(data: bytes) -> str:
    return f'"{len(data):x}-{hash(data) & 0xFFFF_FFFF:x}"'


@contextmanager
def bucket(objects: dict[str, bytes], rate: float | None = None) -> Iterator[Bucket]:
    """Serve objects, from a thread of its own."""
    made = Bucket(objects, rate)
    ready, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        async with await asyncio.start_server(made.serve, "127.0.0.1", 0) as server:
            made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield made
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(10)
