"""A gateway whose workers the tests play, with somebody unreliable between it and the client; and a real one."""

from collections.abc import Iterator

import pytest

from darkroom import Client
from tests.api.conftest import addresses, broker, server, settings, worker  # noqa: F401 - fixtures
from tests.api.servers import Server
from tests.client.between import Between
from tests.end_to_end.conftest import gateway  # noqa: F401 - a fixture


@pytest.fixture
def between(server: Server) -> Iterator[Between]:  # noqa: F811 - the fixture
    """Somebody who passes on what is sent, unless told otherwise."""
    with Between(server.url) as passing:
        yield passing


@pytest.fixture
def client(between: Between) -> Iterator[Client]:
    """A client of the gateway behind."""
    with Client(between.url, timeout=30) as opened:
        yield opened
