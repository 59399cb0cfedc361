"""The compose file, with a real engine."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from PIL import Image

from darkroom.stack import free_ports
from tests.darkroom.composition import ROOT, composition, secrets_script

# A first build downloads base images and packages.
pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]


@dataclass(frozen=True, slots=True)
class Composed:
    """A stack in containers."""

    url: str
    key: str
    """An API key of its gateway."""


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """Run the laptop as long as this module's tests, with secrets, ports and a key of its own."""
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        assert "CI" not in os.environ, "CI has to run these tests with a Docker engine"
        pytest.skip("no Docker engine answers")
    folder = tmp_path_factory.mktemp("composed")
    port, flower_port = free_ports(2)
    environment = {**os.environ, "COMPOSE_PROFILES": "cpu", "PORT": str(port), "FLOWER_PORT": str(flower_port)}
    files = ["-f", str(ROOT / "docker-compose.yml"), "-f", str(own_secrets(folder))]
    compose = ["docker", "compose", *files, "--project-name", f"darkroom-test-{port}"]

    def run(*arguments: str, stdout: int | None = None) -> str:
        done = subprocess.run([*compose, *arguments], cwd=ROOT, env=environment, check=True, stdout=stdout, text=True)
        return done.stdout or ""

    try:
        run("build")
        created = run("run", "--rm", "-T", "gateway", "keys", "create", "smoke", stdout=subprocess.PIPE)
        run("up", "--wait")
        yield Composed(f"http://127.0.0.1:{port}", created.split()[0])
    finally:
        run("down", "--volumes")


def own_secrets(folder: Path) -> Path:
    """Make secrets as documented, in a folder of the test; return a compose file that says so."""
    subprocess.run(["sh", "-euc", secrets_script()], cwd=folder, check=True)
    override = folder / "override.yml"
    places = {name: {"file": str(folder / "secrets" / name)} for name in composition()["secrets"]}
    override.write_text(yaml.safe_dump({"secrets": places}))
    return override


def test_a_photo_is_edited_in_containers(composed: Composed, tmp_path: Path) -> None:
    """A white-balance edit goes through gateway, queue, workers and store of the composed stack."""
    photo, result = tmp_path / "photo.png", tmp_path / "result.png"
    Image.new("RGB", (320, 240), (200, 150, 90)).save(photo)
    command = [sys.executable, "-m", "darkroom", "edit", str(photo), "--operation", "white-balance"]
    environment = {**os.environ, "DARKROOM_API_KEY": composed.key}
    subprocess.run([*command, "--url", composed.url, "-o", str(result)], cwd=ROOT, env=environment, check=True)
    with Image.open(result) as image:
        assert image.size == (320, 240)
