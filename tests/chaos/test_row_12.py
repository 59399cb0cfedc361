"""Row 12: a message is lost between the pop and the broker's list of unacknowledged ones."""

import os
import signal
import time

from tasks.jobs import Operation, Stage, State
from tasks.queues import Queue
from tests import lab
from tests.chaos.engine import Script
from tests.chaos.report import Report
from tests.chaos.scale import GRACE_SECONDS, PUT_BACK_SECONDS, SLACK_SECONDS, pick
from tests.chaos.stand import Stand
from tests.tasks import pictures

BACKLOG = 5
CLOCK_SKEW_SECONDS = 2.0
UTILITY_WAIT_SECONDS = pick(short=2.0, full=5.0)


def test_a_lost_message_is_put_back(stand: Stand, report: Report) -> None:
    """A message that was popped and is nowhere is back within the grace and a sweep, and its job is done once.

    Popped by hand first, then by the server for a worker that dies before it can note that it has the message. A
    utility is no job: when its message is lost, its client is told after the wait, and may ask again.
    """
    stand.start("jobs")
    job_id = stand.submit(operation=Operation.REMOVAL)
    tell(stand, report, "the opening's message popped by hand", job_id, returned(stand, job_id, Queue.IMAGE_UTILS))
    cpu = stand.start("cpu", "-c", "1")
    tell(stand, report, "the body's message popped by hand", job_id, returned(stand, job_id, Queue.GENERATION))
    a100 = stand.start("a100")
    stand.until(job_id, State.DONE)

    second = window(stand, report, cpu, Stage.OPENING)
    cpu = stand.start("cpu", "-c", "1")
    stand.until(second, State.DONE)
    third = window(stand, report, a100, Stage.BODY)
    stand.start("a100")
    stand.until(third, State.DONE)
    jobs = [job_id, second, third]
    stand.verify(*jobs)
    assert [stand.executions(each) for each in jobs] == [1, 1, 1]
    lose_a_utility(stand, report, cpu)


def returned(stand: Stand, job_id: str, queue: Queue) -> float:
    """Take a message as a worker does and lose it; return how long it took to be back."""
    lab.wait_for(lambda: stand.broker.client.rpop(queue), f"a message on {queue}")
    lost_at = stand.job(job_id).enqueued_at
    lab.wait_for(lambda: stand.messages(queue), "the message's return")
    return stand.job(job_id).enqueued_at - lost_at


def window(stand: Stand, report: Report, victim: lab.WorkerProcess, stage: Stage) -> str:
    """Have the server give a message to a stopped worker, and kill that; return the job's id when it is back."""
    queue = Queue.GENERATION if stage is Stage.BODY else Queue.IMAGE_UTILS
    job_id = lab.wait_for(lambda: given_away(stand, victim, stage, queue), "a worker stopped while it waits")
    lost_at = stand.job(job_id).enqueued_at
    lab.wait_for(lambda: stand.unacked() == 0, "nobody to have noted it")
    victim.kill()
    lab.wait_for(lambda: stand.messages(queue), "the message's return")
    took = stand.job(job_id).enqueued_at - lost_at
    tell(stand, report, f"SIGSTOP of an idle worker, the {stage}'s message, SIGKILL", job_id, took)
    return job_id


def given_away(stand: Stand, victim: lab.WorkerProcess, stage: Stage, queue: Queue) -> str | None:
    """Stop a worker and submit a job; return its id if the server gave its message to the worker.

    It does not where the worker was not waiting at that moment, or no longer: then the worker goes on and does the job.
    """
    os.kill(victim.process.pid, signal.SIGSTOP)
    job_id = stand.submit()
    lab.wait_for(lambda: stand.job(job_id).stage is stage, "the job's message to be sent")
    if not stand.messages(queue):
        return job_id
    os.kill(victim.process.pid, signal.SIGCONT)
    lab.wait_for(lambda: stand.job(job_id).stage is not stage or stand.job(job_id).state.is_final, "the job to go on")
    return None


def tell(stand: Stand, report: Report, injected: str, job_id: str, took: float) -> None:
    """Report how long a message took to be back, and hold it against the bound."""
    report.row(
        12,
        injected=injected,
        counted=f"in the queue again {len([*stand.messages(Queue.IMAGE_UTILS), *stand.messages(Queue.GENERATION)])}, "
        f"attempts {stand.job(job_id).attempts}",
        measured=f"back after {took:.2f} s",
        bound=f"{PUT_BACK_SECONDS:g} s",
    )
    assert took <= PUT_BACK_SECONDS + SLACK_SECONDS


def lose_a_utility(stand: Stand, report: Report, victim: lab.WorkerProcess) -> None:
    """Have a utility's message lost, and ask again."""
    gateway = stand.gateway(DARKROOM_UTILITY_WAIT_SECONDS=str(UTILITY_WAIT_SECONDS))
    photo = pictures.encoded(pictures.photo(64, 64))
    png = {"Content-Type": "image/png", "Accept": "image/png"}
    os.kill(victim.process.pid, signal.SIGSTOP)
    asked_at = time.monotonic()
    lost = gateway.http.post("/api/image-utils/canny", content=photo, headers=png)
    took = time.monotonic() - asked_at
    victim.kill()
    stand.start("cpu", "-c", "1")
    again = gateway.http.post("/api/image-utils/canny", content=photo, headers=png)
    report.row(
        12,
        injected="SIGSTOP of an idle worker, a utility's message, SIGKILL",
        counted=f"{lost.status_code} {lost.json().get('code')}, asked again {again.status_code}",
        measured=f"answered after {took:.2f} s",
        bound=f"the wait of {UTILITY_WAIT_SECONDS:g} s; it is not put back",
    )
    assert (lost.status_code, lost.json()["code"]) == (503, "wait_expired")
    assert lost.headers["Retry-After"]
    assert again.is_success


def test_a_lost_part_is_made(stand: Stand, report: Report) -> None:
    """When one of a chord's parts is popped and lost and the other is made, the job is opened again and done."""
    stand.start("jobs")
    job_id = stand.leave_parts_waiting()
    lab.wait_for(lambda: stand.broker.client.rpop(Queue.IMAGE_UTILS), "a part's message")
    stand.start_all("cpu", "a100")
    made_at = lab.wait_for(stand.parts, "the other part to be made")[-1].at
    lab.wait_for(lambda: stand.runs(job_id, "removal") > 1, "the job to be opened again")
    took = stand.diary.read("task", job_id)[-1].at - made_at
    stand.until(job_id, State.DONE)
    stand.verify(job_id)
    report.row(
        12,
        injected="the message of one of two parts popped by hand, the other part made",
        counted=f"openings {stand.runs(job_id, 'removal')}, executions {stand.executions(job_id)}",
        measured=f"opened again {took:.2f} s after the other part",
        bound=f"{PUT_BACK_SECONDS:g} s",
    )
    assert took <= PUT_BACK_SECONDS + SLACK_SECONDS
    assert (stand.executions(job_id), stand.commits(job_id)) == (1, 1)


def test_a_backlog_is_not_taken_for_lost(stand: Stand, report: Report) -> None:
    """Jobs that wait for longer than the grace keep one message each, also behind one that was put back in front."""
    _, _, a100 = stand.start_all("cpu", "jobs", "a100")
    script = Script(steps=100, seconds=0.5)
    jobs = [stand.submit(script)]
    stand.until(jobs[0], State.PROCESSING, step=1)
    jobs += [stand.submit(script) for _ in range(BACKLOG - 1)]
    lab.wait_for(lambda: len(stand.messages(Queue.GENERATION)) == BACKLOG - 1, "the backlog")
    a100.kill()
    lab.wait_for(lambda: len(stand.messages(Queue.GENERATION)) >= BACKLOG, "the killed job to be put back")
    looked_at = {job_id: look_at(stand, job_id) for job_id in jobs}
    enough = 2 * GRACE_SECONDS + CLOCK_SKEW_SECONDS
    lab.wait_for(
        lambda: all(look_at(stand, job_id) > before + enough for job_id, before in looked_at.items()),
        "the sweeper to look at each of them again and again",
    )
    waiting = [message["headers"]["id"] for message in stand.messages(Queue.GENERATION)]
    report.row(
        12,
        injected=f"no worker for {BACKLOG} jobs, one of them put back in front",
        counted=f"messages {len(waiting)}, of jobs {len(set(waiting))}",
        measured=f"looked at for {enough:g} s more",
        bound="one message each",
    )
    assert waiting[0] == jobs[0]
    assert sorted(waiting) == sorted(jobs)
    for job_id in jobs:
        stand.cancel(job_id)


def look_at(stand: Stand, job_id: str) -> float:
    """Return when the sweeper looks at a job next."""
    return stand.broker.client.zscore("darkroom:jobs:open", job_id) or 0.0
