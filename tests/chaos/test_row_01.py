"""Row 1: SIGKILL."""

import time
from functools import partial

from tasks.jobs import State
from tests import lab
from tests.chaos.engine import Script
from tests.chaos.report import Report, seconds
from tests.chaos.scale import REDO_SECONDS, pick
from tests.chaos.stand import Stand, Watched

JOBS = pick(short=12, full=50)
KILLS = pick(short=2, full=8)
OWNERS = 8
"""Of one owner only a few jobs are on their way at a time; so all of them are."""
VICTIMS = pick(short=1, full=2)


def test_killed_workers_lose_nothing(stand: Stand, report: Report) -> None:
    """With many jobs in flight, those in killed workers are done by another within the bound, and all are once."""
    stand.start_all("cpu", "jobs", "a100")
    victims = [stand.watch("a100") for _ in range(VICTIMS)]
    jobs = [
        stand.submit(Script(label=str(number), steps=4, seconds=0.15), owner=f"client-{number % OWNERS}")
        for number in range(JOBS)
    ]
    killed: dict[str, float] = {}
    for number in range(KILLS):
        victim = victims[number % VICTIMS]
        label = lab.wait_for(partial(working_on, stand, victim), "a job in the victim")
        victim.worker.kill()
        killed[label] = time.time()
    stand.all_final(jobs)
    waits = [ended(stand, label) - at for label, at in killed.items()]
    stand.verify(*jobs)
    executions = [stand.executions(job_id) for job_id in jobs]
    commits = [stand.commits(job_id) for job_id in jobs]
    report.row(
        1,
        injected=f"SIGKILL × {KILLS} in mid-job, {JOBS} jobs in flight",
        counted=f"done {sum(stand.job(job).state is State.DONE for job in jobs)}, commits per job {set(commits)}, "
        f"executions {sum(executions)}",
        measured=f"kill to the end by another: {seconds(waits)}",
        bound=f"{REDO_SECONDS:g} s",
    )
    assert set(commits) == {1}
    assert {stand.job(job_id).state for job_id in jobs} == {State.DONE}
    assert max(waits) <= REDO_SECONDS


def working_on(stand: Stand, victim: Watched) -> str | None:
    """Return the label of the job that a worker has begun and not ended."""
    if victim.worker.process.poll() is not None:
        return None
    mine = [entry for entry in stand.diary.read() if entry.pid == victim.pid and entry.what != "task"]
    return mine[-1].label if mine and mine[-1].what == "step" else None


def ended(stand: Stand, label: str) -> float:
    """Return when a job was last carried out to its end; 0 if never."""
    return max((entry.at for entry in stand.diary.read("ended", label)), default=0.0)
