"""`darkroom profile` and `darkroom healthcheck`; what is generated from worker_profiles/."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.profiles import as_environment, as_json
from tasks import ledger
from tasks.presence import WorkerState
from tasks.settings import Settings
from tests import lab
from tests.darkroom.commands import darkroom
from tests.darkroom.composition import ROOT
from worker_profiles import ProfileName, load

PROFILES = [load(name) for name in ProfileName]
EXIT_SECONDS = 4
"""How long a worker's process takes to end when its tasks have (row 2 of docs/reliability.md)."""
BATCH_SECONDS = 3
"""FastSAM on 8 photos without a GPU, 0.4 s each."""


def test_generated_files_are_those_of_the_code() -> None:
    """worker_profiles/*.env and pools.json say what the profiles say; `make profiles` writes them anew."""
    folder = ROOT / "worker_profiles"
    assert {path.name: path.read_text() for path in folder.glob("*.env")} == {
        f"{profile.name}.env": as_environment(profile) for profile in PROFILES
    }
    assert (folder / "pools.json").read_text() == as_json(PROFILES)


def test_a_profile_is_printed(tmp_path: Path) -> None:
    """As an environment or as facts, one pool or all, on the terminal or into files."""
    assert darkroom("profile", "t4").stdout == as_environment(load(ProfileName.T4))
    assert json.loads(darkroom("profile", "a100", "--format", "json").stdout) == load(ProfileName.A100).facts()
    assert darkroom("profile", "--all", "-o", str(tmp_path)).returncode == 0
    assert len(list(tmp_path.glob("*.env"))) == len(ProfileName)
    refused = darkroom("profile")
    assert (refused.returncode, refused.stderr.strip()) == (2, "Error: Name a pool, or say --all.")


def default(name: str) -> float:
    """Return a setting's default."""
    return float(Settings.model_fields[name].default)


def test_a_drain_is_as_long_as_what_it_waits_for() -> None:
    """Each pool's drain_seconds hold the longest thing that a worker ends after SIGTERM, by the settings' defaults."""
    store, patience = default("store_answer_seconds"), default("broker_patience_seconds")
    longest = {
        ProfileName.CPU: load(ProfileName.CPU).time_limit or 0,
        ProfileName.T4: 2 * store + 2 * BATCH_SECONDS + 2 * patience,
        ProfileName.A100: default("last_step_seconds") + store + default("commit_seconds"),
        ProfileName.JOBS: default("webhook_total_seconds") + 2 * patience,
    }
    for profile in PROFILES:
        assert longest[profile.name] + EXIT_SECONDS <= profile.drain_seconds <= longest[profile.name] + 10


def test_health_is_that_of_this_machines_workers(tmp_path: Path) -> None:
    """Healthy while a worker of the pool takes work here: not while it loads, and not by another machine's worker."""
    here = socket.gethostname()
    with lab.valkeys(tmp_path) as urls:
        book = ledger.connect(urls["REDIS_URL"])

        def tell(name: str, state: WorkerState, message: str = "") -> None:
            book.apply(ledger.announce(name, {"name": name, "state": state, "message": message}, 15))

        def check(profile: str) -> tuple[int, str]:
            done = darkroom("healthcheck", **urls, DARKROOM_PROFILE=profile)
            return done.returncode, (done.stdout or done.stderr).strip()

        tell("a100@elsewhere:1", WorkerState.READY)
        tell(f"t4@{here}:1", WorkerState.READY)
        assert check("a100") == (1, "Error: No a100 worker of this machine takes work: none is known.")
        tell(f"a100@{here}:2", WorkerState.LOADING, "Loading the VAE")
        loading = f"a100@{here}:2 is loading Loading the VAE"
        assert check("a100") == (1, f"Error: No a100 worker of this machine takes work: {loading}.")
        tell(f"a100@{here}:3", WorkerState.BUSY)
        assert check("a100") == (0, f"a100@{here}:3 is busy")
        book.client.close()


@pytest.mark.usefixtures("workers")
def test_a_worker_that_runs_is_healthy() -> None:
    """What a real worker announces is what the check looks for; here it is a process, as an engine runs it."""
    command = [sys.executable, "-m", "darkroom", "healthcheck", "cpu"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"cpu@{socket.gethostname()}:")


def test_a_broker_that_is_away_is_no_health() -> None:
    """The check ends soon, with a sentence and the status of what cannot be reached."""
    done = darkroom("healthcheck", "cpu", REDIS_URL=f"redis://127.0.0.1:{lab.free_port()}/0")
    assert done.returncode == 3
    assert "The broker does not tell" in done.stderr
