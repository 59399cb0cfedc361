"""OpenAI's package asks for pictures; the test plays the workers, as no engine here can generate."""

import asyncio
import threading
from typing import Any

import httpx
import openai as package
import pytest
from openai import AsyncOpenAI, OpenAI

from tasks.errors import ErrorCode
from tasks.jobs import Job, State
from tasks.ledger import read
from tests.api.callers import asking_for_keys, person
from tests.api.conftest import MakeServer
from tests.api.servers import Server
from tests.api.workers import FakeWorker, meanwhile
from tests.lab import wait_for
from tests.openai_api.conftest import NO_KEY, talking_to
from tests.openai_api.drawing import photo, pixels

PICTURE = photo()
PROMPT = "a lighthouse at dusk"


def job_of(worker: FakeWorker, job_id: str) -> Job:
    """Return a job's record."""
    found = worker.ledger.apply(read(job_id))
    assert found is not None
    return found[0]


def open_text(worker: FakeWorker) -> str:
    """Take the next job's message; return its id."""
    message = worker.take()
    assert message.task == "tasks.workflows.text_to_image"
    return message.id


def generated(worker: FakeWorker, count: int = 1, *, owner: str = "local") -> list[Job]:
    """Carry the next jobs to their results; return them as they were asked for."""
    made = []
    for _ in range(count):
        job_id = open_text(worker)
        worker.prepare(job_id)
        worker.finish(worker.start(job_id), PICTURE, owner=owner)
        made.append(job_of(worker, job_id))
    return made


def test_a_prompt_becomes_a_picture(openai: OpenAI, worker: FakeWorker) -> None:
    """Size and prompt reach the job; parameters without effect here are taken; the picture comes as base64."""
    jobs: list[Job] = []
    with meanwhile(lambda: jobs.extend(generated(worker))):
        answer = openai.images.generate(
            prompt=PROMPT,
            size="1024x1536",
            quality="hd",
            style="vivid",
            user="ann",
            moderation="low",
            background="opaque",
            response_format="b64_json",
        )
    assert answer.data is not None
    assert pixels(str(answer.data[0].b64_json)).shape == (120, 160, 3)
    edit = jobs[0].edit
    assert (edit.prompt, edit.width, edit.height, edit.preview_every) == (PROMPT, 1024, 1536, 0)


def test_n_pictures_are_n_jobs_with_seeds_of_their_own(openai: OpenAI, worker: FakeWorker) -> None:
    """Each of the pictures is a job; a seed that is given counts on, through the end of its range."""
    jobs: list[Job] = []
    with meanwhile(lambda: jobs.extend(generated(worker, 3))):
        answer = openai.images.generate(prompt=PROMPT, n=3, extra_body={"seed": 2**32 - 2, "preset": "fast"})
    assert answer.data is not None
    assert len(answer.data) == 3
    assert [job.edit.seed for job in jobs] == [2**32 - 2, 2**32 - 1, 0]
    assert {job.edit.num_inference_steps for job in jobs} == {4}


def test_an_async_client_streams_previews_and_the_picture(server: Server, worker: FakeWorker) -> None:
    """partial_images becomes previews at even steps; at most so many come, numbered, then the picture."""
    previews = [photo(24, 24), photo(32, 32), photo(40, 40)]
    arrived = threading.Semaphore(0)

    def work() -> None:
        job_id = open_text(worker)
        assert job_of(worker, job_id).edit.preview_every == 13  # of 40 steps
        worker.prepare(job_id)
        token = worker.start(job_id)
        for step, preview in enumerate(previews):
            kept = worker.store.put(preview, owner="local", durable=False)
            worker.step(token, step + 1, preview=kept.id)
            if step < 2:
                assert arrived.acquire(timeout=30)
        worker.finish(token, PICTURE)

    async def stream() -> list[Any]:
        async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key=NO_KEY, max_retries=0) as client:
            events = []
            async for event in await client.images.generate(prompt=PROMPT, stream=True, partial_images=2):
                events.append(event)
                arrived.release()
            return events

    with meanwhile(work):
        events = asyncio.run(stream())
    assert [event.type for event in events] == [
        *["image_generation.partial_image"] * 2,
        "image_generation.completed",
    ]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    assert [event.size for event in events] == ["24x24", "32x32", "160x120"]
    assert pixels(events[-1].b64_json).shape == (120, 160, 3)
    assert events[-1].usage.total_tokens == 0


def test_a_job_that_fails_is_an_error_of_the_package(openai: OpenAI, worker: FakeWorker) -> None:
    """The error's class, code and sentence; the other pictures' jobs are cancelled; nothing is tried again."""
    ids: list[str] = []

    def work() -> None:
        ids.extend([open_text(worker), open_text(worker)])
        worker.prepare(ids[0])
        worker.fail(worker.start(ids[0]), ErrorCode.OUT_OF_MEMORY, "Too large.")

    with meanwhile(work), pytest.raises(package.InternalServerError, match="Too large") as caught:
        openai.with_options(max_retries=2).images.generate(prompt=PROMPT, n=2)
    assert (caught.value.code, caught.value.type) == ("out_of_memory", "server_error")
    assert job_of(worker, ids[1]).state is State.CANCELLED
    assert worker.queued() == 0


def test_a_stream_whose_job_fails_raises_the_job_s_error(openai: OpenAI, worker: FakeWorker) -> None:
    """After the stream has begun an error has no status of its own: it is the stream's last event."""

    def work() -> None:
        job_id = open_text(worker)
        worker.prepare(job_id)
        worker.fail(worker.start(job_id), ErrorCode.ENGINE_FAILED, "The engine stumbled.")

    with meanwhile(work), pytest.raises(package.APIError, match="The engine stumbled") as caught:
        list(openai.images.generate(prompt=PROMPT, stream=True))
    assert caught.value.code == "engine_failed"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("key", [None, "a-key"])
def test_a_client_that_leaves_takes_its_job_along(
    server: Server, worker: FakeWorker, stream: bool, key: str | None
) -> None:
    """Nobody could ask for its picture; with a key somebody can, and the job goes on."""
    headers = {"Idempotency-Key": key} if key else {}
    body = {"prompt": PROMPT, "stream": stream}
    with httpx.Client(base_url=server.url, timeout=0.5) as client, pytest.raises(httpx.ReadTimeout):
        client.post("/v1/images/generations", json=body, headers=headers)
    job_id = open_text(worker)
    wait_for(lambda: not server.waiters(), "the request to end")
    if key is None:
        wait_for(lambda: job_of(worker, job_id).state is State.CANCELLED, "the cancel")
    else:
        assert job_of(worker, job_id).state is State.QUEUED


def test_a_retry_under_a_key_makes_no_second_job(openai: OpenAI, worker: FakeWorker) -> None:
    """The same call with the same Idempotency-Key gets the pictures of the first; another call under it is refused."""
    named = {"extra_headers": {"Idempotency-Key": "mine"}}
    with meanwhile(lambda: generated(worker, 2)):
        first = openai.images.generate(prompt=PROMPT, n=2, **named)  # type: ignore[arg-type]
    again = openai.images.generate(prompt=PROMPT, n=2, **named)  # type: ignore[arg-type]
    assert [each.darkroom["job_id"] for each in first.data] == [each.darkroom["job_id"] for each in again.data]  # type: ignore[union-attr,attr-defined]
    assert worker.queued() == 0
    with pytest.raises(package.ConflictError) as caught:
        openai.images.generate(prompt="another", n=2, **named)  # type: ignore[arg-type]
    assert caught.value.code == "idempotency_conflict"


@pytest.mark.parametrize("key", [None, "mine"])
def test_past_the_wait_limit_the_job_goes_on(make_server: MakeServer, worker: FakeWorker, key: str | None) -> None:
    """The error names where the picture will be; without a key the package is told not to make a second job."""
    with make_server(images_wait_seconds=0.2) as client:
        headers = {"Idempotency-Key": key} if key else {}
        answer = client.post("/v1/images/generations", json={"prompt": PROMPT}, headers=headers)
        job_id = open_text(worker)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "wait_expired")
    assert f"/api/generate/result/{job_id}" in answer.json()["error"]["message"]
    assert answer.headers.get("x-should-retry") == (None if key else "false")
    assert job_of(worker, job_id).state is State.QUEUED


def test_keys_rates_and_owners(make_server: MakeServer, worker: FakeWorker, broker: Any) -> None:
    """A key as the package sends it; each picture of n counts; the address of a picture needs no key and no other."""
    ann = person(broker)
    with asking_for_keys(make_server, key_refresh_seconds=0.2, rate_edits="4/minute") as client:
        url = str(client.base_url).removesuffix("/")
        with pytest.raises(package.AuthenticationError) as refused:
            talking_to(url, "dk_wrong").models.list()
        assert refused.value.code == "key_invalid"
        with talking_to(url, ann.text) as openai:
            with meanwhile(lambda: generated(worker, 2, owner=ann.key.owner)):
                answer = openai.images.generate(prompt=PROMPT, n=2, response_format="url")
            with pytest.raises(package.RateLimitError) as limited:
                openai.images.generate(prompt=PROMPT, n=3)
        assert (limited.value.code, limited.value.type) == ("rate_limited", "rate_limit_error")
        assert float(limited.value.response.headers["retry-after"]) > 0
        assert answer.data is not None
        assert pixels(httpx.get(str(answer.data[0].url)).content).shape == (120, 160, 3)
        assert httpx.get(str(answer.data[0].url).partition("?")[0]).status_code == 401
    assert worker.queued() == 0
