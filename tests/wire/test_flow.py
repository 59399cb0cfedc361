"""Every kind of work over TLS, each process with its own user; nothing is refused that is needed."""

import json
from typing import Any

import httpx

from darkroom.acl import Server
from tests.lab import wait_for
from tests.tasks import pictures
from tests.wire.conftest import LOGIN, Darkroom


def form(**images: str) -> dict[str, tuple[str, bytes]]:
    """Files of tests/data as fields of a form."""
    return {name: (image, pictures.sample(image)) for name, image in images.items()}


REMOVAL = {"input_image": "launch-pad.jpg", "mask": "removal-mask.png"}


def submit(http: httpx.Client, **fields: Any) -> str:
    """Submit a removal and return its id."""
    answer = http.post("/api/generate/async", data={"task_type": "removal", **fields}, files=form(**REMOVAL))
    assert answer.is_success, answer.text
    return str(answer.json()["task_id"])


def statuses(http: httpx.Client, job_id: str) -> list[str]:
    """Follow a job's stream to its end and return the states."""
    with http.stream("GET", f"/api/generate/stream/{job_id}") as answer:
        return [json.loads(line[5:])["status"] for line in answer.iter_lines() if line.startswith("data:")]


def test_every_kind_of_work_is_done(darkroom: Darkroom, http: httpx.Client) -> None:
    """Edits, utilities, masks, cancels, streams, pictures and Flower work, and no server has refused anything."""
    job_id = submit(http)
    assert statuses(http, job_id)[-1] == "done"
    assert http.get(f"/api/generate/status/{job_id}").json()["status"] == "done"
    assert http.get(f"/api/generate/result/{job_id}").is_success
    picture = http.get(f"/api/generate/result-image/{job_id}", headers={"Accept": "image/webp"})
    assert picture.headers["Content-Type"] == "image/webp"

    cancelled = submit(http)
    assert http.delete(f"/api/generate/{cancelled}").json()["status"] == "cancelled"

    insertion = {
        **form(input_image="launch-pad.jpg", mask="insertion-mask.png"),
        **form(reference_image="astronaut.jpg", reference_mask="shuttle-mask.png"),
    }
    assert http.post("/api/generate", data={"task_type": "insertion"}, files=insertion).is_success
    photo = form(image="coffee.jpg")
    resized = http.post("/api/image-utils/resize", params={"width": 64}, files=photo)
    assert resized.is_success, resized.text
    clicked = http.post("/api/smart-mask", data={"points": "300,150", "request_id": "one"}, files=photo)
    assert clicked.is_success, clicked.text
    assert http.post("/api/smart-mask/cancel/one").is_success
    assert http.post("/api/smart-mask/detect", files=photo).is_success
    uploaded = http.post("/api/images", files=form(image="coffee.jpg"))
    assert http.get(f"/api/images/{uploaded.json()['image_id']}").is_success

    wait_for(lambda: "expire_images" in darkroom.workers["jobs"].log.read_text(), "housekeeping")
    wait_for(lambda: job_id in flower(darkroom, "/api/tasks").text, "Flower to have seen the job")
    assert [refused for server in Server for refused in darkroom.wire.refusals(server)] == []


def flower(darkroom: Darkroom, path: str) -> httpx.Response:
    """Ask Flower with its login."""
    user, _, password = LOGIN.partition(":")
    return httpx.get(f"{darkroom.flower}{path}", auth=(user, password))
