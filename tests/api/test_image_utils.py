"""Image utilities over HTTP: three ways to ask, two ways to be answered."""

import base64
import threading
from typing import Any

import httpx
import pytest

from tests.api.conftest import MakeServer
from tests.api.pictures import mask, picture, text
from tests.api.servers import Server
from tests.api.workers import FakeWorker, Message, meanwhile
from tests.lab import wait_for

PHOTO, MASK, MADE = picture(), mask(), picture(60, 40, "PNG", "red")
UTILITY = "/api/image-utils"
JPEG = {"content-type": "image/jpeg"}


class Asked:
    """Plays the worker of one request; keeps its message."""

    def __init__(self, worker: FakeWorker) -> None:
        self.worker = worker
        self.message: Message | None = None

    def __call__(self) -> None:
        """Answer the next request."""
        self.message = self.worker.take()
        self.worker.reply_with(self.message, MADE)


@pytest.mark.parametrize(
    ("name", "fields", "task", "options", "alias"),
    [
        ("resize", {"width": 60}, "resize", {"width": 60}, None),
        ("crop", {"box": [0, 0, 9, 9]}, "crop", {"box": [0, 0, 9, 9]}, None),
        ("encode", {"format": "png"}, "encode", {"format": "png"}, None),
        ("canny", {}, "canny", {}, None),
        ("mae", {"mask": text(MASK), "method": "ns"}, "mae", {"method": "ns"}, None),
        ("extract-object", {"mask": text(MASK)}, "extract_object", {}, "extracted_image"),
        ("extract-object", {}, "extract_object", {}, "extracted_image"),
        ("add-shadow-preview", {"offset": [1, 2]}, "add_shadow_preview", {"offset": [1, 2]}, "preview_image"),
    ],
)
def test_json_is_answered_with_json(
    client: httpx.Client,
    worker: FakeWorker,
    name: str,
    fields: dict[str, Any],
    task: str,
    options: dict[str, Any],
    alias: str | None,
) -> None:
    """Base64 in, base64 out, under the names that today's frontend reads; the worker gets ids and what was given."""
    asked = Asked(worker)
    with meanwhile(asked):
        answer = client.post(f"{UTILITY}/{name}", json={"image": text(PHOTO), **fields})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert base64.b64decode(body["image"]) == MADE
    assert (body["format"], body["width"], body["height"]) == ("png", 60, 40)
    assert set(body) - {"image", "image_id", "format", "width", "height"} == ({alias} if alias else set())
    if alias:
        assert body[alias] == body["image"]
    assert asked.message is not None
    assert asked.message.task == f"tasks.image_utils.{task}"
    assert asked.message.kwargs == {**options, "owner": "local"}
    assert len(asked.message.args) == 1 + ("mask" in fields)
    assert asked.message.headers["expires"]


def test_bytes_are_answered_with_bytes(client: httpx.Client, worker: FakeWorker) -> None:
    """The photo as the body, parameters in the query, the picture's bytes back; its id is in a header."""
    asked = Asked(worker)
    with meanwhile(asked):
        answer = client.post(f"{UTILITY}/resize?width=60&format=png", content=PHOTO, headers=JPEG)
    assert (answer.headers["content-type"], answer.content) == ("image/png", MADE)
    assert client.get(f"/api/images/{answer.headers['x-image-id']}").content == MADE
    assert asked.message is not None
    assert asked.message.kwargs == {"width": 60, "format": "png", "owner": "local"}


@pytest.mark.parametrize("query", ["box=1,2,30,40", "box=1&box=2&box=30&box=40"])
def test_a_box_in_the_query(client: httpx.Client, worker: FakeWorker, query: str) -> None:
    """Places of a list are told apart by commas or by repetition."""
    asked = Asked(worker)
    with meanwhile(asked):
        client.post(f"{UTILITY}/crop?{query}", content=PHOTO, headers=JPEG)
    assert asked.message is not None
    assert asked.message.kwargs["box"] == [1, 2, 30, 40]


def test_a_form_brings_two_images(client: httpx.Client, worker: FakeWorker) -> None:
    """Image and mask as files; bytes back, or JSON where Accept asks for it."""
    files = {"image": ("p.jpg", PHOTO), "mask": ("m.png", MASK)}
    for accept, media_type in (("*/*", "image/png"), ("application/json", "application/json")):
        asked = Asked(worker)
        with meanwhile(asked):
            answer = client.post(f"{UTILITY}/mae", files=files, data={"method": "ns"}, headers={"accept": accept})
        assert answer.headers["content-type"] == media_type
        assert asked.message is not None
        assert len(asked.message.args) == 2


@pytest.mark.parametrize(
    ("accept", "status"), [("image/*", 200), ("image/webp, application/json;q=0.5", 200), ("text/html", 406)]
)
def test_accept_decides_how_json_is_answered(
    client: httpx.Client, worker: FakeWorker, accept: str, status: int
) -> None:
    """JSON can be answered with bytes; what cannot be had is a 406, told before any work."""
    work = Asked(worker) if status == 200 else bool
    with meanwhile(work):
        answer = client.post(f"{UTILITY}/canny", json={"image": text(PHOTO)}, headers={"accept": accept})
    assert answer.status_code == status
    assert (answer.content == MADE) == (status == 200)
    assert worker.queued() == 0


def test_the_extracted_image_may_be_called_so(client: httpx.Client, worker: FakeWorker) -> None:
    """The frontend hands the answer of extract-object on under its name."""
    with meanwhile(Asked(worker)):
        answer = client.post(f"{UTILITY}/add-shadow-preview", json={"extracted_image": text(PHOTO)})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("module", "name", "message", "status", "code"),
    [
        ("tasks.errors", "InputError", ["crop_outside", "No."], 422, "crop_outside"),
        ("tasks.errors", "InputError", ["mask_empty", "No."], 422, "mask_empty"),
        ("billiard.exceptions", "TimeLimitExceeded", [20], 500, "time_limit"),
        ("billiard.exceptions", "WorkerLostError", ["x"], 500, "worker_lost"),
        ("celery.exceptions", "TaskRevokedError", ["expired"], 503, "wait_expired"),
        ("builtins", "ValueError", ["secret"], 500, "internal"),
    ],
)
def test_a_failure_is_the_worker_s_own(
    client: httpx.Client, worker: FakeWorker, module: str, name: str, message: list[Any], status: int, code: str
) -> None:
    """Our errors come back with code and sentence, Celery's are translated, others say nothing of the code."""
    result = {"exc_type": name, "exc_module": module, "exc_message": message}

    def fail() -> None:
        worker.reply(worker.take(), result, "FAILURE")

    with meanwhile(fail):
        answer = client.post(f"{UTILITY}/crop?box=0,0,50,50", content=PHOTO, headers=JPEG)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "secret" not in answer.text


def test_a_utility_that_nobody_does_expires(make_server: MakeServer, worker: FakeWorker) -> None:
    """Past its limit a request is 503 wait_expired with Retry-After."""
    with make_server(utility_wait_seconds=0.2) as client:
        answer = client.post(f"{UTILITY}/canny", content=PHOTO, headers=JPEG)
    assert (answer.status_code, answer.json()["code"]) == (503, "wait_expired")
    assert int(answer.headers["retry-after"]) > 0


def test_a_message_that_was_lost_is_sent_once_more(make_server: MakeServer, worker: FakeWorker) -> None:
    """A worker that took the message and never answers costs a moment: the next one gets it again, under its id."""

    def lose_then_reply() -> None:
        lost = worker.take()
        again = worker.take()
        assert again.id == lost.id
        worker.reply_with(again, MADE)

    with make_server(resend_seconds=0.2, reread_seconds=0.1) as client, meanwhile(lose_then_reply):
        answer = client.post(f"{UTILITY}/canny", content=PHOTO, headers=JPEG)
    assert answer.content == MADE
    assert worker.queued() == 0


def test_a_message_that_waits_is_not_sent_again(make_server: MakeServer, worker: FakeWorker) -> None:
    """While its pool sleeps a request keeps one message."""
    with make_server(resend_seconds=0.1, reread_seconds=0.05, utility_wait_seconds=0.5) as client:
        client.post(f"{UTILITY}/canny", content=PHOTO, headers=JPEG)
    assert worker.queued() == 1


def test_a_reply_that_nobody_published_is_found(server: Server, worker: FakeWorker) -> None:
    """A lost wake-up costs a moment: the reply is looked for on a slow timer."""

    def reply_silently() -> None:
        message = worker.take()
        kept = worker.store.put(MADE)
        made = f'{{"image_id": "{kept.id}", "format": "png", "width": 60, "height": 40}}'
        worker.broker.set(f"celery-task-meta-{message.id}", f'{{"status": "SUCCESS", "result": {made}}}')

    with meanwhile(reply_silently):
        answer = httpx.post(f"{server.url}{UTILITY}/canny", content=PHOTO, headers=JPEG, timeout=10)
    assert answer.content == MADE
    assert server.waiters() == 0


def test_a_full_queue_turns_utilities_away(make_server: MakeServer, worker: FakeWorker) -> None:
    """At the limit of messages the answer is queue_full."""
    with make_server(max_waiting_messages=1) as client:
        thread = threading.Thread(target=lambda: client.post(f"{UTILITY}/canny", content=PHOTO, headers=JPEG))
        thread.start()
        wait_for(lambda: worker.queued() == 1, "a message")
        refused = wait_for(lambda: _refusal(client), "a full queue")
        assert refused.json()["code"] == "queue_full"
        while worker.queued():
            worker.reply_with(worker.take(), MADE)
        thread.join(10)


def _refusal(client: httpx.Client) -> httpx.Response | None:
    try:
        answer = client.post(f"{UTILITY}/canny", content=PHOTO, headers=JPEG, timeout=0.6)
    except httpx.ReadTimeout:
        return None
    return answer if answer.status_code == 503 else None
