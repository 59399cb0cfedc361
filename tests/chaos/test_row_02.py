"""Row 2: SIGTERM."""

import signal
import time

from tasks.jobs import Operation, Stage, State
from tasks.queues import Queue
from tests import lab
from tests.chaos.engine import Script
from tests.chaos.report import Report
from tests.chaos.scale import SLACK_SECONDS, pick
from tests.chaos.stand import Stand
from tests.chaos.worker import OPENING_TRAPS, PART_TRAPS, SLEEP_VARIABLE, Harm

STEP_SECONDS = pick(short=0.3, full=1.0)
SLOTS = 3
"""Jobs of the drained worker."""
SLEEP_SECONDS = pick(short=1.5, full=5.0)
"""How long a task of the prefork pool takes: it has no steps, and is its own last one."""
EXIT_SECONDS = 2.0
"""The bound, after the step."""


def drain(worker: lab.WorkerProcess) -> float:
    """Tell a worker to stop; return how long it took."""
    told_at = time.monotonic()
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(30) == 0, worker.log.read_text()
    return time.monotonic() - told_at


def executor(stand: Stand, job_id: str) -> int:
    """Return the process that executes a job."""
    return stand.diary.read("started", Script.parse(stand.job(job_id).edit.prompt).label)[-1].pid


def test_a_stopped_worker_gives_back_all_its_jobs(stand: Stand, report: Report) -> None:
    """After SIGTERM all jobs of a worker wait in front, uncounted; another worker's job and the queue are untouched."""
    long = Script(steps=10, seconds=STEP_SECONDS)
    drained = stand.begin("a100", "-c", str(SLOTS))
    other, _ = stand.start_all("a100", "cpu")
    drained.wait_until_ready()
    every = [stand.submit(long) for _ in range(SLOTS + 1)]
    for job_id in every:
        stand.until(job_id, State.PROCESSING, step=1)
    elsewhere = next(job_id for job_id in every if executor(stand, job_id) == other.process.pid)
    jobs = [job_id for job_id in every if job_id != elsewhere]
    waiting = stand.submit(long)
    lab.wait_for(lambda: stand.messages(Queue.GENERATION), "one more job in the queue")
    before = stand.job(elsewhere)
    took = drain(drained)
    records = [stand.job(job_id) for job_id in jobs]
    order = [message["headers"]["id"] for message in stand.messages(Queue.GENERATION)]
    report.row(
        2,
        injected=f"SIGTERM to a worker with {SLOTS} jobs",
        counted=f"given back {len(order) - 1}, attempts {[job.attempts for job in records]}, unacked {stand.unacked()}",
        measured=f"exit after {took:.2f} s (step {STEP_SECONDS:g} s)",
        bound=f"a step and {EXIT_SECONDS:g} s",
    )
    assert [(job.state, job.stage, job.attempts) for job in records] == [(State.QUEUED, Stage.BODY, 0)] * SLOTS
    assert set(order[:SLOTS]) == set(jobs)
    assert order[SLOTS:] == [waiting]
    assert (stand.job(elsewhere).state, stand.job(elsewhere).worker) == (State.PROCESSING, before.worker)
    assert stand.unacked() == 1, "the other worker's own message"
    assert took <= STEP_SECONDS + EXIT_SECONDS + SLACK_SECONDS
    assert other.process.poll() is None
    stand.start("a100", "-c", str(SLOTS))
    every = [*jobs, waiting, elsewhere]
    assert {job.state for job in stand.all_final(every)} == {State.DONE}
    stand.verify(*every)
    assert [stand.executions(job_id) for job_id in every] == [2] * SLOTS + [1, 1]
    assert {stand.job(job_id).attempts for job_id in every} == {1}


def test_a_stopped_pool_of_processes_ends_its_tasks(stand: Stand, report: Report) -> None:
    """After SIGTERM a cpu worker ends the tasks that run and no other; their jobs go on from there, uncounted."""
    worker = stand.start("cpu", "-c", "2", **{SLEEP_VARIABLE: str(SLEEP_SECONDS)})
    parted = stand.submit(operation=Operation.WHITE_BALANCE, width=PART_TRAPS + Harm.SLEEP)
    lab.wait_for(stand.parts, "a part to be made")
    opened = stand.submit(operation=Operation.WHITE_BALANCE, width=OPENING_TRAPS + Harm.SLEEP)
    started_at = lab.wait_for(lambda: stand.diary.read("task", opened), "an opening to run")[0].at
    untouched = stand.submit()
    left = SLEEP_SECONDS - (time.time() - started_at)
    took = drain(worker)
    stages = (stand.job(opened).stage, stand.job(parted).stage)
    report.row(
        2,
        injected="SIGTERM to a pool of processes with an opening and a part",
        counted=f"stages {stages[0]} and {stages[1]}, starts {stand.runs(opened)} and {len(stand.parts())}, "
        f"unacked {stand.unacked()}",
        measured=f"exit {took - left:.2f} s after the task",
        bound=f"the task and {EXIT_SECONDS:g} s",
    )
    assert stages == (Stage.PARTS, Stage.BODY)
    assert (stand.runs(opened), stand.runs(untouched), len(stand.parts())) == (1, 0, 1)
    assert stand.unacked() == 0
    assert took <= left + EXIT_SECONDS + SLACK_SECONDS
    stand.start_all("cpu", "a100")
    jobs = [opened, parted, untouched]
    assert {job.state for job in stand.all_final(jobs)} == {State.DONE}
    stand.verify(*jobs)
    assert [stand.executions(job_id) for job_id in jobs] == [1, 1, 1]
