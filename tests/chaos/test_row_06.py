"""Row 6: the last worker of a pool is killed."""

from tasks.jobs import Operation, State
from tasks.queues import Queue
from tests.chaos.engine import Script
from tests.chaos.report import Report
from tests.chaos.stand import Stand
from tests.chaos.worker import OPENING_TRAPS, SLEEP_VARIABLE, Harm


def test_a_pool_of_none_is_known_to_have_work(stand: Stand, report: Report) -> None:
    """A job in flight counts for its pool from its submission to its end, also when no queue holds a message of it."""
    # A child that starts slowly is no reason to send its message again: the pool has to count without one.
    stand.start("jobs", DARKROOM_GRACE_SECONDS="60")
    job_id = stand.submit(operation=Operation.WHITE_BALANCE, width=OPENING_TRAPS + Harm.SLEEP)
    preparing = stand.start("cpu", "-c", "1", **{SLEEP_VARIABLE: "600"})
    stand.until(job_id, State.PREPROCESSING)
    preparing.kill()
    cpu = stand.overview().queues[Queue.IMAGE_UTILS]
    assert (cpu.messages, cpu.open_jobs) == (0, 1)

    _, generating = stand.start_all("cpu", "a100")
    assert stand.until(job_id, State.DONE)

    second = stand.submit(Script(seconds=0.5))
    stand.until(second, State.PROCESSING, step=1)
    generating.kill()
    a100 = stand.overview().queues[Queue.GENERATION]
    assert (a100.messages, a100.waiting_jobs, a100.open_jobs) == (0, 0, 1)
    assert stand.overview().queues[Queue.IMAGE_UTILS].open_jobs == 0
    stand.start("a100")
    done = stand.until(second, State.DONE)
    stand.verify(job_id, second)
    report.row(
        6,
        injected="SIGKILL of a pool's last worker, with a job in flight, for cpu and a100",
        counted=f"open jobs of the pool {cpu.open_jobs} and {a100.open_jobs}, messages {cpu.messages} and "
        f"{a100.messages}; afterwards {stand.overview().queues[Queue.GENERATION].open_jobs}",
        measured=f"executions {stand.executions(second)}, attempts {done.attempts}",
        bound="metric ≥ 1; done after a worker starts",
    )
    assert {depth.open_jobs for depth in stand.overview().queues.values()} == {0}
