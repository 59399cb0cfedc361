"""The laptop of docker-compose.yml as plain processes: what an engine would start, with the file's words."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from darkroom.stack import free_ports
from darkroom.valkey import find_server
from tests.darkroom.composition import ROOT, environment, seconds, secrets_script, started
from tests.darkroom.processes import listens
from tests.lab import wait_for

LAPTOP = started("cpu")

pytestmark = pytest.mark.stack


@dataclass
class Machine:
    """Stands for the engine: names of hosts and places of mounts become those of this machine."""

    folder: Path
    ports: dict[str, int]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """Return a word of the file as it is said outside containers."""
        places = {
            "valkey-cache:6379": f"127.0.0.1:{self.ports['valkey-cache']}",
            "valkey:6379": f"127.0.0.1:{self.ports['valkey']}",
            "/run/secrets/": f"{self.folder}/secrets/",
            "/data/": f"{self.folder}/data/",
            "/users/": f"{self.folder}/data/users/",
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - it is what is replaced
            "8000": str(self.ports["gateway"]),
            "5555": str(self.ports["flower"]),
        }
        return re.sub("|".join(map(re.escape, places)), lambda found: places[found[0]], text)

    def environment(self, service: dict[str, Any]) -> dict[str, str]:
        """Return all that a service's process is given; nothing of the tests' own settings."""
        given = {name: self.here(value) for name, value in environment(service).items()}
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "tmp"),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore:You're running the worker",
            "NO_COLOR": "1",
            **given,
        }

    def arguments(self, name: str, words: list[str]) -> list[str]:
        """Return a command of the file with the programs of this machine."""
        program, *rest = [self.here(word) for word in words]
        if program == "valkey-server":
            return [str(find_server()), *rest, "--port", str(self.ports[name]), "--bind", "127.0.0.1"]
        return [sys.executable, *(["-m", "darkroom"] if program == "darkroom" else []), *rest]

    def run(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the place of a service, to its end; as `docker compose run` does."""
        return subprocess.run(
            self.arguments(name, list(command)),
            env=self.environment(LAPTOP[name]),
            cwd=self.folder / "data",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, name: str) -> None:
        """Start a service."""
        service = LAPTOP[name]
        command = service["command"] if name.startswith("valkey") else ["darkroom", *service["command"]]
        with self.log(name).open("ab") as log:
            self.running[name] = subprocess.Popen(
                self.arguments(name, command),
                env=self.environment(service),
                cwd=self.folder / "data",
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self, name: str) -> Path:
        """Return where a service's lines go."""
        return self.folder / f"{name}.log"

    def serves(self, name: str) -> bool:
        """Whether a service listens, or says that it is ready."""
        return listens(self.ports[name]) if name in self.ports else "worker.ready" in self.log(name).read_text()

    def is_healthy(self, name: str) -> bool:
        """Look at a service's health as the file says."""
        assert self.running[name].poll() is None, self.log(name).read_text()
        return self.run(name, *LAPTOP[name]["healthcheck"]["test"][1:]).returncode == 0

    def end(self) -> None:
        """End what is left."""
        for process in self.running.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A bare machine with the secrets that docs/compose.md tells how to make."""
    subprocess.run(["sh", "-euc", secrets_script()], cwd=tmp_path, check=True)
    for place in ("tmp", "data/users", "data/flower", "data/images"):
        (tmp_path / place).mkdir(parents=True)
    made = Machine(tmp_path, dict(zip(("valkey", "valkey-cache", "gateway", "flower"), free_ports(4), strict=True)))
    with ExitStack() as ending:
        ending.callback(made.end)
        yield made


def test_the_composed_laptop_edits_a_photo(machine: Machine) -> None:
    """From the documented secrets to an edit: users, servers, every service, each with its own health check."""
    folder = machine.folder
    assert {path.name for path in (folder / "secrets").iterdir()} >= {"worker-password", "metrics-key"}
    assert (folder / "secrets").stat().st_mode & 0o777 == 0o700
    for name in ("valkey-users", "valkey-cache-users"):
        made = machine.run(name, "darkroom", *LAPTOP[name]["command"])
        assert made.returncode == 0, made.stderr
    for name in ("valkey", "valkey-cache"):
        machine.start(name)
        wait_for(lambda name=name: listens(machine.ports[name]), name)  # type: ignore[misc]
    key = machine.run("gateway", "darkroom", "keys", "create", "laptop").stdout.split()[0]
    others = [name for name in LAPTOP if not name.startswith("valkey")]
    assert len(others) == 6
    for name in others:
        machine.start(name)
    for name in others:
        # Each look is a process; none is worth while before a service says that it serves.
        wait_for(lambda name=name: machine.serves(name), f"{name} to serve")  # type: ignore[misc]
        wait_for(lambda name=name: machine.is_healthy(name), f"{name} to be healthy")  # type: ignore[misc]
    photo, result = folder / "photo.png", folder / "result.png"
    Image.new("RGB", (320, 240), (200, 150, 90)).save(photo)
    order = ("edit", str(photo), "--operation", "white-balance", "--key", key, "-o", str(result))
    edited = machine.run("gateway", "darkroom", *order, "--url", f"http://127.0.0.1:{machine.ports['gateway']}")
    assert edited.returncode == 0, edited.stderr
    with Image.open(result) as image:
        assert image.size == (320, 240)
    for name in others:
        machine.running[name].send_signal(signal.SIGTERM)
    for name in others:
        machine.running[name].wait(seconds(LAPTOP[name]["stop_grace_period"]))
    written = {path.name for path in (folder / "data").iterdir()}
    assert written - {"appendonlydir"} == {"users", "flower", "images"}, "what is written elsewhere would be lost"
