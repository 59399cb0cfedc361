"""Flower's options."""

import os
import subprocess
import sys
from pathlib import Path

ASKED = """
from darkroom.flower import options, viewer
viewer(["--purge_offline_workers=7", "--db=history"])
print(options.max_tasks, options.purge_offline_workers, options.persistent, options.read_only, options.enable_events)
"""


def test_its_defaults_are_ours_until_somebody_says_otherwise(tmp_path: Path, environment: dict[str, str]) -> None:
    """The environment and the command line win over the defaults, but not over what makes it a viewer."""
    given = {"FLOWER_BASIC_AUTH": "a:b", "FLOWER_MAX_TASKS": "5", "FLOWER_READ_ONLY": "false"}
    done = subprocess.run(
        [sys.executable, "-c", ASKED],
        cwd=tmp_path,
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["5", "7", "True", "True", "False"], done.stderr
