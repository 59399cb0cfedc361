"""The TypeScript client beside a real gateway: its own tests, and the examples of its README and its page in docs/."""

import os
import shutil
import subprocess

import pytest

from tests.lab import DATA

CLIENT = DATA.parent.parent / "clients" / "typescript"


@pytest.fixture(scope="module")
def npm() -> str:
    """Return npm's path, with the client's packages installed as its lock file says."""
    found = shutil.which("npm")
    if found is None:
        assert os.environ.get("CI") != "true", "the gate needs Node and npm"
        pytest.skip("npm is not installed")
    installed, lock = CLIENT / "node_modules" / ".package-lock.json", CLIENT / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        run(found, "ci", "--ignore-scripts")
        installed.touch()
    return found


def run(npm: str, *arguments: str, **environment: str) -> None:
    """Run npm in the client's folder; fail with what it said."""
    done = subprocess.run(
        [npm, *arguments],
        cwd=CLIENT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_the_client_works_beside_a_gateway(npm: str, gateway: str) -> None:
    """It edits, follows, cancels, masks and resizes over real HTTP, and does what its documentation shows."""
    run(npm, "test", DARKROOM_URL=gateway, NO_COLOR="1")
