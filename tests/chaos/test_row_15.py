"""Row 15: cancel, at every stage."""

import time

from celery.result import AsyncResult

from tasks.app import app
from tasks.jobs import Operation, State
from tasks.queues import Queue
from tasks.results import LedgerBackend
from tests import lab
from tests.chaos.engine import Entry, Script
from tests.chaos.report import Report
from tests.chaos.scale import LEASE_SECONDS, SLACK_SECONDS, pick
from tests.chaos.stand import Stand
from tests.chaos.worker import OPENING_TRAPS, SLEEP_VARIABLE, Harm

STEP_SECONDS = pick(short=0.3, full=2.0)
BOUND_SECONDS = STEP_SECONDS + LEASE_SECONDS / 4


def test_a_cancelled_job_stays_cancelled_at_every_stage(stand: Stand, report: Report) -> None:
    """A cancelled job never runs, or stops within a step and a quarter lease, and stays cancelled.

    Cancelled over HTTP with no worker alive; by the ledger while queued for its pool, in its preparation, and running.
    """
    gateway = stand.gateway()
    asleep = [gateway.submit() for _ in range(2)]
    answers = [
        gateway.http.delete(f"/api/generate/{asleep[0]}"),
        gateway.http.post(f"/api/generate/async/cancel/{asleep[1]}"),
    ]
    assert all(answer.is_success for answer in answers)
    cpu = stand.begin("cpu", "-c", "2", **{SLEEP_VARIABLE: "1"})
    stand.start("jobs")
    cpu.wait_until_ready()

    queued = stand.submit()
    lab.wait_for(lambda: stand.bodies(queued), "the body to wait for its pool")
    preparing = stand.submit(operation=Operation.WHITE_BALANCE, width=OPENING_TRAPS + Harm.SLEEP)
    stand.until(preparing, State.PREPROCESSING)
    for job_id in (queued, preparing):
        assert stand.cancel(job_id) is State.CANCELLED

    stand.start("a100")
    label = Script().label
    running = gateway.submit(Script(label=label, steps=1000, seconds=STEP_SECONDS))
    stand.until(running, State.PROCESSING, step=2)
    cancelled_at = time.time()
    assert gateway.http.delete(f"/api/generate/{running}").is_success
    good = stand.submit()
    stand.until(good, State.DONE)
    last = stand.diary.read("step", label)[-1]
    lab.wait_for(lambda: stand.unacked() == 0 and not stand.messages(Queue.GENERATION), "all messages to be consumed")

    cancelled = [*asleep, queued, preparing, running]
    stand.verify(*cancelled, good)
    report.row(
        15,
        injected="cancel with zero workers (DELETE, POST), queued for its pool, preparing, running (DELETE)",
        counted=f"executions {[stand.executions(job_id) for job_id in cancelled]}, parts {len(stand.parts())}, "
        f"ended {len(stand.diary.read('ended', label))}",
        measured=f"last step began {last.at - cancelled_at:.2f} s after the cancel, the next job "
        f"{began(stand, good).at - cancelled_at:.2f} s",
        bound=f"{BOUND_SECONDS:g} s",
    )
    assert {stand.job(job_id).state for job_id in cancelled} == {State.CANCELLED}
    backend = LedgerBackend(url=stand.broker.url, app=app)
    assert {AsyncResult(job_id, backend=backend).state for job_id in cancelled} == {"REVOKED"}
    assert [stand.executions(job_id) for job_id in cancelled] == [0, 0, 0, 0, 1]
    assert stand.parts() == []
    assert stand.diary.read("ended", label) == []
    assert began(stand, good).at - cancelled_at <= BOUND_SECONDS + SLACK_SECONDS


def began(stand: Stand, job_id: str) -> Entry:
    """Return the diary's entry of a job's execution."""
    return stand.diary.read("started", Script.parse(stand.job(job_id).edit.prompt).label)[0]
