"""What real worker processes do when killed, stopped, or fed with rubbish. Each test has servers of its own."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from tasks import ledger, messages, store
from tasks.app import app
from tasks.consumer import DEAD_MESSAGES_KEY
from tasks.jobs import Edit, Job, Operation, Stage, State
from tasks.ledger import Ledger
from tasks.queues import Priority, Queue
from tasks.settings import Settings
from tasks.store import LOCAL_OWNER, ImageStore
from tasks.submission import prepare
from tests import lab
from tests.conftest import QUICK
from tests.tasks import pictures


@dataclass
class Stand:
    """Servers, and the means to submit a job and start workers on them."""

    environment: dict[str, str]
    folder: Path
    book: Ledger
    images: ImageStore

    def submit(self, *, big: bool = False, message: bool = True) -> str:
        """Submit a removal (the big one takes over a second) and return its id."""
        photo = pictures.sample("launch-pad.jpg") if big else pictures.encoded(pictures.photo())
        mask = pictures.sample("removal-mask.png") if big else pictures.encoded(pictures.mask())
        edit = Edit(operation=Operation.REMOVAL, photo=self.images.put(photo).id, mask=self.images.put(mask).id, seed=1)
        if message:
            submission = prepare(edit, owner=LOCAL_OWNER)
            self.book.apply(submission.move)
            return submission.job_id
        job_id = ledger.new_job_id()
        self.book.apply(ledger.submit(job_id, edit, owner=LOCAL_OWNER))
        return job_id

    def job(self, job_id: str) -> Job:
        """Return a record."""
        read = self.book.apply(ledger.read(job_id))
        assert read is not None
        return read[0]

    def until(self, job_id: str, state: State, step: int = 0) -> Job:
        """Wait until a job is in a state, and at a step."""

        def reached() -> Job | None:
            job = self.job(job_id)
            return job if job.state is state and job.step >= step else None

        return lab.wait_for(reached, f"{state} of {job_id}", 60)

    def finals(self, job_id: str) -> int:
        """Count a job's final events."""
        return sum(event.state.is_final for event in self.book.apply(ledger.events(job_id)))


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """Start servers."""
    with lab.valkeys(tmp_path) as urls:
        environment = {**urls, **QUICK}
        book = ledger.connect(urls["REDIS_URL"])
        settings = Settings.model_validate({name.lower(): url for name, url in urls.items()})
        yield Stand(environment, tmp_path, book, store.connect(settings, book.client))
        book.client.close()


Start = Callable[..., lab.WorkerProcess]


@pytest.fixture
def start(stand: Stand) -> Iterator[Start]:
    """Start workers by profile; stop what is left."""
    started: list[lab.WorkerProcess] = []

    def start_one(profile: str, *arguments: str) -> lab.WorkerProcess:
        log = stand.folder / f"{profile}-{len(started)}.log"
        worker = lab.WorkerProcess(profile, stand.environment, log, *arguments)
        started.append(worker)
        worker.wait_until_ready()
        return worker

    yield start_one
    for worker in started:
        worker.kill()


def test_a_killed_worker_costs_the_job_a_lease(stand: Stand, start: Start) -> None:
    """After SIGKILL in mid-job the sweeper gives the job to another worker, which commits it once."""
    start("cpu", "-c", "1")
    start("jobs")
    victim = start("a100")
    job_id = stand.submit(big=True)
    stand.until(job_id, State.PROCESSING, step=2)
    victim.kill()
    start("a100")
    job = stand.until(job_id, State.DONE)
    assert job.attempts == 2
    assert stand.finals(job_id) == 1


def test_a_stopped_worker_gives_its_job_back(stand: Stand, start: Start) -> None:
    """After SIGTERM in mid-job the worker exits by itself, the job waits at the front, no attempt is counted."""
    start("cpu", "-c", "1")
    drained = start("a100")
    job_id = stand.submit(big=True)
    stand.until(job_id, State.PROCESSING, step=2)
    drained.process.send_signal(signal.SIGTERM)
    assert drained.process.wait(5) == 0
    job = stand.until(job_id, State.QUEUED)
    assert (job.stage, job.attempts) == (Stage.BODY, 0)
    assert stand.book.client.hlen("unacked") == 0
    assert not stand.book.apply(ledger.overview()).workers[1:], "the drained worker has left the list"
    start("a100")
    assert stand.until(job_id, State.DONE).attempts == 1


def test_a_zombie_commits_nothing(stand: Stand, start: Start) -> None:
    """A worker stopped for longer than its lease finds its job taken; the result is committed once."""
    start("cpu", "-c", "1")
    start("jobs")
    zombie = start("a100")
    job_id = stand.submit(big=True)
    stand.until(job_id, State.PROCESSING, step=2)
    os.killpg(zombie.process.pid, signal.SIGSTOP)
    start("a100")
    done = stand.until(job_id, State.DONE)
    os.killpg(zombie.process.pid, signal.SIGCONT)
    lab.wait_for(lambda: "ignored" in zombie.log.read_text(), "the zombie to notice")
    assert stand.job(job_id) == done
    assert stand.finals(job_id) == 1


def test_a_lost_opening_message_is_put_back(stand: Stand, start: Start) -> None:
    """A job whose message vanished is found after the grace, and done."""
    for profile in ("cpu", "jobs", "a100"):
        start(profile)
    assert stand.until(stand.submit(message=False), State.DONE).result


def test_a_lost_body_message_is_put_back(stand: Stand, start: Start) -> None:
    """A prepared job whose message for the generation pool vanished is generated all the same."""
    start("cpu", "-c", "1")
    job_id = stand.submit()
    lab.wait_for(lambda: stand.book.client.llen(Queue.GENERATION), "the body's message")
    stand.book.client.delete(Queue.GENERATION)
    start("jobs")
    start("a100")
    assert stand.until(job_id, State.DONE).result


def test_a_lost_header_opens_the_job_again(stand: Stand, start: Start) -> None:
    """A chord whose header vanished from the queue is launched anew and completes."""
    job_id = stand.submit(message=False)
    attempt, chord = ledger.new_token(job_id), ledger.new_token(job_id)
    stand.book.apply(ledger.claim(attempt, Stage.OPENING, "dies"))
    stand.book.apply(ledger.launch(attempt, chord, 2, {}))
    for profile in ("cpu", "jobs", "a100"):
        start(profile)
    assert stand.until(job_id, State.DONE).result


def test_a_pool_child_killed_with_an_opening_costs_a_grace(stand: Stand, start: Start) -> None:
    """When the process that was given a job dies before it claims it, the job is opened by another child."""
    worker = start("cpu", "-c", "1")
    start("jobs")
    start("a100")
    children = Path(f"/proc/{worker.process.pid}/task/{worker.process.pid}/children")
    child = int(children.read_text().split()[0])
    os.kill(child, signal.SIGSTOP)
    job_id = stand.submit()
    lab.wait_for(lambda: f"[{job_id}] received" in worker.log.read_text(), "the message to be taken")
    os.kill(child, signal.SIGKILL)
    assert stand.until(job_id, State.DONE).result
    assert stand.finals(job_id) == 1


def test_a_backlog_is_not_taken_for_lost(stand: Stand, start: Start) -> None:
    """While the pool sleeps, jobs that wait for longer than the grace keep exactly one message each."""
    start("cpu", "-c", "1")
    start("jobs")
    ids = [stand.submit() for _ in range(5)]
    lab.wait_for(lambda: stand.book.client.llen(Queue.GENERATION) == 5, "five messages")
    looked_at = {job_id: look_at(stand, job_id) for job_id in ids}
    lab.wait_for(
        lambda: all(look_at(stand, job_id) > before + 2 for job_id, before in looked_at.items()),
        "the sweeper to look at each of them again and again",
    )
    assert stand.book.client.llen(Queue.GENERATION) == 5
    start("a100")
    for job_id in ids:
        assert stand.until(job_id, State.DONE).attempts == 1


def look_at(stand: Stand, job_id: str) -> float:
    """Return when the sweeper looks at the job next."""
    return stand.book.client.zscore("darkroom:jobs:open", job_id) or 0.0


def test_no_connection_of_a_worker_survives_badly(stand: Stand, start: Start) -> None:
    """Killing every connection in mid-job costs nothing: one execution, and the next job runs."""
    start("cpu", "-c", "1")
    start("jobs")
    start("a100")
    job_id = stand.submit(big=True)
    stand.until(job_id, State.PROCESSING, step=2)
    admin = redis.Redis.from_url(stand.environment["REDIS_URL"])
    admin.client_kill_filter(_type="normal", skipme=True)
    admin.client_kill_filter(_type="pubsub", skipme=True)
    assert stand.until(job_id, State.DONE).attempts == 1
    assert stand.until(stand.submit(), State.DONE).result


def good() -> dict[str, Any]:
    """A well-formed message."""
    message: dict[str, Any] = json.loads(
        messages.build(
            app,
            "tasks.housekeeping.expire_images",
            task_id="good",
            queue=Queue.JOBS,
            priority=Priority.INTERACTIVE,
        )
    )
    return message


def malformed() -> dict[str, dict[str, Any]]:
    """The same, broken in one way each."""
    whole = good()
    headers = whole["headers"]
    return {
        "no id": {**whole, "headers": {name: value for name, value in headers.items() if name != "id"}},
        "no task": {**whole, "headers": {name: value for name, value in headers.items() if name != "task"}},
        "no headers": {**whole, "headers": {}},
        "a body of another shape": {**whole, "body": '{"a": 1}'},
        "a body that is no JSON": {**whole, "body": "{not json"},
        "a body that is no base64": {
            **whole,
            "body": "????",
            "properties": {**whole["properties"], "body_encoding": "base64"},
        },
        "a pickle": {**whole, "content-type": "application/x-python-serialize", "content-encoding": "binary"},
        "an unknown task": {**whole, "headers": {**headers, "task": "os.system"}},
    }


def test_malformed_messages_are_put_aside(stand: Stand, start: Start) -> None:
    """Each kind of malformed message ends among the dead ones; the same process then runs a good one."""
    worker = start("jobs")
    client = stand.book.client

    def buried(number: int) -> bool:
        return client.llen(DEAD_MESSAGES_KEY) == number

    for number, (kind, message) in enumerate(malformed().items(), start=1):
        fresh = {**message, "properties": {**message["properties"], "delivery_tag": f"tag-{number}"}}
        client.lpush(Queue.JOBS, json.dumps(fresh))
        lab.wait_for(partial(buried, number), kind)
    client.lpush(Queue.JOBS, json.dumps(good()))
    lab.wait_for(lambda: "expire_images[good] succeeded" in worker.log.read_text(), "the good message")
    lab.wait_for(lambda: client.hlen("unacked") == 0, "every message to be acknowledged")
    assert worker.process.poll() is None
