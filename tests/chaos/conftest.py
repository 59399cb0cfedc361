"""A stand per test, and time for each."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tasks.app import app
from tasks.settings import settings
from tests.chaos.report import Report
from tests.chaos.scale import SCALE, Scale
from tests.chaos.stand import Stand
from tests.chaos.whole import Whole, whole

FULL_ROW_SECONDS = 600
"""A row of the full scale waits for leases of 20 s again and again."""
SOAK_SECONDS = 3600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the rows of the full scale their time."""
    if SCALE is Scale.FULL:
        for item in items:
            if item.path.parent == Path(__file__).parent:
                seconds = SOAK_SECONDS if item.get_closest_marker("soak") else FULL_ROW_SECONDS
                item.add_marker(pytest.mark.timeout(seconds))


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Where a row says what it injected, counted and measured."""
    return Report(request.node.user_properties)


QUICK_LINES = {
    "DARKROOM_BROKER_ANSWER_SECONDS": "0.75",
    "DARKROOM_BROKER_CHECK_SECONDS": "1",
    "DARKROOM_BROKER_PATIENCE_SECONDS": "1.5",
    "DARKROOM_RESEND_SECONDS": "3",
    "DARKROOM_SETBACK_SECONDS": "0.5",
    "DARKROOM_REREAD_SECONDS": "1",
}
"""Dead connections are noticed within seconds; the full scale has what every deployment has."""


@pytest.fixture(scope="package")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """All of Darkroom, for one row after the other; each leaves it as it found it."""
    quick = QUICK_LINES if SCALE is Scale.SHORT else {}
    with (
        pytest.MonkeyPatch.context() as patch,
        whole(tmp_path_factory.mktemp("town"), quick, appendonly="yes", appendfsync="always") as opened,
    ):
        for name, value in opened.stand.environment.items():
            patch.setenv(name, value)
        settings.cache_clear()
        yield opened
    settings.cache_clear()


MakeStand = Callable[..., Stand]


@pytest.fixture
def make_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeStand]:
    """Build a stand with settings and broker directives of its own; this process then has the same settings.

    But for Celery's: its configuration is read once per process, and other tests need theirs.
    """
    assert app.conf.broker_url
    with ExitStack() as opened:

        def make(settings_: dict[str, str] | None = None, **broker: str) -> Stand:
            stand = opened.enter_context(Stand(tmp_path, settings_ or {}, broker))
            for name, value in stand.environment.items():
                monkeypatch.setenv(name, value)
            settings.cache_clear()
            return stand

        yield make
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def stand(make_stand: MakeStand) -> Stand:
    """A stand with a broker that writes every command to its disk before it answers."""
    return make_stand(appendonly="yes", appendfsync="always")
