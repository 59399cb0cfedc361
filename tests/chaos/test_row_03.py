"""Row 3: SIGSTOP past the lease, then SIGCONT."""

import os
import signal

from tasks.jobs import Operation, State
from tests import lab
from tests.chaos.engine import Script
from tests.chaos.report import Report, seconds
from tests.chaos.stand import Stand
from tests.chaos.worker import OPENING_TRAPS, SLEEP_VARIABLE, Harm


def test_zombies_commit_nothing(stand: Stand, report: Report) -> None:
    """Workers stopped for longer than a lease find their jobs done by others; each is done once, however they go on.

    One zombie comes to its job's next step, one straight to the commit, one to the launch of its job's chord.
    """
    cpu = stand.begin("cpu", "-c", "1", **{SLEEP_VARIABLE: "1"})
    a100 = stand.begin("a100", "-c", "2")
    stand.start("jobs")
    for worker in (cpu, a100):
        worker.wait_until_ready()
    stepping, committing = (stand.submit(Script(steps=steps, seconds=1)) for steps in (4, 1))
    for job_id in (stepping, committing):
        stand.until(job_id, State.PROCESSING, step=1)
    opening = stand.submit(operation=Operation.WHITE_BALANCE, width=OPENING_TRAPS + Harm.SLEEP)
    stand.until(opening, State.PREPROCESSING)
    for worker in (cpu, a100):
        os.killpg(worker.process.pid, signal.SIGSTOP)
    jobs = [stepping, committing, opening]
    stand.start_all("cpu", "a100")
    done = stand.all_final(jobs)
    for worker in (cpu, a100):
        os.killpg(worker.process.pid, signal.SIGCONT)
    lab.wait_for(lambda: "job.commit_refused" in a100.log.read_text(), "the commit to be refused")
    lab.wait_for(lambda: "task.put_down" in a100.log.read_text(), "the zombie to stop at its step")
    lab.wait_for(lambda: stand.unacked() == 0, "every message to be acknowledged")
    report.row(
        3,
        injected="SIGSTOP past the lease, SIGCONT: in a step, before the commit, in an opening",
        counted=f"executions {[stand.executions(job_id) for job_id in jobs]}, parts {len(stand.parts())}, "
        f"commits {[stand.commits(job_id) for job_id in jobs]}",
        measured=f"submitted to done: {seconds([(job.finished_at or 0) - job.created_at for job in done])}",
        bound="1 commit",
    )
    assert [stand.job(job_id) for job_id in jobs] == done
    assert {job.state for job in done} == {State.DONE}
    assert [stand.executions(job_id) for job_id in jobs] == [2, 2, 1]
    assert (stand.runs(opening, "white_balance"), len(stand.parts())) == (2, 1)
    stand.verify(*jobs)
