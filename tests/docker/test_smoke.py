"""The compose file, with a real engine."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from darkroom import acl
from darkroom.acl import Server
from darkroom.stack import free_ports

ROOT = Path(__file__).parents[2]

# A first build downloads base images and packages.
pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]


@dataclass(frozen=True, slots=True)
class Composed:
    """A stack in containers."""

    url: str
    key: str
    """An API key of its gateway."""


@pytest.fixture(scope="module")
def composed() -> Iterator[Composed]:
    """Run the composed stack as long as this module's tests, with passwords and a key of its own."""
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        assert "CI" not in os.environ, "CI has to run these tests with a Docker engine"
        pytest.skip("no Docker engine answers")
    port, flower_port = free_ports(2)
    passwords = {user.variable: secrets.token_hex(24) for server in Server for user in acl.users(server)}
    flower = {"FLOWER_BASIC_AUTH": f"viewer:{secrets.token_hex(12)}", "FLOWER_COOKIE_SECRET": secrets.token_hex(24)}
    environment = {**os.environ, **passwords, **flower, "PORT": str(port), "FLOWER_PORT": str(flower_port)}
    compose = ["docker", "compose", "--project-name", f"darkroom-test-{port}"]

    def run(*arguments: str, stdout: int | None = None) -> str:
        done = subprocess.run([*compose, *arguments], cwd=ROOT, env=environment, check=True, stdout=stdout, text=True)
        return done.stdout or ""

    try:
        run("build")
        created = run("run", "--rm", "gateway", "keys", "create", "smoke", stdout=subprocess.PIPE)
        run("up", "--wait")
        yield Composed(f"http://127.0.0.1:{port}", created.split()[0])
    finally:
        run("down", "--volumes")


def test_a_photo_is_edited_in_containers(composed: Composed, tmp_path: Path) -> None:
    """A white-balance edit goes through gateway, queue, workers and store of the composed stack."""
    photo, result = tmp_path / "photo.png", tmp_path / "result.png"
    Image.new("RGB", (320, 240), (200, 150, 90)).save(photo)
    command = [sys.executable, "-m", "darkroom", "edit", str(photo), "--operation", "white-balance"]
    environment = {**os.environ, "DARKROOM_API_KEY": composed.key}
    subprocess.run([*command, "--url", composed.url, "-o", str(result)], cwd=ROOT, env=environment, check=True)
    with Image.open(result) as image:
        assert image.size == (320, 240)
