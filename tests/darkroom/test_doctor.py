import os
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.doctor import (
    Verdict,
    check_engines,
    check_folder,
    check_health,
    check_packages,
    check_port,
    check_python,
)
from darkroom.stack import free_ports
from tasks.engines import EngineName, SegmenterName
from tasks.settings import Settings

ROOT = Path(__file__).parents[2]


def test_a_machine_at_rest_is_well(tmp_path: Path) -> None:
    """Nothing runs and nothing is wrong: warnings that nothing runs, no failure, exit status 0."""
    names = ("PORT", "FLOWER_PORT", "BROKER_PORT", "CACHE_PORT")
    ports = {name: str(port) for name, port in zip(names, free_ports(4), strict=True)}
    done = subprocess.run(
        [sys.executable, "-m", "darkroom", "doctor"],
        cwd=tmp_path,
        env={**os.environ, **ports, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok   Valkey server" in done.stdout
    assert "warn no gateway answers" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_broker_that_does_not_answer_fails_when_it_was_asked_for(tmp_path: Path) -> None:
    """REDIS_URL with nobody behind it is an error, and its password is not shown."""
    done = subprocess.run(
        [sys.executable, "-m", "darkroom", "doctor"],
        cwd=tmp_path,
        env={**os.environ, "REDIS_URL": f"redis://:secret@127.0.0.1:{free_ports(1)[0]}/0", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "check REDIS_URL" in done.stdout
    assert "secret" not in done.stdout


@pytest.mark.parametrize(
    ("version", "verdict"), [((3, 10), Verdict.FAIL), ((3, 11), Verdict.OK), ((3, 14), Verdict.OK)]
)
def test_old_interpreters_fail(version: tuple[int, int], verdict: str) -> None:
    """Python below 3.11 cannot run Darkroom."""
    assert check_python(version).verdict == verdict


def test_missing_packages_are_named() -> None:
    """An unfinished installation names what is missing and the command that installs it."""
    finding = check_packages(("celery", "nowhere"), lambda name: name if name == "celery" else None)
    assert finding.verdict is Verdict.FAIL
    assert "nowhere" in finding.text
    assert "celery" not in finding.text


def test_a_taken_port_warns_only_when_darkroom_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port in use is fine when Darkroom itself listens there."""
    monkeypatch.setattr("darkroom.doctor.is_free", lambda _: False)
    assert check_port("PORT", 8000, runs=True).verdict is Verdict.OK
    finding = check_port("PORT", 8000, runs=False)
    assert finding.verdict is Verdict.WARN
    assert "PORT=8001 make up" in finding.text


def test_a_store_that_cannot_be_made_fails(tmp_path: Path) -> None:
    """A store below something that is no folder is found before the first upload fails."""
    (tmp_path / "file").write_text("")
    assert check_folder(tmp_path / "images").verdict is Verdict.OK
    assert check_folder(tmp_path / "file").verdict is Verdict.FAIL


def test_health_is_a_line_per_service() -> None:
    """Asleep is well, starting is a warning, down is a failure."""
    states = {"generation": "healthy", "segmentation": "asleep", "image_utils": "starting", "job_manager": "down"}
    health = {"status": "degraded", "services": {name: {"status": state} for name, state in states.items()}}
    verdicts = [finding.verdict for finding in check_health(health, "http://127.0.0.1:8000")]
    assert verdicts == [Verdict.OK, Verdict.OK, Verdict.OK, Verdict.WARN, Verdict.FAIL]


def test_engines_without_weights_are_not_checked(tmp_path: Path) -> None:
    """The opencv engines need nothing."""
    assert check_engines(Settings(), tmp_path, lambda _: None) == []


def test_engines_name_the_extra_and_the_command_that_bring_what_they_lack(tmp_path: Path) -> None:
    """Each missing thing comes with its remedy; a pulled model and a folder of one's own are fine."""
    wanted = Settings(segmentation_engine=SegmenterName.FASTSAM, generation_engine=EngineName.QWEN)
    lacking = check_engines(wanted, tmp_path, lambda _: None)
    assert {finding.verdict for finding in lacking} == {Verdict.FAIL}
    told = "\n".join(finding.text for finding in lacking)
    assert "models pull fastsam-s" in told
    assert "models pull qwen-image-edit" in told
    assert "extra qwen" in told
    (tmp_path / "fastsam-s.pt.sha256").touch()
    (tmp_path / "model_index.json").touch()
    there = check_engines(wanted.model_copy(update={"model_path": str(tmp_path)}), tmp_path, lambda name: name)
    assert {finding.verdict for finding in there} == {Verdict.OK}
