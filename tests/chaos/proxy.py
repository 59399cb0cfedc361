"""A TCP proxy between Darkroom and a server, which can drop every byte while it keeps the connections open.

That is what a NAT table, a failed-over address or a pulled cable leaves behind: sockets that look open, take what is
written and never answer. A connection that was once in the hole stays dead, as its bytes are gone.
"""

import asyncio
import socket
import struct
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

_CHUNK = 1 << 16
_ABORT = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: the close is a reset."""


@dataclass(eq=False, slots=True)
class _Connection:
    """One client's connection with its other half."""

    client: asyncio.StreamWriter
    upstream: asyncio.StreamWriter | None = None
    is_dead: bool = False
    pumps: list["asyncio.Task[None]"] = field(default_factory=list)


class Proxy:
    """Forwards a loopback port to another one, in a thread of its own, until the block ends."""

    def __init__(self, target: int) -> None:
        """Take the port to forward to; nothing listens before the block begins."""
        self.target = target
        self.port = 0
        self.dropped_bytes = 0
        """What vanished in holes, both directions."""
        self._new_are_dead = False
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        """Listen on a free port."""
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close everything."""
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def connections(self) -> int:
        """How many connections are open, dead ones included."""
        return len(self._connections)

    def black_hole(self, *, existing: bool = True, new: bool = True) -> int:
        """Drop every byte of the open connections, of those to come, or of both; return how many died."""
        return int(self._do(self._black_hole(existing, new)))

    def heal(self) -> None:
        """Let new connections through again; those that died stay dead."""
        self._do(self._black_hole(existing=False, new=False))

    def reset(self) -> int:
        """Reset every connection (RST, not FIN); return how many there were."""
        return int(self._do(self._reset()))

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        pumps = [pump for connection in self._connections for pump in connection.pumps]
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for connection in list(self._connections):
            _end(connection)
        await asyncio.sleep(0)

    async def _black_hole(self, existing: bool, new: bool) -> int:
        self._new_are_dead = new
        dying = [each for each in self._connections if existing and not each.is_dead]
        for connection in dying:
            connection.is_dead = True
        return len(dying)

    async def _reset(self) -> int:
        for connection in self._connections:
            for half in filter(None, (connection.client, connection.upstream)):
                half.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
                half.transport.abort()
        return len(self._connections)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(writer, is_dead=self._new_are_dead)
        self._connections.add(connection)
        try:
            if connection.is_dead:
                await self._pump(connection, reader, None)
            else:
                await self._forward(connection, reader)
        except OSError:
            pass  # either side went: so does the other
        finally:
            self._connections.discard(connection)
            _end(connection)

    async def _forward(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        answers, connection.upstream = await asyncio.open_connection("127.0.0.1", self.target)
        connection.pumps = [
            asyncio.create_task(self._pump(connection, reader, connection.upstream)),
            asyncio.create_task(self._pump(connection, answers, connection.client)),
        ]
        try:
            await asyncio.wait(connection.pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in connection.pumps:
                pump.cancel()
            await asyncio.gather(*connection.pumps, return_exceptions=True)

    async def _pump(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None
    ) -> None:
        while data := await reader.read(_CHUNK):
            if connection.is_dead or writer is None:
                self.dropped_bytes += len(data)
            else:
                writer.write(data)
                await writer.drain()
        if connection.is_dead and writer is connection.client:
            # The server closed its half: in the hole nobody hears of it.
            await asyncio.Event().wait()


def _end(connection: _Connection) -> None:
    for half in filter(None, (connection.client, connection.upstream)):
        half.transport.abort()
