"""A gateway over real HTTP and a real Valkey; workers are played by the tests, move by move."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from api.settings import GatewaySettings
from tasks import store
from tests import lab
from tests.api.servers import Server, serve
from tests.api.workers import FakeWorker

MakeServer = Callable[..., Any]


@pytest.fixture(scope="package")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Servers of this package's own, as real workers of other tests would take the messages."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    with lab.valkeys(folder) as urls:
        yield {name.lower(): url for name, url in urls.items()}


@pytest.fixture(scope="package")
def settings(addresses: dict[str, str]) -> GatewaySettings:
    """Settings with short waits."""
    return GatewaySettings(**addresses, sync_wait_seconds=20, utility_wait_seconds=20, reread_seconds=1)  # type: ignore[arg-type]


@pytest.fixture
def broker(addresses: dict[str, str]) -> "Iterator[redis.Redis]":
    """The broker, empty."""
    client = redis.Redis.from_url(addresses["redis_url"], decode_responses=True, socket_timeout=60)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def worker(settings: GatewaySettings, broker: "redis.Redis") -> FakeWorker:
    """Somebody who plays the workers."""
    return FakeWorker(broker, store.connect(settings, broker))


@pytest.fixture
def server(settings: GatewaySettings, broker: "redis.Redis") -> Iterator[Server]:
    """A gateway that runs."""
    with serve(settings) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """A client of it."""
    with httpx.Client(base_url=server.url, timeout=30) as opened:
        yield opened


@pytest.fixture
def make_server(settings: GatewaySettings, broker: "redis.Redis") -> MakeServer:
    """Run a gateway with other settings."""

    @contextmanager
    def make(**changes: Any) -> Iterator[httpx.Client]:
        changed = settings.model_copy(update=changes)
        with serve(changed) as running, httpx.Client(base_url=running.url, timeout=30) as opened:
            yield opened

    return make
