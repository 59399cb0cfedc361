"""Where a page's blocks run: a folder with the sample photos, or a copy of the repository, and a shell in it."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from PIL import Image

from tests.docs.blocks import ROOT, Block
from tests.lab import DATA
from tests.tasks import pictures

GATEWAY_OF_MAKE_UP = "http://127.0.0.1:8000"
BROKER_OF_MAKE_UP = "redis://127.0.0.1:6399/0"
COPIED = ("api", "darkroom", "tasks", "worker_profiles", "tests", "celeryconfig.py", "pyproject.toml")
SECONDS = 100
BETWEEN = "-- the next block --"
TOOLS = ("base64", "curl", "jq", "openssl", "patch")
"""What blocks call that not every machine has."""


def missing_tools(blocks: Iterable[Block]) -> list[str]:
    """Return which tools the blocks need that this machine lacks."""
    texts = ("patch" if block.language == "diff" else block.text for block in blocks)
    words = {word for text in texts for word in re.findall(r"\w+", text)}
    return [tool for tool in TOOLS if tool in words and shutil.which(tool) is None]


class Stage:
    """Runs the blocks of one page, in order."""

    def __init__(self, folder: Path, addresses: Mapping[str, str]) -> None:
        """Set it up. ``addresses`` are those of ``make up``, each with the one to use in its place."""
        self._folder, self._addresses = folder, addresses
        self._scripts, self._printed = folder / "blocks", folder / "printed"
        for made in (self._scripts, self._printed, folder / "bin"):
            made.mkdir()
        darkroom = folder / "bin" / "darkroom"
        darkroom.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m darkroom "$@"\n')
        darkroom.chmod(0o755)
        (folder / ".venv").symlink_to(folder, target_is_directory=True)  # where ../../.venv/bin/darkroom leads
        # A program in the network of the broker knows the broker's address only; the workers tell the rest.
        known = {name: value for name, value in os.environ.items() if not name.startswith("IMAGE_")}
        self._environment = {
            **known,
            "DARKROOM_URL": addresses[GATEWAY_OF_MAKE_UP],
            "PATH": os.pathsep.join((str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"])),
        }

    def photos(self) -> Path:
        """Return a folder with the photos of ``tests/data``, under that name too; all pages begin there."""
        place = self._folder / "tests" / "data"
        shutil.copytree(DATA, place)
        (place / "tests").symlink_to(place.parent, target_is_directory=True)
        (place / "photo.jpg").write_bytes(pictures.encoded(pictures.photo(), "JPEG"))
        (place / "mask.png").write_bytes(pictures.encoded(pictures.mask()))
        self._environment["PYTHONPATH"] = str(ROOT)
        return place

    def checkout(self) -> Path:
        """Return a copy of the code; pages that change it begin there."""
        place = self._folder / "checkout"
        place.mkdir()
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, place)
        self._environment["PYTHONPATH"] = str(place)
        return place

    def shell(self, blocks: Sequence[Block], place: Path) -> list[str]:
        """Run what a shell can run: sh, files and diffs; return what each prints.

        Variables live to the page's end, for its Python too.
        """
        lines = ["set -ea"]
        for number, block in enumerate(blocks):
            (self._scripts / str(number)).write_text(self._addressed(block.text))
            script, printed = f'"{self._scripts}/{number}"', f'"{self._printed}/{number}"'
            lines += [f"echo {shlex.quote(str(block))} >&2", f"{_command(block, script)} > {printed}"]
        ended = self._folder / "environment"
        self._run(["bash", "-c", "\n".join([*lines, f'env -0 > "{ended}"'])], place)
        variables = ended.read_text().split("\0")
        self._environment = dict(each.split("=", 1) for each in variables if "=" in each)
        return [(self._printed / str(number)).read_text() for number in range(len(blocks))]

    def python(self, blocks: Iterable[Block], place: Path) -> list[str]:
        """Run Python blocks as one program; return what each prints."""
        program = self._folder / "page.py"
        program.write_text(self._addressed(f'\nprint("{BETWEEN}")\n'.join(block.text for block in blocks)))
        return self._run([sys.executable, str(program)], place).split(BETWEEN)

    def require_sound_files(self, place: Path) -> None:
        """Fail where a block has left a picture that cannot be decoded, or JSON that is none."""
        for written in place.iterdir():
            if written.suffix == ".json":
                json.loads(written.read_text())
            elif written.suffix in {".png", ".jpg", ".webp"}:
                with Image.open(written) as picture:
                    picture.load()

    def _addressed(self, text: str) -> str:
        for address, ours in self._addresses.items():
            text = text.replace(address, ours)
        return text

    def _run(self, command: list[str], place: Path) -> str:
        done = subprocess.run(
            command,
            cwd=place,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        printed = "".join(path.read_text() for path in sorted(self._printed.iterdir()))
        assert done.returncode == 0, f"{printed}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def _command(block: Block, script: str) -> str:
    match block:
        case Block(options={"file": path}):
            return f'mkdir -p "$(dirname {path})" && cp {script} {path}'
        case Block(language="diff"):
            return f"patch --strip=1 --fuzz=0 --input={script} >&2"
        case _:
            return f". {script}"


def is_shown(printed: str, shown: str) -> bool:
    """Whether a page shows what was printed; … stands for anything, also for lines."""
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("…"))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None
