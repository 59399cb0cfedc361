"""Edits through the whole path: HTTP, broker, chord on two pools, ledger, HTTP."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import redis

from tests.lab import WorkerProcess, logged, pushed_sizes, wait_for
from tests.tasks import pictures

REMOVAL = {"input_image": "launch-pad.jpg", "conditional_images": ["removal-mask.png"]}
INSERTION = {
    "input_image": "launch-pad.jpg",
    "conditional_images": ["insertion-mask.png"],
    "reference_image": "astronaut.jpg",
    "reference_mask_R": "shuttle-mask.png",
}
WHITE_BALANCE = {"input_image": "astronaut.jpg"}


def as_base64(value: Any) -> Any:
    """Return file names of tests/data as base64, as today's frontend sends images."""
    if isinstance(value, list):
        return [as_base64(item) for item in value]
    return base64.b64encode(pictures.sample(value)).decode()


def body(task_type: str, images: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a request of today's frontend."""
    return {"task_type": task_type, "prompt": "", "seed": 7, **fields} | {k: as_base64(v) for k, v in images.items()}


def statuses(client: httpx.Client, task_id: str, after: str | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the id and the status object of each server-sent event."""
    headers = {"Last-Event-ID": after} if after else {}
    with client.stream("GET", f"/api/generate/stream/{task_id}", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(":")
            if line:
                fields[name] = value.strip()
            elif "data" in fields:
                yield fields["id"], json.loads(fields["data"])
                fields = {}


@pytest.mark.parametrize(
    ("task_type", "images"),
    [("removal", REMOVAL), ("insertion", INSERTION), ("white-balance", WHITE_BALANCE)],
    ids=["removal", "insertion", "white-balance"],
)
def test_todays_frontend_gets_its_edit(http: httpx.Client, task_type: str, images: dict[str, Any]) -> None:
    """Each operation, as base64 JSON and answered in one request: the photo's size, and its pixels outside the mask."""
    answer = http.post("/api/generate", json=body(task_type, images))
    assert answer.status_code == 200, answer.text
    result = answer.json()
    edited = pictures.decoded(base64.b64decode(result["image"].rpartition(",")[2]))
    photo = pictures.decoded(pictures.sample(images["input_image"]))
    assert edited.shape == photo.shape
    assert not np.array_equal(edited, photo)
    if "conditional_images" in images:
        outside = pictures.grey(pictures.sample(images["conditional_images"][0])) < 128
        assert np.abs(edited[outside].astype(int) - photo[outside]).max() <= 2, "two JPEG decoders may differ by a step"
    assert result["model_used"] == "opencv"
    assert result["generation_time"] > 0
    assert result["parameters_used"]["seed"] == 7


def test_an_edit_from_submit_to_picture(http: httpx.Client) -> None:
    """The asynchronous path: accepted, followed by events in order, fetched as JSON and as WebP."""
    accepted = http.post("/api/generate/async", json=body("removal", REMOVAL)).json()
    assert accepted["status"] == "queued"
    seen = [status for _, status in statuses(http, accepted["task_id"])]
    order = list(dict.fromkeys(status["status"] for status in seen))
    assert order in (["queued", "preprocessing", "processing", "done"], ["preprocessing", "processing", "done"])
    progress = [status["progress"] for status in seen]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    assert http.get(f"/api/generate/status/{accepted['task_id']}").json()["status"] == "done"
    assert http.get(f"/api/generate/result/{accepted['task_id']}").json()["image"]
    webp = http.get(f"/api/generate/result-image/{accepted['task_id']}", headers={"Accept": "image/webp"})
    assert webp.headers["content-type"] == "image/webp"
    assert "private" in webp.headers["cache-control"]
    assert pictures.decoded(webp.content).shape == (427, 640, 3)


def test_a_reader_that_lost_its_connection_misses_nothing(http: httpx.Client) -> None:
    """With Last-Event-ID, the two halves of a stream are the whole."""
    task_id = http.post("/api/generate/async", json=body("white-balance", WHITE_BALANCE)).json()["task_id"]
    whole = list(statuses(http, task_id))
    for position, (event_id, _) in enumerate(whole[:-1], start=1):
        rest = [event for event, _ in statuses(http, task_id, after=event_id)]
        assert rest == [event for event, _ in whole[position:]]


@pytest.mark.parametrize("verb", ["POST", "DELETE"])
def test_a_cancel_while_the_engine_works(http: httpx.Client, verb: str) -> None:
    """A job cancelled in mid-step is cancelled at once, and stays so; its result is a conflict."""
    task_id = http.post("/api/generate/async", json=body("removal", REMOVAL)).json()["task_id"]
    for _, status in statuses(http, task_id):
        if status["status"] == "processing" and status["current_step"] >= 2:
            break
    path = f"/api/generate/async/cancel/{task_id}" if verb == "POST" else f"/api/generate/{task_id}"
    assert http.request(verb, path).json()["status"] == "cancelled"
    assert [status["status"] for _, status in statuses(http, task_id)][-1] == "cancelled"
    refused = http.get(f"/api/generate/result/{task_id}")
    assert (refused.status_code, refused.json()["code"]) == (409, "job_cancelled")
    following = http.post("/api/generate", json=body("white-balance", WHITE_BALANCE))
    assert following.status_code == 200, "the engine is free again"
    assert http.get(f"/api/generate/status/{task_id}").json()["status"] == "cancelled"


def test_an_image_by_its_id(http: httpx.Client) -> None:
    """A photo uploaded once can be edited by its id, in any field that takes an image."""
    photo = http.post("/api/images", content=pictures.sample("astronaut.jpg"), headers={"Content-Type": "image/jpeg"})
    assert photo.status_code == 201, photo.text
    edited = http.post("/api/generate", json={"task_type": "white-balance", "input_image": photo.json()["image_id"]})
    assert edited.status_code == 200, edited.text


def test_a_mask_that_marks_nothing_is_the_clients_error(http: httpx.Client) -> None:
    """What only a worker can see comes back as a 4xx with the code of the header task or the opening task."""
    empty = base64.b64encode(pictures.encoded(np.zeros((427, 640), np.uint8))).decode()
    answer = http.post("/api/generate", json={**body("removal", REMOVAL), "conditional_images": [empty]})
    assert (answer.status_code, answer.json()["code"]) == (422, "mask_empty")
    bad_reference = {**body("insertion", INSERTION), "reference_mask_R": empty}
    answer = http.post("/api/generate", json=bad_reference)
    assert answer.status_code == 422
    assert answer.json()["code"] in {"mask_empty", "mask_mismatch"}


def test_no_message_grows_with_the_image(http: httpx.Client, environment: dict[str, str]) -> None:
    """Whatever Celery and we push for a job with a 3 MB photo, no message is over 2 KiB."""
    noise = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), np.uint8)
    photo, mask = (
        base64.b64encode(pictures.encoded(pixels)).decode()
        for pixels in (noise, pictures.mask(1024, 1024, (10, 10, 60, 60)))
    )
    assert len(photo) > 3_000_000
    with pushed_sizes(environment["REDIS_URL"]) as sizes:
        answer = http.post(
            "/api/generate",
            json={"task_type": "removal", "input_image": photo, "conditional_images": [mask], "prompt": "p" * 1000},
        )
        assert answer.status_code == 200, answer.text
    pushed = [size for size in sizes if size > 200]
    assert len(pushed) >= 4, "an opening, two parts and a body"
    assert max(pushed) <= 2048


def test_a_prompt_stays_in_the_ledger(
    http: httpx.Client, workers: dict[str, WorkerProcess], environment: dict[str, str]
) -> None:
    """Neither a worker's log nor an event that Flower reads has a user's words."""
    wish = "a very private wish"
    broker = redis.Redis.from_url(environment["REDIS_URL"])
    with broker.pubsub() as flower:
        flower.psubscribe("/0.celeryev/*")
        answer = http.post("/api/generate", json=body("white-balance", WHITE_BALANCE, prompt=wish))
        assert answer.json()["parameters_used"]["prompt"] == wish
        task_id = answer.json()["task_id"]
        wait_for(lambda: logged(workers["a100"].log, "task.done", task_id), "the log")
        events = []
        while (message := flower.get_message(timeout=1)) is not None:
            events.append(str(message["data"]))
    assert any(task_id in event for event in events)
    assert wish not in "".join(events)
    assert wish not in "".join(worker.log.read_text() for worker in workers.values())
