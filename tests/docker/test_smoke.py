"""The compose file, with a real engine."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from darkroom.stack import free_ports

ROOT = Path(__file__).parents[2]

# A first build downloads base images and packages.
pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def gateway_url() -> Iterator[str]:
    """Address of a stack in containers that lives as long as this module's tests."""
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        assert "CI" not in os.environ, "CI has to run these tests with a Docker engine"
        pytest.skip("no Docker engine answers")
    port, flower_port = free_ports(2)
    environment = {**os.environ, "PORT": str(port), "FLOWER_PORT": str(flower_port)}
    compose = ["docker", "compose", "--project-name", f"darkroom-test-{port}"]
    try:
        subprocess.run([*compose, "up", "--build", "--wait"], cwd=ROOT, env=environment, check=True)
        yield f"http://127.0.0.1:{port}"
    finally:
        subprocess.run([*compose, "down", "--volumes"], cwd=ROOT, env=environment, check=True)


def test_a_photo_is_edited_in_containers(gateway_url: str, tmp_path: Path) -> None:
    """A white-balance edit goes through gateway, queue, workers and store of the composed stack."""
    photo, result = tmp_path / "photo.png", tmp_path / "result.png"
    Image.new("RGB", (320, 240), (200, 150, 90)).save(photo)
    command = [sys.executable, "-m", "darkroom", "edit", str(photo), "--operation", "white-balance"]
    subprocess.run([*command, "--url", gateway_url, "-o", str(result)], cwd=ROOT, check=True)
    with Image.open(result) as image:
        assert image.size == (320, 240)
