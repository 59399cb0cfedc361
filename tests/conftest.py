"""Servers that all tests share. Nothing of Darkroom is read from the developer's own environment."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings as hypothesis_settings

from tasks.settings import settings
from tests import lab
from tests.chaos.report import pytest_terminal_summary  # noqa: F401 - a hook, where every run looks for it
from tests.scheduling import (  # noqa: F401 - hooks too
    pytest_collection_modifyitems,
    pytest_xdist_make_scheduler,
)

hypothesis_settings.register_profile(
    "darkroom",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    # The gate says the same of the same tree each time; a developer's run looks at other examples each time.
    derandomize="CI" in os.environ,
)
hypothesis_settings.load_profile("darkroom")

QUICK = {
    "DARKROOM_LEASE_SECONDS": "2",
    "DARKROOM_SWEEP_SECONDS": "0.2",
    "DARKROOM_GRACE_SECONDS": "1",
    "DARKROOM_LOG_FORMAT": "json",
}
"""Lost work is found within seconds, so that tests can wait for it."""


@pytest.fixture(scope="session", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Start a broker and an image cache, and point this process and its children to them."""
    assert settings.cache_info().currsize == 0, "a test module has read the settings when it was imported"
    with lab.valkeys(tmp_path_factory.mktemp("servers")) as urls, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("DARKROOM_", "MAKE", "MFLAGS"))]:
            patch.delenv(name)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            # A shell starts background jobs so, and every child would inherit it.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        for name, value in {**urls, **QUICK}.items():
            patch.setenv(name, value)
        yield {**urls, **QUICK}


@pytest.fixture(scope="session")
def workers(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, lab.WorkerProcess]]:
    """Start a worker of each profile."""
    folder: Path = tmp_path_factory.mktemp("workers")
    started = {
        "cpu": lab.WorkerProcess("cpu", environment, folder / "cpu.log", "-c", "2"),
        "a100": lab.WorkerProcess("a100", environment, folder / "a100.log"),
        "t4": lab.WorkerProcess("t4", environment, folder / "t4.log", "-c", "2"),
        "jobs": lab.WorkerProcess("jobs", environment, folder / "jobs.log"),
    }
    try:
        for worker in started.values():
            worker.wait_until_ready()
        yield started
    finally:
        for worker in started.values():
            worker.stop()
