"""The models folder is mounted read-only: no loader writes there, and none needs to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.models import SUMS, digest
from tests import standins

WATCHED = """
import os, sys

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.utime"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and arguments[2] & WRITES or event in CHANGES:
        if os.path.abspath(str(arguments[0])).startswith(sys.argv[1]):
            print("CHANGED", event, arguments[0])

sys.addaudithook(watch)
from tasks.engines import *
from pathlib import Path
loaded = eval(sys.argv[2])
print("LOADED", loaded.name)
"""
LOADERS = {
    "fastsam": "load_segmentation_engine(SegmenterName.FASTSAM, 320, print)",
    "birefnet": "load_refiner(Path(sys.argv[1]), print)",
    "qwen": "load_generation_engine(EngineName.QWEN, print)",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with everything in it, of stand-ins."""
    models = tmp_path_factory.mktemp("models")
    weights = standins.fastsam.build(models / "fastsam-s.pt")
    (models / "fastsam-s.pt.sha256").write_text(f"{digest(weights)}  {weights.name}\n")
    standins.birefnet.sign(standins.birefnet.build(models / "birefnet"))
    standins.qwen.build_checkpoint(models / "qwen-image-edit")
    standins.qwen.build_adapters(models / "adapters")
    assert (models / "birefnet" / SUMS).is_file()
    return models


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of everything in a folder."""
    found = {str(path.relative_to(folder)): path.stat() for path in [folder, *folder.rglob("*")]}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in found.items()}


@pytest.mark.parametrize("engine", LOADERS)
def test_loading_changes_nothing(folder: Path, engine: str, tmp_path: Path) -> None:
    """An engine loads without a call that would fail on a read-only folder, and the folder is the same afterwards."""
    before = contents(folder)
    environment = {**os.environ, "DARKROOM_MODELS_FOLDER": str(folder), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(folder), LOADERS[engine]],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"LOADED {engine}" in done.stdout
    assert "CHANGED" not in done.stdout
    assert contents(folder) == before
