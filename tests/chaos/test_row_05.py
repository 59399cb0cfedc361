"""Row 5: errors that end or wedge a worker of plain Celery, and a hang."""

import time

from tasks.errors import ErrorCode
from tasks.jobs import Operation, State
from tests import lab
from tests.chaos.conftest import MakeStand
from tests.chaos.engine import Fault, Script
from tests.chaos.report import Report, seconds
from tests.chaos.scale import SLACK_SECONDS, pick
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
PREPARATIONS = {
    OPENING_TRAPS + Harm.MEMORY: ErrorCode.OUT_OF_MEMORY,
    PART_TRAPS + Harm.MEMORY: ErrorCode.OUT_OF_MEMORY,
    OPENING_TRAPS + Harm.SLEEP: ErrorCode.TIME_LIMIT,
    PART_TRAPS + Harm.SLEEP: ErrorCode.TIME_LIMIT,
}
"""By the width of the photo: memory runs out, or it hangs, in the opening or in a part."""


def test_an_error_is_classified_and_the_next_job_runs(stand: Stand, report: Report) -> None:
    """Whatever an engine raises or makes, its job fails with a code and the same process takes the next at once.

    So it is with what raises or hangs in the preparation.
    """
    cpu = stand.begin("cpu", "-c", "1", "--soft-time-limit", "1", "--time-limit", "3", **{SLEEP_VARIABLE: "600"})
    a100 = stand.start("a100")
    cpu.wait_until_ready()
    outcomes = {str(fault): broken(stand, fault) for fault in CODES}
    report.row(
        5,
        injected=", ".join(CODES),
        counted=", ".join(f"{fault}: {code}" for fault, (code, _) in outcomes.items()),
        measured=f"next job after {seconds([wait for _, wait in outcomes.values()])}",
        bound=f"{NEXT_SECONDS:g} s",
    )
    assert {fault: code for fault, (code, _) in outcomes.items()} == CODES
    assert max(wait for _, wait in outcomes.values()) < NEXT_SECONDS + SLACK_SECONDS
    prepared = {width: unprepared(stand, width) for width in PREPARATIONS}
    report.row(
        5,
        injected="MemoryError and a hang in the opening and in a part",
        counted=", ".join(str(code) for code, _ in prepared.values()),
        measured=f"next task after {seconds([wait for _, wait in prepared.values()])}",
        bound=f"{NEXT_SECONDS:g} s",
    )
    assert {width: code for width, (code, _) in prepared.items()} == PREPARATIONS
    assert max(wait for _, wait in prepared.values()) < NEXT_SECONDS + SLACK_SECONDS
    assert (cpu.process.poll(), a100.process.poll()) == (None, None)


def broken(stand: Stand, fault: Fault) -> tuple[ErrorCode, float]:
    """Have the engine fail and another job wait; return the code, and how long after the failure that began."""
    bad, label = stand.submit(Script(fault=fault, steps=3, seconds=0.15)), Script().label
    stand.until(bad, State.PROCESSING, step=1)
    good = stand.submit(Script(label=label))
    failed = stand.until(bad, State.ERROR)
    stand.until(good, State.DONE)
    stand.verify(bad, good)
    assert failed.failure is not None
    return failed.failure.code, stand.diary.read("started", label)[0].at - (failed.finished_at or 0)


def unprepared(stand: Stand, width: int) -> tuple[ErrorCode, float]:
    """Have the preparation fail and another opening wait; return the code, and how long after it that began."""
    bad = stand.submit(operation=Operation.WHITE_BALANCE, width=width)
    good = stand.submit()
    failed = stand.until(bad, State.ERROR)
    started = lab.wait_for(lambda: stand.diary.read("task", good), "the next opening")
    stand.verify(bad)
    assert failed.failure is not None
    return failed.failure.code, started[0].at - (failed.finished_at or 0)


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
    assert wait < NEXT_SECONDS + SLACK_SECONDS
    stand.verify(bad, good)
