"""Requests that are sent again under the same Idempotency-Key."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from api.problems import IDEMPOTENCY_HEADER
from tasks.queues import Queue
from tests.api.pictures import mask, picture, text
from tests.api.servers import Server
from tests.api.workers import FakeWorker, meanwhile
from tests.lab import wait_for

PHOTO, MASK, RESULT = picture(), mask(), picture(colour="red", image_format="PNG")
REMOVAL = {"task_type": "removal", "input_image": text(PHOTO), "conditional_images": [text(MASK)]}
FILES = {"input_image": ("p.jpg", PHOTO), "mask": ("m.png", MASK)}
ASYNC = "/api/generate/async"


def named(key: str) -> dict[str, str]:
    """The header."""
    return {IDEMPOTENCY_HEADER: key}


def test_a_retry_gets_the_same_job(client: httpx.Client, worker: FakeWorker) -> None:
    """Sent again, also as a form and with the key in quotes, a request names its first job and queues nothing."""
    first = client.post(ASYNC, json=REMOVAL, headers=named("a-1"))
    again = client.post(ASYNC, json=REMOVAL, headers=named('"a-1"'))
    form = client.post(ASYNC, files=FILES, data={"task_type": "removal"}, headers=named("a-1"))
    assert {answer.status_code for answer in (first, again, form)} == {200}
    assert {answer.json()["task_id"] for answer in (first, again, form)} == {first.json()["task_id"]}
    assert again.headers["location"] == first.headers["location"]
    assert worker.queued() == 1


def test_a_retry_tells_how_far_the_job_is(client: httpx.Client, worker: FakeWorker) -> None:
    """The answer to a retry has the job's state, not a state that it had once."""
    job_id = client.post(ASYNC, json=REMOVAL, headers=named("a-1")).json()["task_id"]
    worker.run_job(job_id, RESULT)
    again = client.post(ASYNC, json=REMOVAL, headers=named("a-1")).json()
    assert (again["task_id"], again["status"]) == (job_id, "done")
    waited = client.post("/api/generate", json=REMOVAL, headers=named("a-1")).json()
    assert (waited["task_id"], waited["image"]) == (job_id, text(RESULT))


@pytest.mark.parametrize("change", [{"seed": 3}, {"conditional_images": [text(mask(240, 160))]}])
def test_another_request_under_the_key_is_refused(
    client: httpx.Client, worker: FakeWorker, change: dict[str, object]
) -> None:
    """Another parameter or another image is another request: 409, and no second job."""
    client.post(ASYNC, json=REMOVAL, headers=named("a-1"))
    answer = client.post(ASYNC, json={**REMOVAL, **change}, headers=named("a-1"))
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")
    assert worker.queued() == 1
    assert client.post(ASYNC, json={**REMOVAL, **change}, headers=named("a-2")).status_code == 200


def test_retries_at_once_are_one_job(client: httpx.Client, worker: FakeWorker) -> None:
    """Of ten requests at the same time under one key, one makes the job and all name it."""
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: client.post(ASYNC, json=REMOVAL, headers=named("a-1")), range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["task_id"] for answer in answers}) == 1
    assert worker.queued() == 1


def test_a_retry_is_answered_while_the_queue_is_full(server: Server, client: httpx.Client, worker: FakeWorker) -> None:
    """What was accepted is not refused because others wait by now."""
    job_id = client.post(ASYNC, json=REMOVAL, headers=named("a-1")).json()["task_id"]
    worker.broker.lpush(Queue.GENERATION, *["x"] * 1000)
    wait_for(lambda: client.post(ASYNC, json=REMOVAL).status_code == 503, "the queue to be seen as full")
    again = client.post(ASYNC, json=REMOVAL, headers=named("a-1"))
    assert (again.status_code, again.json()["task_id"]) == (200, job_id)


def test_a_client_that_leaves_but_can_come_back_keeps_its_job(server: Server, worker: FakeWorker) -> None:
    """A sync request with a key is not cancelled by a lost connection; asked for again, its result is there."""
    waiting = httpx.Client(base_url=server.url, timeout=httpx.Timeout(10, read=1))

    def give_up() -> None:
        with pytest.raises(httpx.ReadTimeout):
            waiting.post("/api/generate", json=REMOVAL, headers=named("a-1"))

    thread = threading.Thread(target=give_up)
    thread.start()
    job_id = worker.take().id
    thread.join()
    waiting.close()
    wait_for(lambda: server.waiters() == 0, "the gateway to notice")
    with httpx.Client(base_url=server.url, timeout=30) as client, meanwhile(lambda: worker.run_job(job_id, RESULT)):
        answer = client.post("/api/generate", json=REMOVAL, headers=named("a-1"))
    assert (answer.status_code, answer.json()["task_id"]) == (200, job_id)


def test_an_upload_is_bound_to_its_key(client: httpx.Client, worker: FakeWorker) -> None:
    """The same picture again is the same image, another one under the key is refused."""
    raw = {"content-type": "image/jpeg", **named("u-1")}
    first = client.post("/api/images", content=PHOTO, headers=raw)
    again = client.post("/api/images", json={"image": text(PHOTO)}, headers=named("u-1"))
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    other = client.post("/api/images", content=RESULT, headers=raw)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


def test_utilities_and_clicks_are_bound_to_their_keys(client: httpx.Client, worker: FakeWorker) -> None:
    """Another request under a key that was used is refused, whatever the route, before any queue."""
    body = {"image": text(PHOTO), "width": 60}
    with meanwhile(lambda: worker.reply_with(worker.take(), RESULT)):
        assert client.post("/api/image-utils/resize", json=body, headers=named("k")).status_code == 200
    click = {"image": text(PHOTO), "points": [[1, 2]]}
    others = {
        "image-utils/resize": {**body, "width": 61},
        "image-utils/canny": {"image": text(PHOTO)},
        "smart-mask": click,
        "generate": REMOVAL,
    }
    for path, fields in others.items():
        answer = client.post(f"/api/{path}", json=fields, headers=named("k"))
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict"), path
    assert worker.queued() == 0


@pytest.mark.parametrize("key", ["", '""', "a b", "ä", "x" * 256])
def test_a_key_that_is_none_is_refused(client: httpx.Client, worker: FakeWorker, key: str) -> None:
    """400, and nothing is queued."""
    answer = client.post(ASYNC, json=REMOVAL, headers={IDEMPOTENCY_HEADER: key.encode()})  # type: ignore[dict-item]
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")
    assert worker.queued() == 0
