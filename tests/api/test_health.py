"""How Darkroom is, with workers played by their announcements."""

import json
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.sweeper import note_oldest
from tests.api.conftest import MakeServer
from tests.api.pictures import mask, picture, text
from tests.api.test_generate import submit
from tests.api.workers import FakeWorker
from tests.lab import wait_for


def services(client: httpx.Client) -> dict[str, str]:
    """Return the state of each service."""
    return {name: each["status"] for name, each in client.get("/api/system/health").json()["services"].items()}


def test_sleep_is_no_error_but_a_missing_job_manager_is(client: httpx.Client) -> None:
    """Pools that may sleep are asleep; the always-on one is down, which degrades the whole."""
    body = client.get("/api/system/health").json()
    assert body["status"] == "degraded"
    assert services(client) == {
        "generation": "asleep",
        "segmentation": "asleep",
        "image_utils": "asleep",
        "job_manager": "down",
    }


@pytest.mark.parametrize(
    ("state", "health"),
    [
        ("starting", "starting"),
        ("loading", "starting"),
        ("ready", "healthy"),
        ("busy", "healthy"),
        ("draining", "degraded"),
    ],
)
def test_a_service_is_what_its_workers_are(client: httpx.Client, worker: FakeWorker, state: str, health: str) -> None:
    """Each state of a worker shows; the whole is degraded only where a service is."""
    worker.announce("jobs", "job_manager")
    worker.announce("a100", "generation", state)
    body = client.get("/api/system/health").json()
    assert body["services"]["generation"]["status"] == health
    assert body["services"]["generation"]["workers"][0]["state"] == state
    assert body["status"] == ("degraded" if health == "degraded" else "healthy")


def test_a_service_tells_its_engines_and_what_it_loads(client: httpx.Client, worker: FakeWorker) -> None:
    """While workers load, the service says what; the names of its engines are there from the beginning."""
    worker.announce("t4", "segmentation", "loading", engine="fastsam", message="Loading FastSAM.")
    told = client.get("/api/system/health").json()["services"]
    assert (told["segmentation"]["status"], told["segmentation"]["engines"]) == ("starting", ["fastsam"])
    assert told["segmentation"]["message"] == "Loading FastSAM"
    assert (told["generation"]["engines"], told["generation"]["message"]) == ([], None)


def test_queues_show_their_depth_and_age(client: httpx.Client, worker: FakeWorker) -> None:
    """Jobs that wait for generation count there, their messages where they lie; both pools have to work on them."""
    submit(client)
    submit(client)
    told = wait_for(
        lambda: (b := client.get("/api/system/health").json())["open_jobs"] == 2 and b["services"], "two jobs"
    )
    assert told["generation"]["queue_depth"] == 2
    assert told["generation"]["oldest_job_seconds"] > 0
    assert told["image_utils"]["queue_depth"] == 2
    assert [told[name]["open_jobs"] for name in ("generation", "image_utils", "segmentation")] == [2, 2, 0]


def test_a_service_counts_its_workers_and_what_they_do(client: httpx.Client, worker: FakeWorker) -> None:
    """States, slots and tasks in flight are joined from what each worker announces."""
    worker.announce("a100", "generation", "busy", 1)
    worker.announce("t4", "segmentation", "loading", slots=8)
    told = client.get("/api/system/health").json()["services"]
    assert {name: (each["states"], each["slots"], each["in_flight"]) for name, each in told.items()} == {
        "generation": ({"busy": 1}, 1, 1),
        "segmentation": ({"loading": 1}, 8, 0),
        "image_utils": ({}, 0, 0),
        "job_manager": ({}, 0, 0),
    }


def test_the_age_of_a_queue_is_its_oldest_message_s(client: httpx.Client, worker: FakeWorker) -> None:
    """Messages that are no jobs count too; one that says nothing of its age, or cannot be read, ages nobody.

    The sweeper looks, as gateways may not read messages; what it noted of a queue that is empty by now does not count.
    """
    broker = worker.broker
    old = json.dumps({"body": json.dumps({"enqueued_at": 5}), "headers": {"enqueued_at": time.time() - 100}})
    young = json.dumps({"headers": {"enqueued_at": time.time() - 10}})
    broker.lpush("segmentation", old, young)
    broker.lpush("segmentation\x06\x166", young)
    broker.lpush("image-utils", "no message", "x" * 20_000)
    broker.lpush("jobs", old)
    note_oldest(worker.ledger)
    broker.delete("jobs")
    told = client.get("/api/system/health").json()["services"]
    assert 100 <= told["segmentation"]["oldest_job_seconds"] < 130
    assert [told[name]["oldest_job_seconds"] for name in ("image_utils", "job_manager")] == [0, 0]


def test_a_gateway_is_ready_while_all_pools_sleep(client: httpx.Client) -> None:
    """It lives and can serve: broker and store answer, and what has to be started is started."""
    for probe in ("live", "ready"):
        answer = client.get(f"/api/health/{probe}")
        assert (answer.status_code, answer.json()) == (200, {"status": "healthy"})


@pytest.mark.parametrize("broker_is", ["away", "mute"])
def test_a_gateway_without_broker_lives_but_is_not_ready(make_server: MakeServer, broker_is: str) -> None:
    """Nobody has to end it, and nobody should send it requests: 503 with Retry-After within 3 s."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1] if broker_is == "mute" else 1
        with make_server(redis_url=f"redis://127.0.0.1:{port}/0") as client:
            require_not_ready(client, "broker_unavailable")
            assert client.get("/api/health/live").is_success


def test_a_gateway_without_its_images_is_not_ready(make_server: MakeServer, tmp_path: Path) -> None:
    """A folder that is gone, as its disk was unmounted, is noticed within seconds, and its return too."""
    folder = tmp_path / "images"
    with make_server(image_store_url=folder.as_uri()) as client:
        assert client.get("/api/health/ready").is_success
        folder.rename(tmp_path / "elsewhere")
        wait_for(lambda: client.get("/api/health/ready").is_error, "the look", 10)
        require_not_ready(client, "store_unavailable")
        assert client.get("/api/health/live").is_success
        (tmp_path / "elsewhere").rename(folder)
        wait_for(lambda: client.get("/api/health/ready").is_success, "the next look", 10)


def test_a_store_that_never_answers_holds_nobody_up(make_server: MakeServer) -> None:
    """A load balancer that asks a gateway whose store is silent is told so within 3 s, as often as it asks."""
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{mute.getsockname()[1]}")
        patch.setenv("AWS_ACCESS_KEY_ID", "x")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        with make_server(image_store_url="s3://images/", store_answer_seconds=4) as client:
            for _ in range(2):
                require_not_ready(client, "store_unavailable")


def require_not_ready(client: httpx.Client, code: str) -> None:
    """Fail unless a gateway says in time that it cannot serve."""
    answer = client.get("/api/health/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert int(answer.headers["retry-after"]) > 0
    assert answer.elapsed.total_seconds() < 3


def test_health_tells_of_the_model(client: httpx.Client, worker: FakeWorker) -> None:
    """model_loaded is whether a generation worker is ready."""
    assert client.get("/api/health").json() == {
        "status": "healthy",
        "model_loaded": False,
        "device": "asleep",
        "device_info": {"engine": None, "workers": 0, "slots": 0},
    }
    worker.announce("a100", "generation", "ready")
    told = wait_for(lambda: (b := client.get("/api/health").json())["model_loaded"] and b, "a model")
    assert told["device_info"]["engine"] == "opencv"


@pytest.mark.parametrize("broker_is", ["away", "mute"])
def test_a_gateway_without_broker_lives_and_says_so(make_server: MakeServer, broker_is: str) -> None:
    """Every route that needs a broker that is gone or mute is 503 with Retry-After within 3 s; liveness answers 200."""
    edit = {"task_type": "removal", "input_image": text(picture()), "conditional_images": [text(mask())]}
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1] if broker_is == "mute" else 1
        check_without_broker(make_server, f"redis://127.0.0.1:{port}/0", edit)


def check_without_broker(make_server: MakeServer, url: str, edit: dict[str, Any]) -> None:
    """Ask every route that needs the broker at this address."""
    with make_server(redis_url=url) as client:
        for method, path, body in (
            ("GET", "/api/system/health", None),
            ("POST", "/api/generate", edit),
            ("POST", "/api/generate/async", edit),
            ("GET", "/api/generate/status/x", None),
            ("GET", "/api/generate/result/x", None),
            ("GET", "/api/generate/result-image/x", None),
            ("GET", "/api/generate/stream/x", None),
            ("DELETE", "/api/generate/x", None),
            ("POST", "/api/image-utils/canny", {"image": edit["input_image"]}),
            ("POST", "/api/smart-mask/detect", {"image": edit["input_image"]}),
            ("POST", "/api/smart-mask/cancel/x", None),
        ):
            answer = client.request(method, path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable"), path
            assert int(answer.headers["retry-after"]) > 0
            assert answer.elapsed.total_seconds() < 3
        assert client.get("/api/health").json()["status"] == "degraded"


def test_a_gateway_without_store_says_so(make_server: MakeServer) -> None:
    """Nobody told where images are: 503 store_unavailable, and it works once a worker tells."""
    with make_server(image_cache_url=None, image_store_url=None) as client:
        answer = client.post("/api/images", content=picture(), headers={"content-type": "image/jpeg"})
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")


def test_cors_and_request_ids(client: httpx.Client) -> None:
    """The frontend's origin may call and read, another may not; an id that could break a log line is replaced."""
    allowed = client.get("/api/health", headers={"origin": "http://localhost:3000", "x-request-id": "r-1"})
    assert allowed.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert allowed.headers["x-request-id"] == "r-1"
    other = client.get("/test/broken", headers={"origin": "http://elsewhere.example", "x-request-id": "a b"})
    assert "access-control-allow-origin" not in other.headers
    assert " " not in other.headers["x-request-id"]
    error = client.get("/test/broken", headers={"origin": "http://localhost:3000"})
    assert error.headers["access-control-allow-origin"] == "http://localhost:3000"


def test_an_outage_that_is_known_is_told_at_once(make_server: MakeServer) -> None:
    """Once the broker is known to be away nobody waits for another time-out."""
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        make_server(redis_url=f"redis://127.0.0.1:{mute.getsockname()[1]}/0", outage_seconds=0.01) as client,
    ):
        answer = client.get("/api/generate/status/x")
        assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
        assert answer.elapsed.total_seconds() < 1
