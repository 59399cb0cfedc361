"""The dependency audit of the gate, with stand-ins for pip-audit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / ".ci/audit.py"
CLEAN = {"name": "celery", "version": "5.7.0", "vulns": []}
FLAWED = {"name": "pillow", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
UNKNOWN = {"name": "celery", "skip_reason": "Dependency not found and could not be audited"}


def audit(folder: Path, *, answer: object, status: int = 0) -> tuple[int, str]:
    """Run the audit with a pip-audit that answers so; return the exit status and what was said."""
    stand_in = folder / "pip-audit"
    text = json.dumps({"dependencies": answer}) if answer is not None else ""
    stand_in.write_text(f"#!{sys.executable}\nprint({text!r}, end='')\nraise SystemExit({status})\n")
    stand_in.chmod(0o755)
    done = subprocess.run([sys.executable, SCRIPT, stand_in], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_a_known_vulnerability_fails(tmp_path: Path) -> None:
    """It is named with the version that mends it."""
    status, said = audit(tmp_path, answer=[CLEAN, FLAWED], status=1)
    assert status == 1
    assert "pillow 1.0: PYSEC-1, mended in 1.1" in said


def test_nothing_known_passes(tmp_path: Path) -> None:
    """The number of packages that were looked up is told."""
    status, said = audit(tmp_path, answer=[CLEAN])
    assert status == 0
    assert "requirements/test.txt: 1 packages looked up, 0 with known vulnerabilities" in said
    assert "SKIPPED" not in said


@pytest.mark.parametrize(("answer", "status"), [(None, 1), ([UNKNOWN], 0)], ids=["fails", "succeeds blindly"])
def test_without_a_service_it_says_that_it_looked_at_nothing(tmp_path: Path, answer: object, status: int) -> None:
    """A pip-audit that could not ask does not fail the gate, and does not pass for a clean one."""
    status, said = audit(tmp_path, answer=answer, status=status)
    assert status == 0
    assert "AUDIT SKIPPED: no vulnerability service is reachable" in said


def test_what_was_not_looked_up_is_named(tmp_path: Path) -> None:
    """A package that the service does not know is no clean one."""
    _, said = audit(tmp_path, answer=[CLEAN, {**UNKNOWN, "name": "torch"}])
    assert "NOT LOOKED UP: torch" in said
