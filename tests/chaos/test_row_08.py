"""Row 8: every connection is killed by the server while workers are busy."""

from tasks.jobs import Operation, State
from tests import lab
from tests.chaos.engine import Script
from tests.chaos.report import Report
from tests.chaos.scale import pick
from tests.chaos.stand import Stand
from tests.chaos.worker import OPENING_TRAPS, PART_TRAPS, SLEEP_VARIABLE, Harm

KILLS = pick(short=3, full=8)
STEPS = pick(short=10, full=30)
STEP_SECONDS = pick(short=0.3, full=0.5)


def kill_connections(stand: Stand) -> int:
    """Kill all connections but the test's own; return how many there were."""
    kill = stand.broker.client.client_kill_filter
    return int(kill(_type="normal", skipme=True)) + int(kill(_type="pubsub", skipme=True))


def test_a_reset_of_all_connections_costs_no_second_execution(stand: Stand, report: Report) -> None:
    """However often all connections are killed while an engine works, each job is executed once; so is the next."""
    _, _, worker = stand.start_all("cpu", "jobs", "a100")
    job_id = stand.submit(Script(steps=STEPS, seconds=STEP_SECONDS))
    killed = 0
    for step in range(KILLS):
        stand.until(job_id, State.PROCESSING, step=2 * step + 2)
        killed += kill_connections(stand)
    stand.until(job_id, State.DONE)
    following = stand.submit()
    stand.until(following, State.DONE)
    stand.verify(job_id, following)
    report.row(
        8,
        injected=f"CLIENT KILL of all × {KILLS}, {killed} connections, a step running",
        counted=f"executions {stand.executions(job_id)} and {stand.executions(following)}, "
        f"deliveries {stand.runs(job_id, 'generate')}, attempts {stand.job(job_id).attempts}",
        measured=f"the next job took {(stand.job(following).finished_at or 0) - stand.job(following).created_at:.2f} s",
        bound="1 execution",
    )
    assert (stand.executions(job_id), stand.executions(following)) == (1, 1)
    assert stand.job(job_id).attempts == 1
    assert worker.process.poll() is None


def test_a_reset_of_all_connections_of_a_pool_of_processes(stand: Stand, report: Report) -> None:
    """The same while processes open a job and make a part: each task is run once, and the chord goes on."""
    worker = stand.start("cpu", "-c", "2", **{SLEEP_VARIABLE: "1"})
    stand.start_all("jobs", "a100")
    opened = stand.submit(operation=Operation.WHITE_BALANCE, width=OPENING_TRAPS + Harm.SLEEP)
    parted = stand.submit(operation=Operation.WHITE_BALANCE, width=PART_TRAPS + Harm.SLEEP)
    lab.wait_for(lambda: parts(stand) and stand.runs(opened), "both tasks to run")
    killed = kill_connections(stand)
    for job_id in (opened, parted):
        stand.until(job_id, State.DONE)
    stand.verify(opened, parted)
    report.row(
        8,
        injected=f"CLIENT KILL of all, {killed} connections, an opening and a part running",
        counted=f"openings {stand.runs(opened, 'white_balance')} and {stand.runs(parted, 'white_balance')}, "
        f"parts {parts(stand)}, executions {stand.executions(opened)} and {stand.executions(parted)}",
        measured=f"attempts {stand.job(opened).attempts} and {stand.job(parted).attempts}",
        bound="1 execution",
    )
    assert (stand.runs(opened, "white_balance"), stand.runs(parted, "white_balance"), parts(stand)) == (1, 1, 2)
    assert (stand.executions(opened), stand.executions(parted)) == (1, 1)
    assert worker.process.poll() is None


def parts(stand: Stand) -> int:
    """Count the starts of parts."""
    return sum("canny" in entry.detail for entry in stand.diary.read("task"))
