"""Virtual environments for peers: their pins of shared libraries are not ours."""

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"
PIXEL_LIBRARIES = ("numpy", "opencv-python-headless", "pillow")
"""In the versions that are installed here: every side computes with the same ones."""


def python_of(name: str) -> Path | None:
    """Return the interpreter of a peer's environment, made if need be; None, and a line that says why, without one.

    It is kept, under a name that changes with what is in it.
    """
    requirements = REQUIREMENTS / f"{name}.txt"
    shared = [f"{library}=={version(library)}" for library in PIXEL_LIBRARIES]
    digest = hashlib.sha256(requirements.read_bytes() + " ".join([sys.version, *shared]).encode()).hexdigest()
    folder = _cache() / f"peers-{name}-{digest[:12]}"
    python = folder / "bin" / "python"
    if python.exists():
        return python
    uv = Path(sys.executable).with_name("uv")
    try:
        _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder)
        _run(uv, "pip", "install", "--quiet", "--python", python, "-r", requirements, *shared)
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        print(f"{name}: cannot be installed here, and is not measured. {_reason(error)}", file=sys.stderr)
        return None
    return python


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "darkroom"


def _run(*command: Path | str) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)


def _reason(error: Exception) -> str:
    return str(getattr(error, "stderr", "") or error).strip()
