import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import structlog
from tasks import logs

logs.configure()

def fail(prompt):
    raise LookupError("a reason")

try:
    fail("in confi" + "dence")
except LookupError:
    structlog.get_logger("test").exception("task.failed")
"""


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_traceback_shows_no_values(log_format: str) -> None:
    """Where it failed and why is in the log; what the variables held (prompts, secrets) is not."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "DARKROOM_LOG_FORMAT": log_format, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "a reason" in done.stderr
    assert "task.failed" in done.stderr
    assert "in confidence" not in done.stderr


def test_a_start_that_fails_is_logged_like_everything_else(environment: dict[str, str]) -> None:
    """A worker's lines are JSON from its first one on, and hold no settings (the broker's address has a password)."""
    settings = {"IMAGE_STORE_URL": "nowhere://at-all", "DARKROOM_PROFILE": "jobs", "DARKROOM_LOG_FORMAT": "json"}
    done = subprocess.run(
        [sys.executable, "-m", "tasks"],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 70
    line = next(line for line in done.stderr.splitlines() if "worker.cannot_start" in line)
    assert json.loads(line)["level"] == "error"
    assert "redis_url" not in done.stderr + done.stdout
