"""Row 3: SIGSTOP past the lease, then SIGCONT."""

import os
import signal

import pytest

from tasks.jobs import Operation, State
from tests import lab
from tests.chaos.engine import Script
from tests.chaos.report import Report
from tests.chaos.stand import Stand
from tests.chaos.worker import OPENING_TRAPS, SLEEP_VARIABLE, Harm


@pytest.mark.parametrize("steps", [4, 1], ids=["notices at its next step", "commits without another step"])
def test_a_zombie_commits_nothing(stand: Stand, report: Report, steps: int) -> None:
    """A worker stopped for longer than its lease finds its job done by another; whatever it does, it is done once."""
    zombie, _, _ = stand.start_all("a100", "cpu", "jobs")
    job_id = stand.submit(Script(steps=steps, seconds=0.5))
    stand.until(job_id, State.PROCESSING, step=1)
    os.killpg(zombie.process.pid, signal.SIGSTOP)
    stand.start("a100")
    done = stand.until(job_id, State.DONE)
    os.killpg(zombie.process.pid, signal.SIGCONT)
    fence = "ignored" if steps > 1 else "job.commit_refused"
    lab.wait_for(lambda: fence in zombie.log.read_text(), "the zombie to be refused")
    lab.wait_for(lambda: stand.unacked() == 0, "every message to be acknowledged")
    report.row(
        3,
        injected=f"SIGSTOP past the lease, SIGCONT; the zombie had {steps - 1} steps to go",
        counted=f"executions {stand.executions(job_id)}, commits {stand.commits(job_id)}, attempts {done.attempts}",
        measured=f"submitted to done: {(done.finished_at or 0) - done.created_at:.2f} s",
        bound="1 commit",
    )
    assert stand.job(job_id) == done
    assert (stand.executions(job_id), stand.commits(job_id), done.attempts) == (2, 1, 2)
    stand.verify(job_id)


def test_a_zombie_opens_no_job_twice(stand: Stand, report: Report) -> None:
    """An opening task that was stopped for longer than its lease launches no second chord."""
    zombie = stand.start("cpu", "-c", "1", **{SLEEP_VARIABLE: "0.5"})
    stand.start_all("jobs", "a100")
    job_id = stand.submit(operation=Operation.WHITE_BALANCE, width=OPENING_TRAPS + Harm.SLEEP)
    stand.until(job_id, State.PREPROCESSING)
    os.killpg(zombie.process.pid, signal.SIGSTOP)
    stand.start("cpu", "-c", "1", **{SLEEP_VARIABLE: "0.5"})
    done = stand.until(job_id, State.DONE)
    os.killpg(zombie.process.pid, signal.SIGCONT)
    lab.wait_for(lambda: stand.unacked() == 0, "every message to be acknowledged")
    good = stand.submit()
    stand.until(good, State.DONE)
    parts = sum("canny" in entry.detail for entry in stand.diary.read("task"))
    report.row(
        3,
        injected="SIGSTOP of an opening task past the lease, SIGCONT",
        counted=f"openings {stand.runs(job_id, 'white_balance')}, parts {parts}, executions {stand.executions(job_id)}",
        measured=f"submitted to done: {(done.finished_at or 0) - done.created_at:.2f} s",
        bound="1 commit",
    )
    assert stand.job(job_id) == done
    assert (stand.runs(job_id, "white_balance"), parts, stand.executions(job_id)) == (2, 1, 1)
    stand.verify(job_id, good)
