"""A gateway for OpenAI's own package; workers are played by the tests, or real ones (``darkroom``)."""

from collections.abc import Iterator

import pytest
from openai import OpenAI

from api.settings import GatewaySettings
from tasks.engines import EngineName
from tasks.settings import Settings
from tests.api.conftest import (  # noqa: F401 - the same servers, for this folder
    MakeServer,
    addresses,
    broker,
    client,
    make_server,
    worker,
)
from tests.api.servers import Server, serve

NO_KEY = "any"
"""The package wants a key; where none is asked for, any will do."""


@pytest.fixture(scope="package")
def settings(addresses: dict[str, str]) -> GatewaySettings:  # noqa: F811 - a fixture
    """Settings with short waits, and an engine that can do everything."""
    return GatewaySettings(  # type: ignore[call-arg]
        **addresses,  # type: ignore[arg-type]
        generation_engine=EngineName.QWEN,
        images_wait_seconds=20,
        utility_wait_seconds=20,
        reread_seconds=1,
    )


@pytest.fixture(autouse=True)
def generative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process submit for that engine, as it would with GENERATION_ENGINE."""
    able = Settings(generation_engine=EngineName.QWEN)  # type: ignore[call-arg]
    monkeypatch.setattr("tasks.submission.settings", lambda: able)


@pytest.fixture(scope="package")
def running(settings: GatewaySettings) -> Iterator[Server]:
    """One gateway for all tests."""
    with serve(settings) as gateway:
        yield gateway


@pytest.fixture
def server(running: Server, broker: object) -> Server:  # noqa: F811 - a fixture
    """The gateway, with an empty broker."""
    del broker
    return running


@pytest.fixture(scope="package")
def caller(running: Server) -> Iterator[OpenAI]:
    """One client for all tests: making one reads all certificates of the system."""
    with talking_to(running.url) as opened:
        yield opened


@pytest.fixture
def openai(caller: OpenAI, broker: object) -> OpenAI:  # noqa: F811 - a fixture
    """OpenAI's client of a gateway with an empty broker, whose workers the test plays."""
    del broker
    return caller


@pytest.fixture(scope="module")
def darkroom(environment: dict[str, str], workers: object) -> Iterator[Server]:
    """A gateway with real workers."""
    del workers
    urls = {name.lower(): url for name, url in environment.items() if name.endswith("_URL")}
    with serve(GatewaySettings(**urls)) as running:  # type: ignore[arg-type]
        yield running


def talking_to(url: str, key: str = NO_KEY, *, retries: int = 0) -> OpenAI:
    """Return OpenAI's client of a gateway."""
    return OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=retries, timeout=60)
