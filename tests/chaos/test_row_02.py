"""Row 2: SIGTERM."""

import signal
import time
from collections.abc import Callable

import pytest

from tasks.jobs import Operation, Stage, State
from tasks.queues import Queue
from tests import lab
from tests.chaos.engine import Script
from tests.chaos.report import Report
from tests.chaos.scale import pick
from tests.chaos.stand import Stand
from tests.chaos.worker import OPENING_TRAPS, PART_TRAPS, SLEEP_VARIABLE, Harm

STEP_SECONDS = pick(short=0.3, full=1.0)
SLOTS = 3
"""Jobs of the drained worker."""
SLEEP_SECONDS = pick(short=1.5, full=5.0)
"""How long a task of the prefork pool takes: it has no steps, and is its own last one."""
EXIT_SECONDS = 2.0
"""The bound, after the step."""
POOL_EXIT_SECONDS = 4.0
"""The same for a pool of processes: billiard takes 2 s to join its threads, also when it is idle."""


def drain(worker: lab.WorkerProcess) -> float:
    """Tell a worker to stop; return how long it took."""
    told_at = time.monotonic()
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(30) == 0, worker.log.read_text()
    return time.monotonic() - told_at


def test_a_stopped_worker_gives_back_all_its_jobs(stand: Stand, report: Report) -> None:
    """After SIGTERM all jobs of a worker wait in front, uncounted; another worker's job and the queue are untouched."""
    stand.start("cpu", "-c", "2")
    long = Script(steps=int(6 / STEP_SECONDS), seconds=STEP_SECONDS)
    other = stand.start("a100")
    elsewhere = stand.submit(long)
    stand.until(elsewhere, State.PROCESSING, step=1)
    drained = stand.start("a100", "-c", str(SLOTS))
    jobs = [stand.submit(long) for _ in range(SLOTS)]
    for job_id in jobs:
        stand.until(job_id, State.PROCESSING, step=1)
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
    assert took <= STEP_SECONDS + EXIT_SECONDS
    assert other.process.poll() is None
    stand.start("a100", "-c", str(SLOTS))
    every = [*jobs, waiting, elsewhere]
    assert {job.state for job in stand.all_final(every)} == {State.DONE}
    stand.verify(*every)
    assert [stand.executions(job_id) for job_id in every] == [2] * SLOTS + [1, 1]
    assert {stand.job(job_id).attempts for job_id in every} == {1}


def opening(stand: Stand) -> tuple[str, str]:
    """Submit a job whose opening takes its time."""
    return stand.submit(operation=Operation.WHITE_BALANCE, width=OPENING_TRAPS + Harm.SLEEP), "white_balance"


def part(stand: Stand) -> tuple[str, str]:
    """Submit a job with a part that takes its time."""
    return stand.submit(operation=Operation.WHITE_BALANCE, width=PART_TRAPS + Harm.SLEEP), "canny"


@pytest.mark.parametrize("submit", [opening, part])
def test_a_stopped_pool_of_processes_ends_its_tasks(
    stand: Stand, report: Report, submit: Callable[[Stand], tuple[str, str]]
) -> None:
    """After SIGTERM a cpu worker ends the task that runs and no other; its job goes on from there, uncounted."""
    worker = stand.start("cpu", "-c", "1", **{SLEEP_VARIABLE: str(SLEEP_SECONDS)})
    job_id, task = submit(stand)
    started = lab.wait_for(lambda: [entry for entry in stand.diary.read("task") if task in entry.detail], "its start")
    left = SLEEP_SECONDS - (time.time() - started[0].at)
    untouched = stand.submit()
    took = drain(worker)
    stage = stand.job(job_id).stage
    report.row(
        2,
        injected=f"SIGTERM to a pool of processes in {task}",
        counted=f"stage {stage}, starts {len(stand.diary.read('task', started[0].label))}, unacked {stand.unacked()}",
        measured=f"exit {took - left:.2f} s after the task",
        bound=f"the task and {POOL_EXIT_SECONDS:g} s",
    )
    assert stage is (Stage.PARTS if submit is opening else Stage.BODY)
    assert took <= left + POOL_EXIT_SECONDS
    assert stand.unacked() == 0
    assert stand.runs(untouched) == 0
    stand.start_all("cpu", "a100")
    assert {job.state for job in stand.all_final([job_id, untouched])} == {State.DONE}
    stand.verify(job_id, untouched)
    assert stand.executions(job_id) == 1
