"""A gateway process in front of the session's workers."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import lab


@pytest.fixture(scope="session")
def gateway(environment: dict[str, str], workers: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the gateway as ``darkroom gateway`` does, and return its address."""
    log: Path = tmp_path_factory.mktemp("gateway") / "log"
    url = f"http://127.0.0.1:{lab.free_port()}"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "darkroom", "gateway", "--port", url.rpartition(":")[2]],
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        lab.wait_for(lambda: answers(url) or process.poll() is not None, "the gateway")
        assert process.poll() is None, log.read_text()
        yield url
    finally:
        process.terminate()
        assert process.wait(20) in {0, -signal.SIGTERM}, log.read_text()


def answers(url: str) -> bool:
    """Whether a gateway answers there."""
    try:
        return httpx.get(f"{url}/api/system/health").is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def http(gateway: str) -> Iterator[httpx.Client]:
    """A client of the gateway."""
    with httpx.Client(base_url=gateway, timeout=60) as client:
        yield client
