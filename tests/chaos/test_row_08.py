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
    """However often all connections are killed in a body, an opening and a part, each of these runs once.

    The chord goes on, and the next job runs.
    """
    cpu = stand.begin("cpu", "-c", "2", **{SLEEP_VARIABLE: "1"})
    _, a100 = stand.start_all("jobs", "a100")
    cpu.wait_until_ready()
    generated = stand.submit(Script(steps=STEPS, seconds=STEP_SECONDS))
    stand.until(generated, State.PROCESSING, step=1)
    parted = stand.submit(operation=Operation.WHITE_BALANCE, width=PART_TRAPS + Harm.SLEEP)
    lab.wait_for(stand.parts, "a part to be made")
    opened = stand.submit(operation=Operation.WHITE_BALANCE, width=OPENING_TRAPS + Harm.SLEEP)
    stand.until(opened, State.PREPROCESSING)
    killed = 0
    for kill in range(KILLS):
        stand.until(generated, State.PROCESSING, step=2 * kill + 2)
        killed += kill_connections(stand)
    jobs = [generated, opened, parted]
    stand.all_final(jobs)
    following = stand.submit()
    done = stand.until(following, State.DONE)
    stand.verify(*jobs, following)
    report.row(
        8,
        injected=f"CLIENT KILL of all × {KILLS} ({killed} connections) in a body, an opening and a part",
        counted=f"executions {[stand.executions(job_id) for job_id in jobs]}, deliveries "
        f"{stand.runs(generated, 'generate')}, openings {stand.runs(opened, 'white_balance')}, "
        f"parts {len(stand.parts())}",
        measured=f"the next job took {(done.finished_at or 0) - done.created_at:.2f} s",
        bound="1 execution",
    )
    assert {stand.job(job_id).state for job_id in jobs} == {State.DONE}
    assert [stand.executions(job_id) for job_id in [*jobs, following]] == [1, 1, 1, 1]
    assert (stand.runs(opened, "white_balance"), len(stand.parts())) == (1, 2)
    assert [stand.job(job_id).attempts for job_id in jobs] == [1, 1, 1]
    assert (cpu.process.poll(), a100.process.poll()) == (None, None)
