"""Every kind of work over TLS, each process with its own user; nothing is refused that is needed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from darkroom.acl import Server
from tasks import ledger
from tasks.jobs import Edit, Operation
from tasks.store import LOCAL_OWNER
from tests.lab import wait_for
from tests.tasks import pictures
from tests.wire.conftest import LOGIN, Darkroom, nothing_needed_was_refused

ROOT = Path(__file__).parents[2]


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

    token = http.post("/api/tokens", json={"path": f"/api/generate/result-image/{job_id}"}).json()
    assert httpx.get(f"{darkroom.gateway}{token['url']}").is_success

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

    lost = lose(darkroom, uploaded.json()["image_id"])
    assert statuses(http, lost)[-1] == "done"

    wait_for(lambda: "expire_images" in darkroom.workers["jobs"].log.read_text(), "housekeeping")
    wait_for(lambda: job_id in flower(darkroom, "/api/tasks").text, "Flower to have seen the job")
    nothing_needed_was_refused(darkroom.wire)


def test_figures_are_for_the_gateway_s_user(darkroom: Darkroom, http: httpx.Client) -> None:
    """/metrics, the probes and `darkroom top` need no more than gateways may; workers' own counts have arrived."""
    assert http.post("/api/image-utils/resize", params={"width": 64}, files=form(image="coffee.jpg")).is_success
    told = 'darkroom_tasks_total{outcome="success",pool="cpu"'
    wait_for(lambda: told in http.get("/metrics").text, "a pool child's count")
    assert "darkroom_broker_up 1.0" in http.get("/metrics").text
    assert httpx.get(f"{darkroom.gateway}/api/health/ready").is_success
    environment = {**os.environ, **darkroom.wire.environment("gateway"), "PYTHONPATH": str(ROOT)}
    top = subprocess.run(
        [sys.executable, "-m", "darkroom", "top", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert top.returncode == 0, top.stderr
    assert {pool["workers"] for pool in json.loads(top.stdout)["pools"]} == {1}
    nothing_needed_was_refused(darkroom.wire)


def lose(darkroom: Darkroom, photo: str) -> str:
    """Record a job whose message is nowhere, as the sweeper finds it, and return its id."""
    book = ledger.connect(darkroom.wire.url(Server.BROKER, "gateway"))
    job_id = ledger.new_job_id()
    edit = Edit(operation=Operation.WHITE_BALANCE, photo=photo)
    book.apply(ledger.submit(job_id, edit, owner=LOCAL_OWNER))
    book.client.close()
    return job_id


CLIENT = """
from tasks import Edit, Operation, put_image, submit
from tasks.image_utils import canny

photo = put_image("coffee.jpg")
job = submit(Edit(operation=Operation.WHITE_BALANCE, photo=photo))
edges = canny.delay(photo)
assert [event.state for event in job.events()][-1] == "done"
assert job.image(timeout=30)
assert edges.get(timeout=30)["image_id"]
"""


def test_a_python_client_has_a_user_of_its_own(darkroom: Darkroom, tmp_path: Path) -> None:
    """With the rights of `client` a script submits, follows and reads an edit, and calls a utility."""
    (tmp_path / "coffee.jpg").write_bytes(pictures.sample("coffee.jpg"))
    environment = {**os.environ, **darkroom.wire.environment("client"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", CLIENT], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def flower(darkroom: Darkroom, path: str) -> httpx.Response:
    """Ask Flower with its login."""
    user, _, password = LOGIN.partition(":")
    return httpx.get(f"{darkroom.flower}{path}", auth=(user, password))
