"""Row 4: a job that kills its process each time."""

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from tasks.errors import ErrorCode
from tasks.jobs import Operation, State
from tests.chaos.engine import Fault, Script
from tests.chaos.report import Report
from tests.chaos.scale import pick
from tests.chaos.stand import Stand
from tests.chaos.worker import OPENING_TRAPS, PART_TRAPS, Harm

OTHERS = pick(short=4, full=20)
STARTS = 3


@dataclass(frozen=True, slots=True)
class Poison:
    """A job that kills whoever takes it, where, and the task that does it."""

    where: str
    task: str
    width: int = 64
    fault: Fault = Fault.NONE


POISONS = [
    Poison("the body", "generate", fault=Fault.KILL),
    Poison("the body, by a lost engine", "generate", fault=Fault.LOST),
    Poison("the opening", "white_balance", OPENING_TRAPS + Harm.KILL),
    Poison("a part", "canny", PART_TRAPS + Harm.KILL),
]


@pytest.mark.parametrize("poison", POISONS, ids=lambda poison: poison.where)
def test_a_poison_job_is_set_aside_after_three_starts(stand: Stand, report: Report, poison: Poison) -> None:
    """A job that kills each process that takes it fails as worker_lost after three; all others are done, once."""
    stand.start_all("cpu", "jobs")
    stand.watch("a100")
    job_id = stand.submit(Script(fault=poison.fault, at=1), Operation.WHITE_BALANCE, width=poison.width)
    others = [stand.submit() for _ in range(OTHERS)]
    job = stand.until(job_id, State.ERROR)
    assert {other.state for other in stand.all_final(others)} == {State.DONE}
    stand.verify(job_id, *others)
    starts = sum(poison.task in entry.detail for entry in stand.diary.read("task") if entry.label not in others)
    dead = stand.broker.client.lrange("darkroom:jobs:dead", 0, -1)
    report.row(
        4,
        injected=f"a job that kills its process in {poison.where}",
        counted=f"starts {starts}, {job.failure.code if job.failure else None}, dead letters {len(dead)}, "
        f"others done {len(others)} of {OTHERS}",
        measured=f"submitted to its end: {(job.finished_at or 0) - job.created_at:.2f} s",
        bound=f"exactly {STARTS} starts",
    )
    assert job.failure is not None
    assert job.failure.code is ErrorCode.WORKER_LOST
    assert starts == STARTS
    assert dead == [job_id]
    assert [stand.executions(other) for other in others] == [1] * OTHERS


def test_a_replayed_job_is_done_once_it_no_longer_kills(stand: Stand, report: Report) -> None:
    """What was set aside can be tried again from the command line: a new job with a result, and no dead letter left."""
    stand.start_all("cpu", "jobs")
    stand.watch("a100")
    job_id = stand.submit(Script(fault=Fault.KILL, at=1, times=STARTS))
    stand.until(job_id, State.ERROR)
    old, new = replay(stand, job_id).split()
    assert old == job_id
    assert stand.until(new, State.DONE).result
    stand.verify(job_id, new)
    report.row(
        4,
        injected="`darkroom jobs replay` of the dead letter",
        counted=f"executions {stand.executions(job_id)}, commits {stand.commits(job_id)} + {stand.commits(new)}",
        measured=f"replayed to done: {(stand.job(new).finished_at or 0) - stand.job(new).created_at:.2f} s",
        bound="1 commit",
    )
    assert stand.executions(new) == STARTS + 1
    assert stand.broker.client.llen("darkroom:jobs:dead") == 0


def replay(stand: Stand, job_id: str) -> str:
    """Run the command and return what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "darkroom", "jobs", "replay", job_id],
        env={**os.environ, **stand.environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
