"""Secrets on the command line."""

import os
import subprocess
import sys

from typer.testing import CliRunner

from darkroom.webhooks import app
from tasks import outbox
from tasks.app import app as tasks_app


def test_a_secret_is_told_and_rotated(environment: dict[str, str]) -> None:
    """`secret` prints what an owner's webhooks are signed with, `rotate` makes another and prints that."""
    told = CliRunner().invoke(app, ["secret", "--owner", "cli"]).stdout.strip()
    assert told == tasks_app.ledger.apply(outbox.secret_of("cli")).current
    command = [sys.executable, "-m", "darkroom", "webhooks", "rotate", "--owner", "cli"]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=60, check=True)
    rotated = done.stdout.strip()
    assert tasks_app.ledger.apply(outbox.secret_of("cli")).signing == (rotated, told)
