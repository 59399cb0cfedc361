"""Row 12: a message is lost between the pop and the broker's list of unacknowledged ones."""

import json
import os
import signal
import time
from collections.abc import Callable

import httpx
import pytest

from tasks.jobs import Operation, Stage, State
from tasks.queues import Queue
from tests import lab
from tests.chaos.report import Report
from tests.chaos.scale import PUT_BACK_SECONDS, pick
from tests.chaos.stand import Stand

SLACK_SECONDS = 1.0
"""Of the test's own looking, on a busy machine."""
UTILITY_WAIT_SECONDS = pick(short=2.0, full=5.0)


def pop(stand: Stand, queue: Queue) -> float:
    """Take a message as a worker does and lose it; return when."""
    taken = lab.wait_for(lambda: stand.broker.client.rpop(queue), f"a message on {queue}")
    assert json.loads(str(taken))
    return time.time()


def opening(stand: Stand) -> tuple[str, float]:
    """Lose the message that opens a job."""
    job_id = stand.submit(operation=Operation.REMOVAL)
    return job_id, pop(stand, Queue.IMAGE_UTILS)


def body(stand: Stand) -> tuple[str, float]:
    """Lose the message that has a prepared job computed."""
    job_id = stand.submit(operation=Operation.REMOVAL)
    stand.start("cpu", "-c", "1")
    return job_id, pop(stand, Queue.GENERATION)


@pytest.mark.parametrize("lose", [opening, body])
def test_a_lost_message_is_put_back(stand: Stand, report: Report, lose: Callable[[Stand], tuple[str, float]]) -> None:
    """A message that was popped and is nowhere is back on its queue within the grace and a sweep; the job is done."""
    stand.start("jobs")
    job_id, lost_at = lose(stand)
    queue = Queue.GENERATION if lose is body else Queue.IMAGE_UTILS
    lab.wait_for(lambda: stand.messages(queue) or stand.job(job_id).enqueued_at > lost_at, "the message's return")
    took = time.time() - lost_at
    stand.start_all("cpu", "a100")
    done = stand.until(job_id, State.DONE)
    stand.verify(job_id)
    report.row(
        12,
        injected=f"the message of the {lose.__name__} popped and lost",
        counted=f"executions {stand.executions(job_id)}, commits {stand.commits(job_id)}, attempts {done.attempts}",
        measured=f"back after {took:.2f} s",
        bound=f"{PUT_BACK_SECONDS:g} s",
    )
    assert took <= PUT_BACK_SECONDS + SLACK_SECONDS
    assert (stand.executions(job_id), stand.commits(job_id)) == (1, 1)


def test_a_lost_part_is_made(stand: Stand, report: Report) -> None:
    """When one of a chord's parts is popped and lost and the other is made, the job is opened again and done."""
    stand.start("jobs")
    job_id = stand.leave_parts_waiting()
    lost_at = pop(stand, Queue.IMAGE_UTILS)
    stand.start_all("cpu", "a100")
    made_at = max(entry.at for entry in stand.parts())
    lab.wait_for(lambda: stand.runs(job_id, "removal") > 1, "the job to be opened again")
    reopened_at = stand.diary.read("task", job_id)[-1].at
    stand.until(job_id, State.DONE)
    stand.verify(job_id)
    report.row(
        12,
        injected="the message of one of two parts popped and lost, the other made",
        counted=f"openings {stand.runs(job_id, 'removal')}, executions {stand.executions(job_id)}, "
        f"commits {stand.commits(job_id)}",
        measured=f"opened again {reopened_at - lost_at:.2f} s after the loss, {reopened_at - made_at:.2f} s after the part",
        bound=f"{PUT_BACK_SECONDS:g} s after the part",
    )
    assert reopened_at - made_at <= PUT_BACK_SECONDS + SLACK_SECONDS
    assert (stand.executions(job_id), stand.commits(job_id)) == (1, 1)


WINDOWS = [("cpu", Queue.IMAGE_UTILS, Stage.OPENING), ("a100", Queue.GENERATION, Stage.BODY)]


@pytest.mark.parametrize(("profile", "queue", "stage"), WINDOWS)
def test_a_worker_killed_in_the_window_loses_nothing(
    stand: Stand, report: Report, profile: str, queue: Queue, stage: Stage
) -> None:
    """A message that the server gave to a worker, which died before it noted that, is back in time; the job is done."""
    stand.start_all(*({"cpu", "a100", "jobs"} - {profile}))
    victim = stand.start(profile)
    os.kill(victim.process.pid, signal.SIGSTOP)
    job_id = stand.submit()
    lab.wait_for(lambda: stand.job(job_id).stage is stage, "the job's message to be sent")
    lost_at = stand.job(job_id).enqueued_at
    nowhere = (len(stand.messages(queue)), stand.unacked())
    victim.kill()
    lab.wait_for(lambda: stand.messages(queue), "the message's return")
    took = stand.job(job_id).enqueued_at - lost_at
    stand.start(profile)
    done = stand.until(job_id, State.DONE)
    stand.verify(job_id)
    report.row(
        12,
        injected=f"SIGSTOP of an idle {profile} worker, a message, SIGKILL",
        counted=f"in the queue {nowhere[0]}, unacked {nowhere[1]}; executions {stand.executions(job_id)}, "
        f"attempts {done.attempts}",
        measured=f"back after {took:.2f} s",
        bound=f"{PUT_BACK_SECONDS:g} s",
    )
    assert nowhere == (0, 0)
    assert took <= PUT_BACK_SECONDS + SLACK_SECONDS
    assert stand.executions(job_id) == 1


def test_a_lost_utility_is_told_to_its_client(stand: Stand, report: Report) -> None:
    """A utility is no job: when its message is lost, its client gets wait_expired after the wait, and may ask again."""
    gateway = stand.gateway(DARKROOM_UTILITY_WAIT_SECONDS=str(UTILITY_WAIT_SECONDS))
    victim = stand.start("cpu", "-c", "1")
    image = stand.photo()
    os.kill(victim.process.pid, signal.SIGSTOP)
    asked_at = time.monotonic()
    lost = gateway.http.post("/api/image-utils/canny", json={"image_id": image})
    took = time.monotonic() - asked_at
    victim.kill()
    stand.start("cpu", "-c", "1")
    again = gateway.http.post("/api/image-utils/canny", json={"image_id": image})
    report.row(
        12,
        injected="SIGSTOP of an idle cpu worker, a utility's message, SIGKILL",
        counted=f"{lost.status_code} {lost.json().get('code')}, then {again.status_code}",
        measured=f"answered after {took:.2f} s",
        bound=f"the wait of {UTILITY_WAIT_SECONDS:g} s: it is not put back",
    )
    assert (lost.status_code, lost.json()["code"]) == (503, "wait_expired")
    assert lost.headers["Retry-After"]
    assert again.status_code == httpx.codes.OK
