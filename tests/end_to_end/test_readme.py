"""The README's commands, as they stand there."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.lab import DATA
from tests.tasks import pictures

ROOT = DATA.parent.parent
PORT_OF_MAKE_UP = "http://127.0.0.1:8000"


def test_the_readmes_commands_work(gateway: str, tmp_path: Path) -> None:
    """Pasted one after the other beside a running Darkroom, they edit the sample photos."""
    blocks = [
        block
        for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        if "curl" in block or "darkroom edit" in block
    ]
    assert len(blocks) == 9
    folder = tmp_path / "tests" / "data"
    shutil.copytree(DATA, folder)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    environment = {**os.environ, "DARKROOM_URL": gateway}
    outputs = []
    for block in blocks:
        commands = block.replace("cd tests/data\n", "").replace(PORT_OF_MAKE_UP, gateway)
        commands = commands.replace("darkroom edit", f"darkroom edit --url {gateway}")
        done = subprocess.run(
            ["bash", "-ec", commands],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        outputs.append(done.stdout)
        if "TASK_ID" not in environment:
            environment["TASK_ID"] = json.loads(done.stdout)["task_id"]
    assert '"done"' in outputs[1]
    shapes = {
        "removed.webp": (427, 640, 3),
        "small.webp": (342, 512, 3),
        "removed.png": (427, 640, 3),
        "clicked.png": (400, 600),
    }
    for name, shape in shapes.items():
        assert pictures.decoded((folder / name).read_bytes()).shape == shape
    for name in ("inserted.json", "balanced.json"):
        assert json.loads((folder / name).read_text())["image"]
