"""Edits over HTTP, from the request to the result."""

import base64
import hashlib
import json
import threading
import time
from pathlib import Path

import httpx
import pytest

from api.settings import GatewaySettings
from tasks.engines import EngineName
from tasks.errors import ErrorCode
from tasks.queues import Queue
from tests.api.conftest import MakeServer
from tests.api.pictures import mask, picture, text
from tests.api.servers import Server
from tests.api.workers import FakeWorker, meanwhile
from tests.lab import wait_for

PHOTO, MASK, RESULT = picture(), mask(), picture(colour="red", image_format="PNG")
REMOVAL = {"task_type": "removal", "input_image": text(PHOTO), "conditional_images": [text(MASK)]}


def submit(client: httpx.Client, **changes: object) -> str:
    """Submit a removal; return its job's id."""
    answer = client.post("/api/generate/async", json={**REMOVAL, **changes})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["task_id"])


def test_a_submitted_job_has_a_record_a_message_and_durable_inputs(
    client: httpx.Client, worker: FakeWorker, settings: GatewaySettings
) -> None:
    """After the answer the opening task's message lies on its queue and the inputs outlive the hot tier."""
    answer = client.post("/api/generate/async", json=REMOVAL, headers={"X-Request-ID": "abc-1"})
    body = answer.json()
    assert body["status"] == "queued"
    assert answer.headers["location"] == f"/api/generate/status/{body['task_id']}"
    assert answer.headers["x-request-id"] == "abc-1"
    message = worker.take()
    assert (message.task, message.id, message.args) == ("tasks.workflows.removal", body["task_id"], [])
    assert message.headers["request_id"] == "abc-1"
    folder = settings.image_store_url.removeprefix("file://")  # type: ignore[union-attr]
    for data in (PHOTO, MASK):
        name = hashlib.sha256(data).hexdigest()
        assert (Path(folder) / "images" / name[:2] / name).read_bytes() == data


@pytest.mark.parametrize("mask_field", ["mask", "conditional_images"])
def test_a_form_asks_for_the_same_job_as_json(client: httpx.Client, worker: FakeWorker, mask_field: str) -> None:
    """Files of a form and fields as text make the same edit as base64 in JSON."""
    files = {"image": ("p.jpg", PHOTO), mask_field: ("m.png", MASK)}
    form = {"task_type": "removal", "seed": "7", "num_inference_steps": "4", "enable_debug": "true", "prompt": ""}
    one = client.post("/api/generate/async", files=files, data=form)
    other = submit(client, seed=7, num_inference_steps=4, enable_debug=True)
    assert one.status_code == 200, one.text
    edits = [worker.broker.hget(f"darkroom:job:{job}", "edit") for job in (one.json()["task_id"], other)]
    assert edits[0] == edits[1]


def test_images_are_accepted_as_data_urls_and_ids(client: httpx.Client, worker: FakeWorker) -> None:
    """A data URL, the id of an upload and base64 name the same image."""
    uploaded = client.post("/api/images", content=PHOTO, headers={"content-type": "image/jpeg"}).json()["image_id"]
    job = submit(client, input_image=uploaded, conditional_images=[f"data:image/png;base64,{text(MASK)}"])
    edit = json.loads(str(worker.broker.hget(f"darkroom:job:{job}", "edit")))
    assert edit["photo"] == uploaded


def test_the_status_tells_the_way_of_a_job(client: httpx.Client, worker: FakeWorker) -> None:
    """Status goes queued, preprocessing, processing, done, with place, steps and progress."""
    worker.announce("cpu", "image_utils")
    worker.announce("a100", "generation")
    first, job = submit(client), submit(client)

    def status() -> dict[str, object]:
        return dict(client.get(f"/api/generate/status/{job}").json())

    assert status()["status"] == "queued"
    assert status()["queue_position"] == 2
    worker.prepare(first)
    worker.prepare(job)
    assert status()["status"] == "preprocessing"
    token = worker.start(job)
    worker.step(token, 2)
    told = status()
    assert (told["status"], told["queue_position"], told["progress"]) == ("processing", None, 0.25)
    assert (told["current_step"], told["total_steps"], told["message"]) == (2, 4, "inpainting")
    worker.finish(token, RESULT)
    told = status()
    assert (told["status"], told["progress"], told["error"]) == ("done", 1.0, None)


def test_the_status_tells_of_a_pool_that_sleeps_or_loads(client: httpx.Client, worker: FakeWorker) -> None:
    """A job that waits for a machine says so, and is loading while all workers of its pool are."""
    job = submit(client)
    worker.prepare(job)
    assert "generation pool is asleep" in client.get(f"/api/generate/status/{job}").json()["loading_message"]
    worker.announce("a100", "generation", "loading")
    told = wait_for(
        lambda: (s := client.get(f"/api/generate/status/{job}").json())["status"] == "loading" and s, "loading"
    )
    assert told["loading_message"] == "The generation pool is starting; its workers load what they need."
    worker.announce("a100", "generation", "loading", message="Loading the text encoder (2 of 5)")
    wait_for(
        lambda: (
            client.get(f"/api/generate/status/{job}").json()["loading_message"]
            == "The generation pool is starting: Loading the text encoder (2 of 5)."
        ),
        "what is loaded",
    )


def test_the_status_names_the_latest_preview(client: httpx.Client, worker: FakeWorker) -> None:
    """An image of the work so far is told by its id and its address, and can be fetched there."""
    job = submit(client, preview_every=2)
    worker.prepare(job)
    token = worker.start(job)
    worker.step(token, 1)
    status = client.get(f"/api/generate/status/{job}").json()
    assert (status["preview_image_id"], status["preview_url"]) == (None, None)
    shown = worker.store.put(RESULT, durable=False).id
    worker.step(token, 2, preview=shown)
    status = client.get(f"/api/generate/status/{job}").json()
    assert status["preview_image_id"] == shown
    assert client.get(status["preview_url"]).content == RESULT


@pytest.mark.parametrize(
    ("asked", "steps", "scale"),
    [
        ({}, 40, 4.0),
        ({"preset": "quality", "num_inference_steps": None}, 40, 4.0),
        ({"preset": "fast"}, 4, 1.0),
        ({"preset": "fast", "num_inference_steps": 8}, 8, 1.0),
        ({"guidance_scale": 2.5}, 40, 2.5),
        ({"guidance_scale": 2.5, "true_cfg_scale": 3}, 40, 3.0),
    ],
)
def test_a_preset_fills_what_is_not_given(
    client: httpx.Client, worker: FakeWorker, asked: dict[str, object], steps: int, scale: float
) -> None:
    """The edit that is queued has the preset's steps and guidance, or the client's own; the schedule as asked for."""
    job = submit(client, scheduler_shift=3, preview_every=5, **asked)
    edit = json.loads(str(worker.broker.hget(f"darkroom:job:{job}", "edit")))
    assert (edit["num_inference_steps"], edit["true_cfg_scale"]) == (steps, scale)
    assert (edit["scheduler_shift"], edit["preview_every"]) == (3, 5)


def test_a_prompt_alone_is_an_image_where_the_engine_can(
    make_server: MakeServer, settings: GatewaySettings, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a generative model, text-to-image needs a prompt and nothing else; without a prompt it is refused."""
    generative = {"generation_engine": EngineName.QWEN}
    # A gateway's process has these settings twice, from one environment.
    monkeypatch.setattr("tasks.submission.settings", lambda: settings.model_copy(update=generative))
    with make_server(**generative) as client:
        answer = client.post("/api/generate/async", json={"prompt": "a boat", "preset": "fast"})
        assert answer.status_code == 200, answer.text
        message = worker.take()
        assert (message.task, message.id) == ("tasks.workflows.text_to_image", answer.json()["task_id"])
        nothing = client.post("/api/generate/async", json={})
        assert (nothing.status_code, nothing.json()["code"]) == (422, "parameter_invalid")
        assert "prompt" in nothing.json()["detail"]


def test_the_result_carries_the_engine_s_notes(client: httpx.Client, worker: FakeWorker) -> None:
    """What of a request had no effect is told in sentences."""
    job = submit(client)
    worker.prepare(job)
    worker.finish(worker.start(job), RESULT, notes=["guidance_scale has no effect."])
    assert client.get(f"/api/generate/result/{job}").json()["notes"] == ["guidance_scale has no effect."]


def test_a_sync_request_returns_the_result(client: httpx.Client, worker: FakeWorker) -> None:
    """POST /api/generate answers with the picture as soon as the job is done; the overhead is printed."""
    ended = 0.0

    def work() -> None:
        nonlocal ended
        worker.run_job(worker.take().id, RESULT)
        ended = time.perf_counter()

    with meanwhile(work):
        answer = client.post("/api/generate", json={**REMOVAL, "seed": 7})
        answered = time.perf_counter()
    body = answer.json()
    assert answer.status_code == 200, body
    assert base64.b64decode(body["image"]) == RESULT
    assert (body["model_used"], body["generation_time"], body["format"]) == ("opencv", 0.5, "png")
    assert body["parameters_used"]["seed"] == 7
    assert "debug_info" not in body
    print(f"\nsync answer {1000 * (answered - ended):.1f} ms after the job's end")  # noqa: T201 - a figure for the reader


def test_a_sync_request_past_the_limit_tells_where_to_look(make_server: MakeServer, worker: FakeWorker) -> None:
    """After the wait limit the answer is 202 with the job's place, and the job goes on."""
    with make_server(sync_wait_seconds=0.2) as client:
        answer = client.post("/api/generate", json=REMOVAL)
        assert answer.status_code == 202
        assert answer.headers["location"] == answer.json()["status_url"]
        assert client.get(answer.headers["location"]).json()["status"] == "queued"


def test_a_client_that_leaves_a_sync_request_cancels_its_job(server: Server, worker: FakeWorker) -> None:
    """The job of a closed connection is cancelled, and nobody waits for it any more."""
    with httpx.Client(base_url=server.url, timeout=0.5) as client, pytest.raises(httpx.ReadTimeout):
        client.post("/api/generate", json=REMOVAL)
    job = worker.take().id
    wait_for(lambda: worker.broker.hget(f"darkroom:job:{job}", "state") == "cancelled", "the cancel")
    wait_for(lambda: server.waiters() == 0, "the waiter to go")


def test_a_failed_job_answers_with_its_own_error(client: httpx.Client, worker: FakeWorker) -> None:
    """What the worker found wrong with the input is a 422 with the worker's code and sentence; a crash is a 500."""
    for code, expected in ((ErrorCode.MASK_EMPTY, 422), (ErrorCode.ENGINE_FAILED, 500)):
        job = submit(client)
        worker.prepare(job)
        worker.fail(worker.start(job), code, "A sentence.")
        answer = client.get(f"/api/generate/result/{job}")
        assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (expected, code, "A sentence.")
        status = client.get(f"/api/generate/status/{job}").json()
        assert (status["status"], status["error"], status["error_code"]) == ("error", "A sentence.", code)


def test_a_sync_request_of_a_failed_job_is_its_error(client: httpx.Client, worker: FakeWorker) -> None:
    """An error found while the client waits is the answer."""

    def work() -> None:
        job = worker.take().id
        worker.prepare(job)
        worker.fail(worker.start(job), ErrorCode.MASK_EMPTY, "The mask is empty.")

    with meanwhile(work):
        answer = client.post("/api/generate", json=REMOVAL)
    assert (answer.status_code, answer.json()["code"]) == (422, "mask_empty")


def test_results_exist_when_the_job_is_done(client: httpx.Client, worker: FakeWorker) -> None:
    """Before the end 409 result_not_ready; after it the picture, and its debug_info where it was asked for."""
    job = submit(client, enable_debug=True)
    for path in ("result", "result-image"):
        answer = client.get(f"/api/generate/{path}/{job}")
        assert (answer.status_code, answer.json()["code"]) == (409, "result_not_ready")
        assert "queued" in answer.json()["detail"]
    worker.prepare(job)
    worker.finish(worker.start(job), RESULT, debug_info={"conditions": {}})
    assert client.get(f"/api/generate/result/{job}").json()["debug_info"] == {"conditions": {}}


@pytest.mark.parametrize("stage", ["queued", "waiting", "processing"])
@pytest.mark.parametrize(("method", "path"), [("POST", "async/cancel/"), ("DELETE", "")])
def test_cancel_is_final_in_every_state(
    client: httpx.Client, worker: FakeWorker, stage: str, method: str, path: str
) -> None:
    """A cancelled job stays cancelled, whatever its worker does after it; a second cancel changes nothing."""
    job = submit(client)
    token = None
    if stage != "queued":
        worker.prepare(job)
    if stage == "processing":
        token = worker.start(job)
    for _ in range(2):
        answer = client.request(method, f"/api/generate/{path}{job}")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    if token is not None:
        worker.finish(token, RESULT)
    assert client.get(f"/api/generate/status/{job}").json()["status"] == "cancelled"
    answer = client.get(f"/api/generate/result/{job}")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_cancelled")


def test_cancelling_an_ended_job_leaves_it(client: httpx.Client, worker: FakeWorker) -> None:
    """A done job stays done."""
    job = submit(client)
    worker.run_job(job, RESULT)
    assert client.delete(f"/api/generate/{job}").json()["status"] == "done"


@pytest.mark.parametrize("path", ["status/", "result/", "result-image/", "stream/", "async/cancel/", ""])
def test_an_unknown_id_is_not_found(client: httpx.Client, path: str) -> None:
    """No route invents a job."""
    method = {"async/cancel/": "POST", "": "DELETE"}.get(path, "GET")
    answer = client.request(method, f"/api/generate/{path}no-such-job")
    assert (answer.status_code, answer.json()["code"]) == (404, "job_unknown")


def test_the_result_comes_in_the_format_that_the_client_likes(client: httpx.Client, worker: FakeWorker) -> None:
    """Accept with q-values picks the format; another one than stored is made once by the encode utility."""
    job = submit(client)
    worker.run_job(job, RESULT)
    path = f"/api/generate/result-image/{job}"
    plain = client.get(path)
    assert (plain.headers["content-type"], plain.content) == ("image/png", RESULT)
    assert plain.headers["vary"].split(", ")[0] == "Accept"
    assert plain.headers["cache-control"].startswith("private")
    webp = picture(colour="red", image_format="WEBP")

    def encode() -> None:
        while (message := worker.take()).task != "tasks.image_utils.encode":
            pass
        assert message.kwargs == {"format": "webp", "owner": "local"}
        worker.reply_with(message, webp)

    with meanwhile(encode):
        first = client.get(path, headers={"accept": "image/png;q=0.5, image/webp"})
    assert (first.headers["content-type"], first.content) == ("image/webp", webp)
    again = client.get(path, headers={"accept": "image/webp"})
    assert again.content == webp
    assert worker.queued() == 0
    known = client.get(path, headers={"accept": "image/webp", "if-none-match": first.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert first.headers["etag"] != plain.headers["etag"]
    refused = client.get(path, headers={"accept": "text/html"})
    assert (refused.status_code, refused.json()["code"]) == (406, "not_acceptable")


def test_a_full_queue_turns_requests_away(make_server: MakeServer, worker: FakeWorker) -> None:
    """At the limit the answer is 503 queue_full with Retry-After, and nothing is queued."""
    with make_server(max_waiting_jobs=1) as client:
        submit(client)
        queued = worker.queued()
        answer = wait_for(
            lambda: (a := client.post("/api/generate/async", json=REMOVAL)).status_code == 503 and a, "a full queue"
        )
        assert answer.json()["code"] == "queue_full"
        assert int(answer.headers["retry-after"]) >= 1
        assert worker.queued() >= queued


def test_many_sync_waits_leave_no_waiter(server: Server, worker: FakeWorker) -> None:
    """40 requests that wait at once are all answered by one listener, and none is left registered."""
    answers: list[int] = []

    def ask() -> None:
        answers.append(httpx.post(f"{server.url}/api/generate", json=REMOVAL, timeout=30).status_code)

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for thread in threads:
        thread.start()
    for _ in threads:
        worker.run_job(worker.take(Queue.IMAGE_UTILS).id, RESULT)
    for thread in threads:
        thread.join(30)
    assert answers == [200] * 40
    assert server.waiters() == 0
