"""Row 4: a job that kills its process each time."""

import os
import subprocess
import sys

from tasks.errors import ErrorCode
from tasks.jobs import Operation, State
from tests.chaos.engine import Fault, Script
from tests.chaos.report import Report
from tests.chaos.scale import pick
from tests.chaos.stand import Stand
from tests.chaos.worker import OPENING_TRAPS, PART_TRAPS, Harm

OTHERS = pick(short=4, full=20)
LOST_ENGINES = pick(short=0, full=1)
"""Its process ends itself, which is the same to everybody else."""
STARTS = 3


def test_poison_jobs_are_set_aside_after_three_starts(stand: Stand, report: Report) -> None:
    """A job that kills each process that takes it fails as worker_lost after three, wherever it does so.

    The other jobs are done, once. What was set aside can be tried again from the command line: as a new job.
    """
    stand.start_all("cpu", "jobs")
    stand.watch("a100")
    body = stand.submit(Script(fault=Fault.KILL, at=1, times=STARTS))
    lost_engine = [stand.submit(Script(fault=Fault.LOST, at=1)) for _ in range(LOST_ENGINES)]
    opening = stand.submit(operation=Operation.WHITE_BALANCE, width=OPENING_TRAPS + Harm.KILL)
    part = stand.submit(operation=Operation.WHITE_BALANCE, width=PART_TRAPS + Harm.KILL)
    others = [stand.submit() for _ in range(OTHERS)]
    poisons = [body, *lost_engine, opening, part]
    jobs = [stand.until(job_id, State.ERROR) for job_id in poisons]
    assert {job.state for job in stand.all_final(others)} == {State.DONE}
    stand.verify(*poisons, *others)
    starts = {
        "body": stand.executions(body),
        "lost engine": [stand.executions(job_id) for job_id in lost_engine],
        "opening": stand.runs(opening),
        "part": len(stand.parts()),
    }
    dead = stand.broker.client.lrange("darkroom:jobs:dead", 0, -1)
    report.row(
        4,
        injected="jobs that kill their process in the body, the opening, a part; a lost engine",
        counted=f"starts {starts}, {[str(job.failure.code) for job in jobs if job.failure]}, dead letters {len(dead)}, "
        f"others' executions {sum(map(stand.executions, others))} of {OTHERS}",
        measured=f"the last failed after {max((job.finished_at or 0) - job.created_at for job in jobs):.2f} s",
        bound=f"exactly {STARTS} starts",
    )
    assert [job.failure.code for job in jobs if job.failure] == [ErrorCode.WORKER_LOST] * len(poisons)
    assert starts == {"body": STARTS, "lost engine": [STARTS] * LOST_ENGINES, "opening": STARTS, "part": STARTS}
    assert set(dead) == set(poisons)
    assert [stand.executions(job_id) for job_id in others] == [1] * OTHERS

    old, new = replay(stand, body).split()
    assert old == body
    assert stand.until(new, State.DONE).result
    stand.verify(body, new)
    left = stand.broker.client.lrange("darkroom:jobs:dead", 0, -1)
    report.row(
        4,
        injected="`darkroom jobs replay`",
        counted=f"executions {stand.executions(new) - STARTS} more, commits {stand.commits(body)} + "
        f"{stand.commits(new)}, dead letters {len(left)}",
        measured=f"replayed to done: {(stand.job(new).finished_at or 0) - stand.job(new).created_at:.2f} s",
        bound="1 commit",
    )
    assert stand.executions(new) == STARTS + 1
    assert body not in left


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
