"""The gateway in a thread, behind a real socket."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from api.app import build
from api.gateway import GatewayDep
from api.protocol import GatewayProtocol
from api.settings import GatewaySettings
from tests.lab import wait_for


@dataclass(frozen=True, slots=True)
class Server:
    """A gateway that runs."""

    url: str

    def waiters(self) -> int:
        """How many requests wait in it."""
        return int(httpx.get(f"{self.url}/test/waiters").text)


async def _waiters(gateway: GatewayDep) -> int:
    return len(gateway.waiters)


async def _broken() -> None:
    raise LookupError("a secret of the code")


@contextmanager
def serve(settings: GatewaySettings) -> Iterator[Server]:
    """Run the gateway until the block ends."""
    app = build(settings)
    app.add_api_route("/test/waiters", _waiters)
    app.add_api_route("/test/broken", _broken)
    with running(app, http=GatewayProtocol, ws="none") as server:
        yield server


@contextmanager
def running(app: FastAPI, **options: Any) -> Iterator[Server]:
    """Run an app until the block ends; with options of uvicorn's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=2, **options))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            wait_for(lambda: server.started or not thread.is_alive(), "the gateway")
            yield Server(f"http://127.0.0.1:{port}")
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()
