"""`darkroom jobs`, against a real ledger."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks import ledger
from tasks.jobs import Edit, Operation, Stage, State
from tasks.ledger import Ledger
from tasks.settings import settings
from tests.darkroom.commands import darkroom

ROOT = Path(__file__).parents[2]
EDIT = Edit(operation=Operation.WHITE_BALANCE, photo="a" * 64, seed=3)
HOOK = "https://example.org/hook"


@pytest.fixture
def book(environment: dict[str, str]) -> Iterator[Ledger]:
    """An empty ledger that no worker serves."""
    opened = ledger.connect(environment["REDIS_URL"].replace("/0", "/5"))
    opened.client.flushdb()
    yield opened
    opened.client.flushdb()
    opened.client.close()


def jobs(book: Ledger, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `darkroom jobs` to its end."""
    url = book.client.connection_pool.connection_kwargs
    return darkroom("jobs", *arguments, REDIS_URL=f"redis://{url['host']}:{url['port']}/{url['db']}")


def buried(book: Ledger) -> str:
    """A job of Ann's that ended as many workers as it may."""
    job_id = ledger.new_job_id()
    book.apply(ledger.submit(job_id, EDIT, owner="ann", webhook=HOOK))
    for _ in range(settings().max_attempts + 1):
        book.apply(ledger.claim(ledger.new_token(job_id), Stage.OPENING, "cpu@host:1"))
        book.client.hset(f"darkroom:job:{job_id}", "lease_until", "0")
    return job_id


def test_a_dead_letter_is_shown_and_tried_again(book: Ledger) -> None:
    """`dead` names it with owner and reason; `replay` makes the same edit of the same owner a new job, once."""
    job_id = buried(book)
    shown = jobs(book, "dead").stdout
    assert all(word in shown for word in (job_id, "ann", "white-balance", "worker_lost", "cpu@host:1"))
    answers = [jobs(book, "replay", job_id), jobs(book, "replay", job_id)]
    assert [answer.returncode for answer in answers] == [0, 0]
    assert answers[0].stdout == answers[1].stdout
    old, new = answers[0].stdout.split()
    read = book.apply(ledger.read(new))
    assert read is not None
    assert (old, read[0].edit, read[0].owner, read[0].webhook) == (job_id, EDIT, "ann", HOOK)
    assert read[0].state is State.QUEUED
    assert book.client.llen("image-utils") == 1
    assert job_id not in jobs(book, "dead").stdout
    assert read_state(book, job_id) is State.ERROR, "what has ended stays as it ended"


def test_all_dead_letters_at_once(book: Ledger) -> None:
    """`--all` tries each of them again."""
    ids = {buried(book) for _ in range(3)}
    lines = jobs(book, "replay", "--all").stdout.splitlines()
    assert {line.split()[0] for line in lines} == ids
    assert book.apply(ledger.dead()) == ()


def test_a_dead_letter_is_kept_as_long_as_its_images(book: Ledger) -> None:
    """Its record outlives that of a job that ended well: it can be tried again for as long as its inputs are there."""
    ttl = book.client.ttl(f"darkroom:job:{buried(book)}")
    assert settings().job_retention_seconds < ttl <= settings().image_retention_seconds


def test_what_cannot_be_tried_again_is_said(book: Ledger) -> None:
    """Unknown ids, jobs that did not fail and no id at all are bad usage; a broker that is away has its own status."""
    running = ledger.new_job_id()
    book.apply(ledger.submit(running, EDIT, owner="ann"))
    for arguments, words in (
        (["replay", "nothing"], "no job nothing"),
        (["replay", running], "did not fail"),
        (["replay"], "--all"),
    ):
        done = jobs(book, *arguments)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    away = subprocess.run(
        [sys.executable, "-m", "darkroom", "jobs", "dead"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "REDIS_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (away.returncode, "does not answer" in away.stderr) == (3, True), away.stderr


def read_state(book: Ledger, job_id: str) -> State:
    """Where a job is."""
    read = book.apply(ledger.read(job_id))
    assert read is not None
    return read[0].state
