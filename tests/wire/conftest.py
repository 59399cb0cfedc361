"""A whole Darkroom on servers with TLS and users: each process has the credentials of its kind and no others."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import redis

from darkroom.acl import Server
from tasks.keys import KeyStore, Scope
from tasks.store import LOCAL_OWNER
from tests import lab
from tests.conftest import QUICK
from tests.wire.servers import Wire, wire

LOGIN = "viewer:a password of Flower's own"


@dataclass(frozen=True, slots=True)
class Darkroom:
    """Everything that runs."""

    wire: Wire
    workers: dict[str, lab.WorkerProcess]
    gateway: str
    key: str
    """An API key, as the gateway asks for keys here."""
    flower: str
    folder: Path

    def logs(self) -> str:
        """Return everything that any process has written."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))


@pytest.fixture(scope="package")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """The broker and the image cache."""
    with wire(tmp_path_factory.mktemp("wire")) as opened:
        yield opened


@contextmanager
def started(arguments: tuple[str, ...], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program of Darkroom until the block ends."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env={**os.environ, **QUICK, **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="package")
def darkroom(servers: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Darkroom]:
    """Start a worker per profile, the gateway and Flower."""
    folder: Path = tmp_path_factory.mktemp("darkroom")
    ports = {name: str(lab.free_port()) for name in ("gateway", "flower")}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    flowers = {"REDIS_URL": servers.environment("flower")["REDIS_URL"], "FLOWER_BASIC_AUTH": LOGIN}
    for server in Server:
        servers.refusals(server)
    with ExitStack() as stack:
        stack.callback(nothing_needed_was_refused, servers)
        workers = {
            name: lab.WorkerProcess(
                name, {**QUICK, **servers.environment("worker")}, folder / f"{name}.log", "-E", *arguments
            )
            for name, arguments in {"cpu": ("-c", "1"), "a100": (), "t4": ("-c", "1"), "jobs": ()}.items()
        }
        for worker in workers.values():
            stack.callback(worker.stop)
        for worker in workers.values():
            stack.callback(worker.process.terminate)
        gateway = ("darkroom", "gateway", "--port", ports["gateway"])
        door = {**servers.environment("gateway"), "DARKROOM_ACCESS": "keys"}
        flower = ("darkroom", "flower", "--port", ports["flower"], "--history", str(folder / "history"))
        stack.enter_context(started(gateway, door, folder / "gateway.log"))
        stack.enter_context(started(flower, flowers, folder / "flower.log"))
        lab.wait_for(lambda: answers(f"{urls['gateway']}/api/health"), "the gateway")
        lab.wait_for(lambda: answers(f"{urls['flower']}/healthcheck"), "Flower")
        for worker in workers.values():
            worker.wait_until_ready()
        yield Darkroom(servers, workers, urls["gateway"], new_key(servers), urls["flower"], folder)


def new_key(servers: Wire) -> str:
    """Make a key with the gateway's rights, as `darkroom keys create` does."""
    with redis.Redis.from_url(servers.url(Server.BROKER, "gateway"), decode_responses=True) as broker:
        return KeyStore(broker).create("test", scope=Scope.ADMIN, owner=LOCAL_OWNER)[0]


def nothing_needed_was_refused(servers: Wire) -> None:
    """Fail if any process was refused a command, a key or a channel, from its start to its end."""
    refused = [refusal for server in Server for refusal in servers.refusals(server)]
    # Wrong passwords are what a test gives, and the doctor asks for what most users may not see.
    assert [refusal for refusal in refused if ": auth" not in refusal and "command info" not in refusal] == []


def answers(url: str) -> bool:
    """Whether a server answers there."""
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def http(darkroom: Darkroom) -> Iterator[httpx.Client]:
    """A client of the gateway."""
    headers = {"Authorization": f"Bearer {darkroom.key}"}
    with httpx.Client(base_url=darkroom.gateway, timeout=60, headers=headers) as client:
        yield client
