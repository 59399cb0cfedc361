"""The command line as a user meets it: exit statuses and sentences; a process where a signal ends it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from darkroom import cli
from darkroom.cli import main
from darkroom.client import AsyncClient
from darkroom.edit import Order, edit
from darkroom.errors import CommandError
from darkroom.stack import free_ports
from tasks.jobs import Operation
from tests.darkroom.commands import darkroom
from tests.darkroom.gateway import ENCODED, IMAGE, JOB, Script, event, serving
from worker_profiles import ProfileName, load

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "200"}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small photo on disk."""
    path = tmp_path / "photo.png"
    Image.new("RGB", (64, 48), (200, 150, 90)).save(path)
    return path


def white_balance(photo: Path, out: Path, url: str) -> list[str]:
    """Arguments of an edit."""
    return ["edit", str(photo), "--operation", "white-balance", "--seed", "7", "--url", url, "-o", str(out)]


def test_an_edit_ends_with_the_image_in_the_format_of_its_name(photo: Path, tmp_path: Path) -> None:
    """Upload, events and download come together in a file, and the suffix decides the format that is asked for."""
    out = tmp_path / "result.jpg"
    script = Script(streams=[[event(1, "queued", queue_position=2), event(2, "done", progress=1.0)]])
    with serving(script) as url:
        done = darkroom(*white_balance(photo, out, url))
    assert (done.returncode, done.stdout.strip()) == (0, str(out))
    assert out.read_bytes() == ENCODED
    assert json.loads(script.encoding) == {"image": "1" * 64, "format": "jpeg"}
    assert photo.read_bytes() in script.body
    assert all(f'name="{name}"'.encode() in script.body for name in ("input_image", "task_type", "seed"))
    assert script.asked == [
        "POST /api/generate/async",
        f"GET /api/generate/stream/{JOB}",
        f"GET /api/generate/result/{JOB}",
        "POST /api/image-utils/encode",
    ]


def test_a_broken_stream_is_taken_up_where_it_broke(photo: Path, tmp_path: Path) -> None:
    """A gateway that restarts during an edit costs no edit: the stream goes on after the last event seen."""
    script = Script(streams=[[event(1, "queued"), event(2, "processing", progress=0.5)], [event(3, "done")]])
    out = tmp_path / "result.png"
    with serving(script) as url:
        assert darkroom(*white_balance(photo, out, url)).returncode == 0
    assert out.read_bytes() == IMAGE
    assert script.resumed_from == [None, "2-0"]


def test_a_refusal_is_shown_in_the_gateways_words(photo: Path, tmp_path: Path) -> None:
    """A problem document becomes its sentence on stderr, to the letter."""
    script = Script(submit=(422, {"code": "image_invalid", "detail": "This is no [red] image."}))
    with serving(script) as url:
        done = darkroom(*white_balance(photo, tmp_path / "result.png", url))
    assert (done.returncode, done.stderr.strip()) == (2, "Error: This is no [red] image.")


@pytest.mark.parametrize(
    ("status", "exit_status"),
    [(400, 2), (413, 2), (415, 2), (422, 2), (404, 1), (429, 1), (500, 1), (503, 1)],
)
def test_whose_fault_it_is_decides_the_exit_status(status: int, exit_status: int) -> None:
    """Exit status 2 is for what the caller can mend in the request, 1 for everything else."""

    async def refused(url: str) -> int:
        async with AsyncClient(url, retries=0) as client:
            with pytest.raises(CommandError, match=r"No\.") as caught:
                await edit(client, Order(Operation.TEXT_TO_IMAGE, prompt="a hat"), "png", lambda _: None)
        return caught.value.exit_status

    with serving(Script(submit=(status, {"detail": "No."}))) as url:
        assert asyncio.run(refused(url)) == exit_status


def test_a_failed_edit_says_why(photo: Path, tmp_path: Path) -> None:
    """An edit that ends in an error is exit status 1 with the job's own sentence, and writes no file."""
    out = tmp_path / "result.png"
    problem = (500, {"code": "engine_failed", "detail": "The engine gave up.", "error_type": "ProcessingError"})
    with serving(Script(streams=[[event(1, "error", error="The engine gave up.")]], result=problem)) as url:
        done = darkroom(*white_balance(photo, out, url))
    assert (done.returncode, done.stderr.strip()) == (1, "Error: The engine gave up.")
    assert not out.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_edit_cancels_its_job(photo: Path, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C stops the work on the server too, not only the waiting."""
    script = Script(streams=[[event(1, "processing")]], hold=True)
    with (
        serving(script) as url,
        subprocess.Popen(
            [sys.executable, "-m", "darkroom", *white_balance(photo, tmp_path / "result.png", url)],
            env=ENVIRONMENT,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert script.streaming.wait(30)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert script.asked[-1] == f"DELETE /api/generate/{JOB}"
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_no_darkroom_is_exit_status_three(photo: Path, tmp_path: Path) -> None:
    """When nobody answers, the sentence says where it looked and how to start one."""
    done = darkroom(*white_balance(photo, tmp_path / "result.png", f"http://127.0.0.1:{free_ports(1)[0]}"))
    assert done.returncode == 3
    assert "Cannot reach Darkroom at http://127.0.0.1" in done.stderr
    assert "make up" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["edit", "/nowhere.png", "--operation", "removal", "-o", "out.png"], "does not exist"),
        (["edit", "--operation", "sharpen", "-o", "out.png"], "sharpen"),
        (["edit", "--operation", "removal", "-o", "out.png"], "removal needs a photo"),
        (["edit", "--operation", "text-to-image", "-o", "out.gif"], "can be written as .png"),
        (["edit", "--operation", "text-to-image", "-o", "/no/such/folder/out.png"], "There is no folder"),
        (["edit", "--operation", "text-to-image", "--url", "localhost:8000", "-o", "out.png"], "begins with http"),
        (["worker", "v100"], "v100"),
    ],
)
def test_bad_usage_is_exit_status_two(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake on the command line is named, without a traceback."""
    monkeypatch.setattr(sys, "argv", ["darkroom", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_a_bad_setting_is_named() -> None:
    """A port that is no number is refused with its variable and value."""
    done = darkroom("up", PORT="eighty")
    assert (done.returncode, "PORT='eighty'" in done.stderr) == (2, True)


def test_the_exit_statuses_are_documented() -> None:
    """A script's author finds them in --help."""
    assert "3 Darkroom cannot be reached" in " ".join(darkroom("edit", "--help").stdout.split())


@pytest.mark.parametrize("profile", list(ProfileName))
def test_worker_becomes_the_profiles_celery_worker(
    profile: ProfileName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`darkroom worker PROFILE` is replaced by Celery with the profile's own arguments, so signals reach it."""
    calls: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(cli.os, "execve", lambda _, arguments, environment: calls.append((arguments, environment)))
    cli.worker(profile)
    [(arguments, environment)] = calls
    expected = load(profile).celery_arguments()
    assert list(arguments[-len(expected) :]) == expected
    assert environment["DARKROOM_PROFILE"] == profile
