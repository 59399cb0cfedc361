"""The client on a bad line: what is lost, cut or refused on the way makes no second job and loses no result."""

import asyncio
import json
import signal
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from darkroom import AsyncClient, Client
from darkroom.client import ApiError, ConflictError, Edited, InputError, Job, NotFoundError, Status, UnavailableError
from darkroom.client.errors import UnreachableError
from tasks.errors import ErrorCode
from tests.api.servers import Server
from tests.api.workers import FakeWorker, meanwhile
from tests.client.between import Answer, Between, CutAfter, Lose
from tests.lab import free_port, wait_for
from tests.tasks import pictures

PHOTO = pictures.encoded(pictures.photo())
MASK = pictures.encoded(pictures.mask())
RESULT = pictures.encoded(pictures.photo(seed=1))
SUBMIT, STREAM, STATUS = "/api/generate/async", "/api/generate/stream", "/api/generate/status"
AT_ONCE = (("Retry-After", "0"),)


def submit(client: Client, **more: Any) -> Job:
    return client.submit("removal", photo=PHOTO, mask=MASK, **more)


def edit(client: Client, **more: Any) -> Edited:
    return client.edit("removal", photo=PHOTO, mask=MASK, **more)


def carry_out(worker: FakeWorker) -> None:
    worker.run_job(worker.take().id, RESULT)


def carry_out_once_followed_again(worker: FakeWorker, between: Between) -> None:
    wait_for(lambda: len(between.requests(STREAM)) == 2, "the second stream")
    carry_out(worker)


def job_of(worker: FakeWorker) -> str:
    return str(worker.take().id)


@pytest.mark.parametrize(
    "mood",
    [
        Answer(503, AT_ONCE),
        Answer(429, AT_ONCE),
        Answer(502, AT_ONCE, b"<html>Bad Gateway</html>"),
        Lose(),
    ],
    ids=["overloaded", "limited", "proxy without gateway", "answer lost"],
)
def test_a_submit_that_is_repeated_is_one_job(client: Client, between: Between, worker: FakeWorker, mood: Any) -> None:
    """A refused and a lost submit are sent again under the same key: one job, one message."""
    between.at(SUBMIT, mood)
    job = submit(client)
    tries = between.requests(SUBMIT)
    assert len(tries) == 2
    assert len({each.headers["idempotency-key"] for each in tries}) == 1
    assert worker.queued() == 1
    assert job_of(worker) == job.id


def test_two_submits_are_two_jobs(client: Client, worker: FakeWorker) -> None:
    """The same edit asked for twice is computed twice, unless the caller names it."""
    named = [submit(client, seed=1, idempotency_key="order-17") for _ in range(2)]
    assert named[0].id == named[1].id
    assert submit(client, seed=1).id != submit(client, seed=1).id
    assert worker.queued() == 3


def test_what_the_gateway_has_said_is_not_asked_again(client: Client, between: Between, worker: FakeWorker) -> None:
    """An error that the gateway wrote is the answer, its own 500 included: a failed job is not computed by asking."""
    between.at("/api/image-utils", Answer.problem(500, "engine_failed", error_type="ProcessingError"))
    with pytest.raises(Exception, match="engine_failed"):
        client.utilities.canny(PHOTO)
    with pytest.raises(InputError) as refused:
        submit(client, sed=7, seed=-1)
    assert refused.value.code == "parameter_invalid"
    assert {each.field for each in refused.value.errors} == {"sed", "seed"}
    assert len(between.sent) == 2
    assert worker.queued() == 0


def test_the_photo_of_a_series_is_sent_once(client: Client, between: Between, worker: FakeWorker) -> None:
    """Later edits name the photo; when the gateway has lost it, it is sent again, as the same job."""
    for _ in range(2):
        submit(client)
    between.at(SUBMIT, Answer.problem(404, "image_unknown", error_type="NotFoundError"))
    submit(client)
    first, second, lost, again = between.requests(SUBMIT)
    assert PHOTO in first.body
    assert json.loads(second.body).keys() >= {"input_image", "mask"}
    assert PHOTO not in lost.body
    assert PHOTO in again.body
    assert lost.headers["idempotency-key"] == again.headers["idempotency-key"]
    assert worker.queued() == 3


def test_an_id_that_names_nothing_is_an_error(client: Client, between: Between) -> None:
    """There is nothing that could be sent in its place."""
    between.at("/api/image-utils", Answer.problem(404, "image_unknown", error_type="NotFoundError"))
    with pytest.raises(NotFoundError):
        client.utilities.canny(client.upload(PHOTO))
    assert len(between.requests("/api/image-utils")) == 1


def test_a_stream_that_is_cut_is_taken_up_where_it_broke(client: Client, between: Between, worker: FakeWorker) -> None:
    """The second stream begins after the last event of the first; no state is told twice, and the end is not missed."""
    between.at(STREAM, CutAfter(b"data:", 1))
    told: list[Status] = []
    with meanwhile(lambda: carry_out_once_followed_again(worker, between)):
        edited = edit(client, on_progress=told.append)
    assert edited.data == RESULT
    streams = between.requests(STREAM)
    assert len(streams) == 2
    assert "last-event-id" not in streams[0].headers
    assert streams[1].headers["last-event-id"]
    changes = [(each.state, each.current_step, each.message) for each in told]
    assert len(changes) == len(set(changes))
    assert told[-1].is_final
    assert not between.requests(STATUS)


@pytest.mark.parametrize(
    "mood", [Answer(200, (("Content-Type", "text/html"),), b"<html>"), Answer(403)], ids=["not a stream", "refused"]
)
def test_where_no_stream_can_be_held_the_job_is_asked(
    client: Client, between: Between, worker: FakeWorker, mood: Answer
) -> None:
    """A proxy that lets no stream through costs the events between, not the result."""
    between.at(STREAM, *[mood] * 5)
    told: list[Status] = []
    with meanwhile(lambda: carry_out(worker)):
        assert edit(client, on_progress=told.append).data == RESULT
    assert told[-1].state == "done"
    assert len(between.requests(STREAM)) == 1
    assert between.requests(STATUS)


def test_streams_that_tell_nothing_are_given_up(between: Between, worker: FakeWorker) -> None:
    """After three that ended at once the job is asked."""
    between.at(STREAM, *[Answer(200, (("Content-Type", "text/event-stream"),))] * 5)
    with Client(between.url) as client, meanwhile(lambda: carry_out(worker)):
        assert edit(client).data == RESULT
    assert len(between.requests(STREAM)) == 3


def test_a_failed_job_raises_its_own_error(client: Client, worker: FakeWorker) -> None:
    """The class says who has to act, and the error names the job."""
    job = submit(client)
    worker.take()
    worker.prepare(job.id)
    worker.fail(worker.start(job.id), ErrorCode.MASK_EMPTY, "The mask has no white pixel.")
    with pytest.raises(InputError) as failed:
        job.result()
    assert (failed.value.code, failed.value.job_id) == ("mask_empty", job.id)
    cancelled = submit(client, seed=1)
    assert cancelled.cancel() == "cancelled"
    with pytest.raises(ConflictError, match="job_cancelled"):
        cancelled.result()


def test_a_wait_that_is_over_leaves_a_job_and_ends_an_edit(client: Client, worker: FakeWorker) -> None:
    """A handle's job goes on; an edit's is cancelled, as nobody else knows of it."""
    job = submit(client)
    with pytest.raises(UnavailableError, match="wait_expired") as waited:
        job.result(timeout=0)
    assert waited.value.job_id == job.id
    assert job.status().state == "queued"
    with pytest.raises(UnavailableError, match="wait_expired") as given_up:
        edit(client, seed=1, timeout=0.1)
    assert client.job(str(given_up.value.job_id)).status().state == "cancelled"
    assert worker.queued() == 2


@pytest.mark.parametrize("where", ["waiting", "callback"])
def test_ctrl_c_cancels_the_job(client: Client, server: Server, worker: FakeWorker, where: str) -> None:
    """While an edit waits, and inside its callback: the interrupt goes on its way, and the job does not."""
    main = threading.get_ident()

    def interrupt() -> None:
        if where == "waiting":
            wait_for(lambda: server.waiters() == 1, "the stream")
            signal.pthread_kill(main, signal.SIGINT)

    def on_progress(status: Status) -> None:
        if where == "callback":
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), meanwhile(interrupt):
        edit(client, on_progress=on_progress)
    assert client.job(job_of(worker)).status().state == "cancelled"


def _cancelled_by_task(client: AsyncClient, begun: Callable[[], Any]) -> Any:
    async def run() -> None:
        task = asyncio.create_task(client.edit("removal", photo=PHOTO, mask=MASK))
        await asyncio.to_thread(begun)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    return run()


def _cancelled_by_scope(client: AsyncClient, begun: Callable[[], Any]) -> Any:
    async def run() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: client.edit("removal", photo=PHOTO, mask=MASK))
            await anyio.to_thread.run_sync(begun)
            group.cancel_scope.cancel()

    return run()


@pytest.mark.parametrize("cancelled", [_cancelled_by_task, _cancelled_by_scope])
def test_an_edit_that_is_cancelled_cancels_its_job(
    between: Between, server: Server, worker: FakeWorker, cancelled: Callable[..., Any]
) -> None:
    """By asyncio, and by a scope that cancels whatever is awaited within it: the job's cancel comes through."""

    async def run() -> str:
        async with AsyncClient(between.url) as client:
            await cancelled(client, lambda: wait_for(lambda: server.waiters() == 1, "the stream"))
            return (await client.job(await asyncio.to_thread(job_of, worker)).status()).state

    assert asyncio.run(run()) == "cancelled"


def test_the_async_client_on_a_bad_line(between: Between, worker: FakeWorker) -> None:
    """It does as the blocking one: same requests, same job, a stream taken up again; its callback may be awaited."""
    between.at(SUBMIT, Answer(503, AT_ONCE), Lose())
    between.at(STREAM, CutAfter(b"data:", 1))
    told: list[str] = []

    async def on_progress(status: Status) -> None:
        await asyncio.sleep(0)
        told.append(status.state)

    async def run() -> Edited:
        async with AsyncClient(between.url) as client:
            return await client.edit("removal", photo=PHOTO, mask=MASK, on_progress=on_progress)

    with meanwhile(lambda: carry_out_once_followed_again(worker, between)):
        assert asyncio.run(run()).data == RESULT
    assert told[-1] == "done"
    assert len({each.headers["idempotency-key"] for each in between.requests(SUBMIT)}) == 1
    assert len(between.requests(STREAM)) == 2
    assert worker.queued() == 0


def test_a_callback_that_fails_ends_its_edit(client: Client, worker: FakeWorker) -> None:
    """Its error is the caller's, and the job is cancelled."""
    with pytest.raises(LookupError):
        edit(client, on_progress=lambda status: {}[status.state])
    assert client.job(job_of(worker)).status().state == "cancelled"


def test_another_server_at_the_address(client: Client, between: Between) -> None:
    """A page that says 200 is no answer of Darkroom's, and the error says so."""
    between.at("/api", *[Answer(200, (("Content-Type", "text/html"),), b"<html>")] * 2)
    for call in (client.health, lambda: submit(client)):
        with pytest.raises(ApiError, match="another server"):
            call()


def test_nobody_at_the_address() -> None:
    """The error says which address, and is one of those that another try can mend."""
    url = f"http://127.0.0.1:{free_port()}"
    with Client(url, retries=1) as client, pytest.raises(UnreachableError, match=url) as missed:
        client.health()
    assert isinstance(missed.value, UnavailableError)
    assert missed.value.status is None


def test_the_key_is_sent_and_not_shown(server: Server, between: Between, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names address and key; no repr has the key."""
    monkeypatch.setenv("DARKROOM_URL", between.url)
    monkeypatch.setenv("DARKROOM_API_KEY", "dk_1_secret")
    with Client() as client:
        client.health()
        assert client.url == between.url
        assert "secret" not in repr(client)
    assert between.sent[0].headers["authorization"] == "Bearer dk_1_secret"
