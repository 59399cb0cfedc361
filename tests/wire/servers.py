"""Valkey behind TLS, with users: the real server with its ACL file, and a proxy that ends TLS in front of it.

The embedded Valkey is built without TLS. To the clients that makes no difference: they speak TLS to the proxy, check
its certificate and name, and the commands that come out of it are the server's to allow.
"""

import asyncio
import contextlib
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
import trustme

from darkroom import acl
from darkroom.acl import Server
from darkroom.valkey import find_server
from tests import lab
from tests.darkroom.processes import listens

PASSWORDS = {user.variable: f"{user.name}-{'p' * 40}" for server in Server for user in acl.users(server)}


class TlsProxy:
    """Ends TLS on a port of its own and passes the bytes on."""

    def __init__(self, context: ssl.SSLContext, target: int) -> None:
        """Listen from now on; ``target`` is a loopback port."""
        self._context = context
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self) -> int:
        """End every connection that is open now; return how many there were."""
        return asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)

    def close(self) -> None:
        """Stop."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)

    async def _cut(self) -> int:
        writers = list(self._open)
        for writer in writers:
            writer.transport.abort()
        return len(writers)

    async def _end(self) -> None:
        self._server.close()
        await self._cut()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(_pump(reader, their_writer), _pump(their_reader, writer))
        self._open.discard(writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@dataclass(frozen=True, slots=True)
class Wire:
    """The two servers behind TLS."""

    broker: TlsProxy
    cache: TlsProxy
    operators: dict[Server, str]
    """Plain addresses of the operator's user, past the proxy."""
    authority: Path
    folder: Path

    def url(self, server: Server, user: str, password: str | None = None, **options: str) -> str:
        """Return a user's address of a server."""
        port = (self.broker if server is Server.BROKER else self.cache).port
        secret = PASSWORDS.get(f"DARKROOM_{user.upper()}_PASSWORD", "") if password is None else password
        query = "&".join(f"{name}={value}" for name, value in {"ssl_ca_certs": self.authority, **options}.items())
        return f"rediss://{user}:{secret}@127.0.0.1:{port}/0?{query}"

    def environment(self, user: str) -> dict[str, str]:
        """Return the environment of a process."""
        return {
            "REDIS_URL": self.url(Server.BROKER, user),
            "IMAGE_CACHE_URL": self.url(Server.CACHE, "images"),
            "IMAGE_STORE_URL": f"file://{self.folder}/images",
        }

    def refusals(self, server: Server) -> list[str]:
        """Return what users were refused since the last call."""
        with redis.Redis.from_url(self.operators[server], decode_responses=True) as client:
            refused = [
                f"{entry['username']}: {entry['reason']} {entry['object']} ({entry['context']})"
                for entry in client.acl_log()
            ]
            client.acl_log_reset()
        return refused


@contextmanager
def _valkey(folder: Path, users: Path) -> Iterator[int]:
    """Run a server with an ACL file; yields its port. It answers nobody without a name, not even a PING."""
    port = lab.free_port()
    arguments = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--aclfile", str(users))
    # Uncompressed, so that a test can look for words in what DUMP gives.
    arguments += ("--rdbcompression", "no")
    with subprocess.Popen([str(find_server()), *arguments], cwd=folder, stdout=subprocess.DEVNULL) as process:
        try:
            lab.wait_for(lambda: listens(port) or process.poll() is not None, "a server with users")
            assert process.poll() is None, users.read_text()
            yield port
        finally:
            process.terminate()


@contextmanager
def wire(folder: Path) -> Iterator[Wire]:
    """Run both servers with the users of ``darkroom acl``, each behind its proxy."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ExitStack() as stack:
        proxies, operators = {}, {}
        for server in Server:
            users = folder / f"{server}.acl"
            users.write_text(acl.file_of(server, PASSWORDS))
            port = stack.enter_context(_valkey(folder, users))
            proxies[server] = TlsProxy(context, port)
            stack.callback(proxies[server].close)
            password = PASSWORDS["DARKROOM_OPERATOR_PASSWORD"]
            operators[server] = f"redis://operator:{password}@127.0.0.1:{port}/0"
        yield Wire(proxies[Server.BROKER], proxies[Server.CACHE], operators, folder / "authority.pem", folder)
