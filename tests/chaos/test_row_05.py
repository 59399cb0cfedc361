"""Row 5: errors that end or wedge a worker of plain Celery, and a hang."""

import time

from tasks.errors import ErrorCode
from tasks.jobs import Operation, State
from tests import lab
from tests.chaos.conftest import MakeStand
from tests.chaos.engine import Fault, Script
from tests.chaos.report import Report, seconds
from tests.chaos.scale import pick
from tests.chaos.stand import Stand
from tests.chaos.worker import OPENING_TRAPS, PART_TRAPS, SLEEP_VARIABLE, Harm

NEXT_SECONDS = 1.0
"""The bound for the next job."""
LIMIT_SECONDS = pick(short=1.0, full=10.0)
LAST_STEP_SECONDS = pick(short=1.0, full=5.0)

CODES = {
    Fault.MEMORY: ErrorCode.OUT_OF_MEMORY,
    Fault.EXIT: ErrorCode.INTERNAL,
    Fault.CUDA: ErrorCode.OUT_OF_MEMORY,
    Fault.NAN: ErrorCode.ENGINE_FAILED,
    Fault.SHAPE: ErrorCode.ENGINE_FAILED,
}
PREPARATIONS = {OPENING_TRAPS + Harm.MEMORY: "the opening", PART_TRAPS + Harm.MEMORY: "a part"}


def test_an_error_of_the_engine_is_classified_and_the_next_job_runs(stand: Stand, report: Report) -> None:
    """Whatever an engine raises or makes, its job fails with a code and the same process takes the next at once."""
    stand.start("cpu", "-c", "2")
    worker = stand.start("a100")
    waits, codes = [], {}
    for fault, code in CODES.items():
        bad = stand.submit(Script(fault=fault, steps=4, seconds=0.2))
        stand.until(bad, State.PROCESSING, step=1)
        label = Script().label
        good = stand.submit(Script(label=label))
        failed = stand.until(bad, State.ERROR)
        stand.until(good, State.DONE)
        waits.append(stand.diary.read("started", label)[0].at - (failed.finished_at or 0))
        codes[fault] = failed.failure.code if failed.failure else None
        stand.verify(bad, good)
        assert codes[fault] is code
    report.row(
        5,
        injected=", ".join(CODES),
        counted=", ".join(f"{fault}: {code}" for fault, code in codes.items()),
        measured=f"next job after {seconds(waits)}",
        bound=f"{NEXT_SECONDS:g} s",
    )
    assert max(waits) < NEXT_SECONDS
    assert worker.process.poll() is None


def test_an_error_of_the_preparation_is_classified(stand: Stand, report: Report) -> None:
    """A MemoryError in a pool process fails the job with its code; the next task runs at once."""
    stand.start("cpu", "-c", "1")
    waits = []
    for width in PREPARATIONS:
        bad = stand.submit(operation=Operation.WHITE_BALANCE, width=width)
        good = stand.submit(operation=Operation.WHITE_BALANCE)
        failed = stand.until(bad, State.ERROR)
        assert failed.failure is not None
        assert failed.failure.code is ErrorCode.OUT_OF_MEMORY
        started = lab.wait_for(lambda job_id=good: stand.diary.read("task", job_id), "the next opening")
        waits.append(started[0].at - (failed.finished_at or 0))
        stand.verify(bad)
    report.row(
        5,
        injected=f"MemoryError in {' and '.join(PREPARATIONS.values())}",
        counted=f"{ErrorCode.OUT_OF_MEMORY} × {len(waits)}",
        measured=f"next task after {seconds(waits)}",
        bound=f"{NEXT_SECONDS:g} s",
    )
    assert max(waits) < NEXT_SECONDS


def test_a_hang_ends_in_a_new_process(make_stand: MakeStand, report: Report) -> None:
    """A step that never returns fails its job as time_limit and ends the process; the next one takes the next job."""
    limits = {
        "DARKROOM_JOB_TIME_LIMIT_SECONDS": str(LIMIT_SECONDS),
        "DARKROOM_LAST_STEP_SECONDS": str(LAST_STEP_SECONDS),
    }
    stand = make_stand(limits)
    stand.start("cpu", "-c", "1")
    watched = stand.watch("a100")
    bad, label = stand.submit(Script(fault=Fault.HANG)), Script().label
    stand.until(bad, State.PROCESSING, step=1)
    good = stand.submit(Script(label=label))
    failed = stand.until(bad, State.ERROR)
    lab.wait_for(lambda: watched.ends, "the process to end")
    lab.wait_for(lambda: "worker.ready" in watched.worker.log.read_text(), "the next process")
    ready_at = time.time()
    stand.until(good, State.DONE)
    took = (failed.finished_at or 0) - (failed.started_at or 0)
    wait = stand.diary.read("started", label)[0].at - ready_at
    report.row(
        5,
        injected="a step that never returns",
        counted=f"{failed.failure.code if failed.failure else None}, exit {watched.ends}, executions of the next "
        f"{stand.executions(good)}",
        measured=f"failed {took:.2f} s after its start; next job {wait:.2f} s after the new process was ready",
        bound=f"limit {LIMIT_SECONDS:g} s + step {LAST_STEP_SECONDS:g} s + a quarter lease; {NEXT_SECONDS:g} s",
    )
    assert failed.failure is not None
    assert failed.failure.code is ErrorCode.TIME_LIMIT
    assert watched.ends == [70]
    assert wait < NEXT_SECONDS
    stand.verify(bad, good)


def test_a_hang_of_the_preparation_ends_at_its_limit(stand: Stand, report: Report) -> None:
    """An opening task that takes longer than the pool allows fails its job as time_limit; the process goes on."""
    worker = stand.start("cpu", "-c", "1", "--soft-time-limit", "1", "--time-limit", "3", **{SLEEP_VARIABLE: "600"})
    for trap in (OPENING_TRAPS, PART_TRAPS):
        bad = stand.submit(operation=Operation.WHITE_BALANCE, width=trap + Harm.SLEEP)
        good = stand.submit()
        failed = stand.until(bad, State.ERROR)
        assert failed.failure is not None
        assert failed.failure.code is ErrorCode.TIME_LIMIT
        started = lab.wait_for(lambda job_id=good: stand.diary.read("task", job_id), "the next opening")
        report.row(
            5,
            injected=f"a hang in {'the opening' if trap == OPENING_TRAPS else 'a part'}",
            counted=failed.failure.code,
            measured=f"next task after {max(0, started[0].at - (failed.finished_at or 0)):.2f} s",
            bound=f"{NEXT_SECONDS:g} s",
        )
        assert started[0].at - (failed.finished_at or 0) < NEXT_SECONDS
        stand.verify(bad)
    assert worker.process.poll() is None
