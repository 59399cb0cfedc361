"""Hostile clients of one gateway, all at once, in a process of their own: ``python -m tests.chaos.attack URL SECONDS``.

Prints, as JSON, how often each kind of request was answered with which status; 0 is a connection that was cut.
"""

import asyncio
import base64
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from itertools import cycle
from urllib.parse import urlsplit

import httpx

from tests.corpus import sample

GIGABYTE = 1_000_000_000
MEGABYTE = bytes(1_000_000)
FIELDS = 10_000
SLOW_CLIENTS = 50
"""Each drips a byte every so often."""
DRIP_SECONDS = 0.2
PAUSE_SECONDS = 0.05
"""Between two requests of one hostile client: they share the machine with whom they disturb."""

BOMBS = (
    "png 60000 x 60000",
    "png text inflates to 64 MB",
    "png 200 texts inflate to 1 MB each",
    "png a million private chunks",
    "png pixels inflate to 64 MB behind a small header",
    "png 6300 x 6300, few pixels",
    "jpeg 5000 scans of 4 MP",
    "jpeg a million empty segments",
    "jpeg says 6000 x 6000",
    "gif 65535 x 65535",
    "gif comment in ten million pieces",
    "webp lossless 16383 x 16383",
    "tiff tile of 20000 x 20000",
    "tiff a million strips",
    "avif says 60000 x 60000",
)


class Attack:
    """What is sent to one gateway until a time."""

    def __init__(self, url: str, seconds: float) -> None:
        """Nothing is sent yet."""
        self._url = url
        self._until = time.monotonic() + seconds
        self.counted: Counter[str] = Counter()

    async def run(self) -> None:
        """Send everything at once."""
        async with httpx.AsyncClient(base_url=self._url, timeout=30) as client:
            await asyncio.gather(
                self._repeat("bomb", self._bombs(client)),
                self._repeat("bomb as a mask", self._masks(client)),
                self._repeat("1 GB in pieces", lambda: self._in_pieces(client)),
                self._repeat("1 GB with its length", self._with_length),
                self._repeat("10,000 fields", lambda: self._fields(client)),
                *(self._repeat("slow", self._drip) for _ in range(SLOW_CLIENTS)),
            )

    async def _repeat(self, kind: str, ask: Callable[[], Awaitable[int]]) -> None:
        while time.monotonic() < self._until:
            try:
                status = await ask()
            except (httpx.TransportError, OSError, TimeoutError):
                status = 0
            self.counted[f"{kind}: {status}"] += 1
            await asyncio.sleep(PAUSE_SECONDS)

    def _bombs(self, client: httpx.AsyncClient) -> Callable[[], Awaitable[int]]:
        paths = ("/api/images", "/api/image-utils/encode?format=png", "/api/image-utils/canny")
        turns = cycle([(path, name) for name in BOMBS for path in paths])

        async def ask() -> int:
            path, name = next(turns)
            answer = await client.post(path, content=sample(name).data, headers={"Content-Type": "image/png"})
            return answer.status_code

        return ask

    def _masks(self, client: httpx.AsyncClient) -> Callable[[], Awaitable[int]]:
        photo = base64.b64encode(sample("png one bit").data).decode()
        turns = cycle(BOMBS)

        async def ask() -> int:
            mask = base64.b64encode(sample(next(turns)).data).decode()
            body = {"task_type": "removal", "input_image": photo, "conditional_images": [mask]}
            return (await client.post("/api/generate/async", json=body)).status_code

        return ask

    async def _in_pieces(self, client: httpx.AsyncClient) -> int:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(GIGABYTE // len(MEGABYTE)):
                yield MEGABYTE

        return (await client.post("/api/images", content=pieces(), headers={"Content-Type": "image/png"})).status_code

    async def _with_length(self) -> int:
        reader, writer = await self._connect()
        head = f"POST /api/images HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {GIGABYTE}\r\n\r\n"
        try:
            writer.write(head.encode())
            for _ in range(100):
                writer.write(MEGABYTE)
                await writer.drain()
            return await _status(reader, 30)
        finally:
            writer.close()

    async def _fields(self, client: httpx.AsyncClient) -> int:
        fields = {f"field{number}": "x" for number in range(FIELDS)}
        return (await client.post("/api/generate/async", data=fields, files={"image": MEGABYTE})).status_code

    async def _drip(self) -> int:
        """Send a request's head and then its body, a byte at a time, until the end or until it is answered."""
        reader, writer = await self._connect()
        try:
            writer.write(b"POST /api/images HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n")
            await asyncio.sleep(DRIP_SECONDS)
            writer.write(b"Content-Length: 100000\r\n\r\n")
            while time.monotonic() < self._until:
                writer.write(b"a")
                with suppress(TimeoutError):
                    return await _status(reader, DRIP_SECONDS)
            return 0
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = urlsplit(self._url)
        return await asyncio.open_connection(address.hostname, address.port)


async def _status(reader: asyncio.StreamReader, seconds: float) -> int:
    async with asyncio.timeout(seconds):
        line = await reader.readline()
    return int(line.split()[1]) if line else 0


def main() -> None:
    """Build what is sent, say that it begins, attack, and print what came of it."""
    url, seconds = sys.argv[1:]
    for name in BOMBS:
        sample(name)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    attack = Attack(url, float(seconds))
    asyncio.run(attack.run())
    sys.stdout.write(json.dumps(attack.counted) + "\n")


if __name__ == "__main__":
    main()
