"""The units of infra/systemd, as far as they can be checked without starting them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from darkroom.environment import SECRETS
from darkroom.stack import FRONT_GRACE_SECONDS
from tests.darkroom.composition import ROOT
from worker_profiles import ProfileName, load

UNITS = sorted((ROOT / "infra/systemd").iterdir())
DARKROOM = "/opt/darkroom/.venv/bin/darkroom"


def values(unit: Path, key: str) -> list[str]:
    """Return what a unit says under a key."""
    return re.findall(rf"^{key}=(.*)$", unit.read_text(), re.MULTILINE)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_it(unit: Path, tmp_path: Path) -> None:
    """The real parser finds no unknown key, no bad value and nothing that is missing but our program."""
    installed = tmp_path / unit.name.replace("@.", "@a100.")
    installed.write_text(unit.read_text().replace(DARKROOM, "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", installed], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if unit.name.partition(".")[0].rstrip("@") in line]
    assert (done.returncode, ours) == (0, [])


def test_nothing_is_killed_while_it_drains() -> None:
    """A machine may be of any pool, so it is given the longest drain of all."""
    machine, gateway = (
        ROOT / "infra/systemd" / name for name in ("darkroom-machine@.service", "darkroom-gateway.service")
    )
    assert int(values(machine, "TimeoutStopSec")[0]) >= max(load(name).drain_seconds for name in ProfileName)
    assert int(values(gateway, "TimeoutStopSec")[0]) >= FRONT_GRACE_SECONDS


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_secrets_come_as_credentials(unit: Path) -> None:
    """Every NAME_FILE is one that `darkroom` reads, from a credential that the unit loads; no secret is in the unit."""
    loaded = {each.partition(":")[0] for each in values(unit, "LoadCredential")}
    read = dict(re.findall(r"(\w+)_FILE=%d/([\w-]+)", unit.read_text()))
    assert set(read) <= set(SECRETS)
    assert set(read.values()) == loaded
    assert values(unit, "ExecStart")[0].startswith(DARKROOM)


def test_every_pool_has_its_environment() -> None:
    """What the machine's unit reads for a pool is generated for each of them."""
    place = values(ROOT / "infra/systemd/darkroom-machine@.service", "EnvironmentFile")[0]
    assert all((ROOT / place.removeprefix("/opt/darkroom/").replace("%i", name)).is_file() for name in ProfileName)
