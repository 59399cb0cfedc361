"""Webhooks over HTTP: what is accepted with a job, and the secrets."""

from ipaddress import ip_network

import httpx
import pytest

from tests.api.conftest import MakeServer
from tests.api.pictures import mask, picture, text
from tests.api.workers import FakeWorker

REMOVAL = {"task_type": "removal", "input_image": text(picture()), "conditional_images": [text(mask())]}
URL = "https://receiver.example.org/hook"


@pytest.mark.parametrize("body", ["json", "form"])
def test_a_job_keeps_its_webhook(client: httpx.Client, worker: FakeWorker, body: str) -> None:
    """It is in the job's record, and no part of the edit: with it or without, the picture is the same."""
    if body == "json":
        answer = client.post("/api/generate/async", json={**REMOVAL, "seed": 7, "webhook_url": URL})
    else:
        files = {"image": ("p.jpg", picture()), "mask": ("m.png", mask())}
        form = {"task_type": "removal", "seed": "7", "webhook_url": URL}
        answer = client.post("/api/generate/async", files=files, data=form)
    assert answer.status_code == 200, answer.text
    record = worker.broker.hgetall(f"darkroom:job:{answer.json()['task_id']}")
    assert record["webhook"] == URL
    assert URL not in record["edit"]


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://example.org/",
            "https://localhost/",
            "https://127.1/",
            "https://[::1]/",
            "https://me:pw@example.org/",
        ),
        *("https://2852039166/latest/meta-data/", "https://receiver/", "https://example.org:25/", "nonsense", ""),
        "https://example.org/" + "a" * 2000,
    ],
)
@pytest.mark.parametrize("route", ["/api/generate", "/api/generate/async"])
def test_an_address_that_must_not_be_reached_is_refused(
    client: httpx.Client, worker: FakeWorker, route: str, url: str
) -> None:
    """With the field's name, before anything is stored or queued, also where the answer is waited for."""
    answer = client.post(route, json={**REMOVAL, "webhook_url": url})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "webhook_refused")
    assert [error["field"] for error in problem["errors"]] == ["webhook_url"]
    assert worker.queued() == 0


def test_a_webhook_is_a_text(client: httpx.Client) -> None:
    """Another type is an invalid parameter like any other."""
    answer = client.post("/api/generate/async", json={**REMOVAL, "webhook_url": [URL]})
    assert (answer.status_code, answer.json()["code"]) == (422, "parameter_invalid")


def test_an_operator_can_allow_networks(make_server: MakeServer) -> None:
    """Receivers inside are named by address or by name; what lies beside the network stays refused."""
    with make_server(webhook_networks=(ip_network("10.1.0.0/16"),)) as client:
        for url, status in (("http://10.1.0.5:8080/", 200), ("http://receiver/", 200), ("http://10.2.0.5/", 422)):
            assert client.post("/api/generate/async", json={**REMOVAL, "webhook_url": url}).status_code == status


def test_the_secret_is_told_and_rotated(client: httpx.Client) -> None:
    """It stays the same until it is rotated; then the old one is told too, as it still signs; nothing is cached."""
    first = client.get("/api/webhooks/secret")
    assert first.headers["cache-control"] == "no-store"
    assert first.json() == client.get("/api/webhooks/secret").json()
    assert first.json()["older"] == []
    rotated = client.post("/api/webhooks/secret/rotate")
    assert rotated.headers["cache-control"] == "no-store"
    assert [older["secret"] for older in rotated.json()["older"]] == [first.json()["secret"]]
    assert rotated.json()["secret"] != first.json()["secret"]
    assert rotated.json() == client.get("/api/webhooks/secret").json()
