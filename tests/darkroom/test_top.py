"""`darkroom top`, against a real ledger."""

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from darkroom.top import age
from tasks import ledger
from tasks.errors import ErrorCode
from tasks.jobs import Edit, Failure, Operation, Stage
from tasks.ledger import Ledger
from tests.darkroom.commands import darkroom
from tests.lab import wait_for

ROOT = Path(__file__).parents[2]
EDIT = Edit(operation=Operation.TEXT_TO_IMAGE, prompt="a [red] lighthouse", seed=3)
SCREEN = {"TERM": "xterm", "LINES": "40", "COLUMNS": "200"}
WORKER = {"profile": "a100", "service": "generation", "engine": "qwen", "state": "busy", "slots": 1, "active": 1}


@pytest.fixture
def book(environment: dict[str, str]) -> Iterator[Ledger]:
    """An empty ledger that no worker serves."""
    opened = ledger.connect(environment["REDIS_URL"].replace("/0", "/6"))
    opened.client.flushdb()
    yield opened
    opened.client.flushdb()
    opened.client.close()


def address(book: Ledger) -> str:
    """Where the ledger is."""
    url = book.client.connection_pool.connection_kwargs
    return f"redis://{url['host']}:{url['port']}/{url['db']}"


def top(book: Ledger, *arguments: str) -> str:
    """Return what it prints."""
    done = darkroom("top", *arguments, REDIS_URL=address(book))
    assert done.returncode == 0, done.stderr
    return done.stdout


def submitted(book: Ledger) -> str:
    """A job that waits for its pool."""
    job_id = ledger.new_job_id()
    book.apply(ledger.submit(job_id, EDIT, owner="ann"))
    attempt = ledger.new_token(job_id)
    book.apply(ledger.claim(attempt, Stage.OPENING, "cpu@host:1"))
    book.apply(ledger.launch(attempt, ledger.new_token(job_id), 0, {}))
    return job_id


def some_work(book: Ledger) -> dict[str, str]:
    """One job that runs on a loading pool's only busy worker, one that waits, one that failed."""
    ids = {name: submitted(book) for name in ("running", "waiting", "failed")}
    for name in ("failed", "running"):
        token = ledger.new_token(ids[name])
        book.apply(ledger.claim(token, Stage.BODY, "a100@host:2"))
        book.apply(ledger.progress(token, 3, 40, "[denoising]"))
        if name == "failed":
            book.apply(ledger.fail(token, Failure(ErrorCode.OUT_OF_MEMORY, "Too large.")))
    gpu = {"gpu": "GPU-1", "memory_used": 60 * 2**30, "memory_total": 80 * 2**30, "utilisation": 0.97}
    book.apply(ledger.announce("a100@host:2", {**WORKER, "gpu": gpu}, 30))
    book.apply(
        ledger.announce(
            "t4@host:3",
            {
                **WORKER,
                "profile": "t4",
                "service": "segmentation",
                "state": "loading",
                "active": 0,
                "message": "Loading FastSAM.",
            },
            30,
        )
    )
    return ids


def test_json_tells_all(book: Ledger) -> None:
    """Pools with their health, queues, jobs with step and worker, totals and the latest failures, for programs."""
    ids = some_work(book)
    view: dict[str, Any] = json.loads(top(book, "--once", "--json"))
    pools = {each["pool"]: each for each in view["pools"]}
    assert {name: each["status"] for name, each in pools.items()} == {
        "a100": "healthy",
        "t4": "starting",
        "cpu": "asleep",
        "jobs": "down",
    }
    assert (pools["a100"]["in_flight"], pools["a100"]["slots"], pools["a100"]["waiting_jobs"]) == (1, 1, 1)
    assert pools["a100"]["oldest_seconds"] > 0
    assert (pools["a100"]["desired"], pools["a100"]["desired_reason"]) == (None, None)
    assert pools["t4"]["message"] == "Loading FastSAM"
    running, waiting = view["jobs"]
    assert (running["id"], running["step"], running["total_steps"], running["worker"]) == (
        ids["running"],
        3,
        40,
        "a100@host:2",
    )
    assert (waiting["id"], waiting["state"]) == (ids["waiting"], "preprocessing")
    assert view["open"] == {"text-to-image": {"preprocessing": 1, "processing": 1}}
    assert view["finished"] == {"text-to-image": {"error": 1}}
    [failed] = view["failures"]
    assert (failed["id"], failed["code"], failed["worker"]) == (ids["failed"], "out_of_memory", "a100@host:2")
    assert "lighthouse" not in json.dumps(view), "prompts are nobody's business here"


def test_what_the_scaler_wants_is_shown(book: Ledger) -> None:
    """Where something scales the pools, how many machines each should have, and why."""
    decided = {"desired": 3, "running": 1, "reason": "5 waiting", "decided_at": time.time()}
    book.client.hset("darkroom:capacity", "a100", json.dumps(decided))
    view: dict[str, Any] = json.loads(top(book, "--once", "--json"))
    wanted = {each["pool"]: (each["desired"], each["desired_reason"]) for each in view["pools"]}
    assert wanted == dict.fromkeys(("t4", "cpu", "jobs"), (None, None)) | {"a100": (3, "5 waiting")}
    assert "wanted" in top(book)


def test_a_person_sees_what_matters(book: Ledger) -> None:
    """In a pipe it prints once: which pool sleeps or loads, what runs where, what failed; brackets are no markup."""
    ids = some_work(book)
    shown = top(book)
    for words in (
        "asleep",
        "starting",
        "Loading FastSAM",
        "1 busy",
        "97% 60/80 GiB",
        "3/40",
        "[denoising]",
        "1 error",
        "out_of_memory",
        *ids.values(),
    ):
        assert words in shown, words


def test_a_terminal_is_watched_until_ctrl_c(book: Ledger) -> None:
    """It shows what changes, rides out a look that fails, and leaves with 0."""
    screen, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "darkroom", "top", "--every", "0.2"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "REDIS_URL": address(book), **SCREEN},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    ) as process:
        os.close(terminal)
        os.set_blocking(screen, False)
        seen = bytearray()

        def shows(words: str) -> bool:
            try:
                seen.extend(os.read(screen, 65536))
            except (BlockingIOError, OSError):
                return process.poll() is not None
            return words.encode() in seen

        try:
            wait_for(lambda: shows("asleep"), "the first look")
            job_id = submitted(book)
            wait_for(lambda: shows(job_id), "the new job")
            process.send_signal(2)
            assert process.wait(20) == 0
        finally:
            process.kill()
            os.close(screen)


def test_a_broker_that_is_away_is_a_sentence() -> None:
    """Exit status 3, and no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "darkroom", "top", "--once"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "REDIS_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "does not answer" in done.stderr, "Traceback" in done.stderr) == (3, True, False)


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (75, "1 min 15 s"), (7500, "2 h 5 min")])
def test_ages_are_short(seconds: float, text: str) -> None:
    """Two units at most."""
    assert age(seconds) == text
