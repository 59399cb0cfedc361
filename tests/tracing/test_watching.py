"""What is seen of a running Darkroom from outside: its log lines, its traces, and Flower behind a prefix."""

import re
import signal
import time
from html import unescape
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx

from tasks.jobs import Operation, State
from tests import lab
from tests.chaos.engine import Fault, Script
from tests.chaos.worker import PART_TRAPS, Harm
from tests.collector import Span
from tests.receivers import raw_server, receiver
from tests.tasks import pictures
from tests.tracing.conftest import LOGIN, SECRET, Line, Watched, encoded

BODY = "generation.generate"
EXPORT_SECONDS = 60
"""What the exporter is given to send a batch to a silent collector. OpenTelemetry would wait for it at the end of a
process, for 30 s."""


def of(lines: list[Line], event: str) -> list[str]:
    """The tasks that lines about an event are about."""
    return sorted(line["task"].removeprefix("tasks.") for line in lines if line["event"] == event)


def test_every_line_of_a_job_has_its_ids(watched: Watched) -> None:
    """Gateway, opening task, each part, body and webhook say the request's id and the job's; each outcome once."""
    with receiver() as hook:
        job_id, request_id = watched.submit("removal", webhook_url=hook.url())
        watched.until("task.done", job_id=job_id, task="tasks.webhooks.deliver")
        watched.until("http.request", request_id=request_id)
    lines = watched.lines(job_id=job_id)
    assert {line["request_id"] for line in lines} == {request_id}
    assert of(lines, "task.done") == [
        *("generation.generate", "image_utils.mae", "image_utils.masked_background"),
        *("webhooks.deliver", "workflows.removal"),
    ]
    events = [line["event"] for line in lines]
    assert {"job.accepted", "http.request", "webhook.attempted"} <= set(events)
    assert [event for event in events if event in {"job.done", "job.failed", "job.cancelled"}] == ["job.done"]
    for line in lines:
        if line["event"] == "task.done":
            assert 0 <= line["seconds"] < 60
            assert 0 <= line["queued_seconds"] < 60
    (ended,) = watched.lines(event="job.done", job_id=job_id)
    assert ended["operation"] == "removal"
    assert ended["attempts"] == 1
    assert list(ended["stages"]) == ["load", "edit", "encode", "store"]
    assert 0 < ended["seconds"] < 60


def test_the_ids_survive_a_killed_worker(watched: Watched) -> None:
    """The body that the sweeper sends again, and what it does, say the same ids; the job ends once."""
    job_id, request_id = watched.submit(
        "removal", script=Script(label=f"{SECRET}-{uuid4()}", fault=Fault.KILL, times=1)
    )
    watched.until("job.done", job_id=job_id)
    (swept,) = watched.until("job.swept", job_id=job_id)
    assert swept["request_id"] == request_id
    started = watched.lines(event="task.received", task="tasks.generation.generate", task_id=job_id)
    assert [line["request_id"] for line in started] == [request_id] * 2
    assert {line["request_id"] for line in watched.lines(job_id=job_id)} == {request_id}
    (ended,) = watched.lines(event="job.done", job_id=job_id)
    assert ended["attempts"] == 2


def test_the_ids_survive_a_killed_child(watched: Watched) -> None:
    """A part that Celery sends again, as its process died, says the same ids; the job fails once, with its code."""
    job_id, request_id = watched.submit("white-balance", PART_TRAPS + Harm.KILL)
    (failed,) = watched.until("job.failed", job_id=job_id)
    assert (failed["code"], failed["request_id"]) == ("worker_lost", request_id)
    parts = watched.lines(event="task.received", task="tasks.image_utils.canny", request_id=request_id)
    assert len(parts) >= 3
    assert {line["request_id"] for line in watched.lines(job_id=job_id)} == {request_id}
    assert len(watched.lines(event="job.failed", job_id=job_id)) == 1


def test_a_utility_has_its_requests_id(watched: Watched) -> None:
    """The gateway's line about a utility, or its error, and the worker's line say the same id."""
    photo = pictures.encoded(pictures.photo(64, 64))
    answer = post(watched, "resize?width=32", photo)
    failed = post(watched, "encode?format=jpeg&max_bytes=100", photo)
    assert (answer.status_code, failed.status_code) == (200, 422)
    (done,) = watched.until("task.done", request_id=answer.headers["X-Request-ID"])
    (error,) = watched.until("task.failed", request_id=failed.headers["X-Request-ID"])
    assert (done["task"], error["task"]) == ("tasks.image_utils.resize", "tasks.image_utils.encode")
    assert error["code"] == failed.json()["code"]
    (request,) = watched.until("http.request", request_id=failed.headers["X-Request-ID"])
    assert request["code"] == error["code"]


def test_a_cancelled_job_says_so_once(watched: Watched) -> None:
    """A job that is cancelled while it runs has one line about its end, with its own request's id, not the cancel's."""
    job_id, request_id = watched.submit("removal", script=Script(label=SECRET, steps=3, seconds=1.5))
    watched.stand.until(job_id, State.PROCESSING, step=1)
    for _ in range(2):
        cancelled = watched.gateway.http.delete(f"/api/generate/{job_id}")
        assert cancelled.headers["X-Request-ID"] != request_id
    (lost,) = watched.until("lease.lost", job_id=job_id)  # by the thread that keeps the lease, within the step
    assert lost["request_id"] == request_id
    watched.until("task.put_down", job_id=job_id)
    (line,) = watched.lines(event="job.cancelled", job_id=job_id)
    assert line["request_id"] == request_id
    assert watched.lines(event="job.done", job_id=job_id) == []


def post(watched: Watched, path: str, photo: bytes) -> httpx.Response:
    """Send a photo to a utility."""
    headers = {"Content-Type": "image/png", "Accept": "image/*"}
    return watched.gateway.http.post(f"/api/image-utils/{path}", content=photo, headers=headers)


def trace_of(watched: Watched, job_id: str, bodies: int = 1) -> list[Span]:
    """Wait until a job's trace has so many bodies and its request; return its spans in the order of their starts."""

    def complete() -> list[Span] | None:
        spans = watched.collector.of_job(job_id)
        names = [span.name for span in spans]
        return spans if names.count(BODY) >= bodies and "submit" in names and any("POST" in n for n in names) else None

    return sorted(lab.wait_for(complete, "the trace"), key=lambda span: span.start)


def named(spans: list[Span], name: str) -> list[Span]:
    """The spans of a name."""
    return [span for span in spans if span.name == name]


def test_a_job_is_one_trace(watched: Watched) -> None:
    """Request, submit, opening, parts, waits, the body with its stages and the webhook are one trace, each in place."""
    with receiver() as hook:
        job_id, request_id = watched.submit("removal", webhook_url=hook.url())
        lab.wait_for(lambda: named(watched.collector.of_job(job_id), "webhooks.deliver"), "the webhook's span")
    spans = trace_of(watched, job_id)
    assert len({span.trace_id for span in spans}) == 1
    (request,) = named(spans, "POST /api/generate/async")
    assert (request.service, request.parent) == ("darkroom-gateway", "")
    assert request.attributes["darkroom.request_id"] == request_id
    tasks = ["workflows.removal", "image_utils.mae", "image_utils.masked_background", BODY, "webhooks.deliver"]
    waits = ["queue image-utils"] * 3 + ["queue generation", "queue jobs"]
    assert sorted(span.name for span in spans if span.parent == request.id) == sorted([*tasks, *waits, "submit"])
    (body,) = named(spans, BODY)
    assert body.service == "darkroom-a100"
    stages = [span for span in spans if span.parent == body.id]
    assert [span.name for span in stages] == ["load", "edit", "encode", "store"]
    assert all(before.end <= after.start for before, after in pairwise(stages))
    assert all(body.start <= stage.start <= stage.end <= body.end for stage in stages)
    assert stages[1].events == ("step",) * 4
    assert body.attributes.items() >= {
        ("darkroom.operation", "removal"), ("darkroom.attempt", 1), ("darkroom.engine", "qwen"),
        ("darkroom.width", 64), ("darkroom.height", 64), ("messaging.destination.name", "generation"),
    }  # fmt: skip
    (mae,) = named(spans, "image_utils.mae")
    assert mae.attributes.items() >= {("darkroom.role", "mae"), ("darkroom.job_id", job_id)}
    assert not any(span.failed for span in spans)


def test_a_redone_job_is_one_trace(watched: Watched) -> None:
    """What the sweeper has sent again, from the job's record, is in the job's trace as its second attempt."""
    job_id, _ = watched.submit("white-balance", script=Script(label=f"{SECRET}-{uuid4()}", fault=Fault.KILL, times=1))
    spans = trace_of(watched, job_id)
    assert len({span.trace_id for span in spans}) == 1
    # The first one died with its process; of a message that comes twice, the second finds the job taken.
    (body,) = [span for span in named(spans, BODY) if "darkroom.operation" in span.attributes]
    assert body.attributes["darkroom.attempt"] == 2


def test_a_job_of_a_python_client_is_one_trace(watched: Watched) -> None:
    """A job that came without a trace gets one of its own, the same for its opening, its parts and its body."""
    job_id = watched.stand.submit(operation=Operation.REMOVAL)
    lab.wait_for(lambda: named(watched.collector.of_job(job_id), BODY), "the body")
    names = {span.name for span in watched.collector.of_job(job_id)}
    assert {"workflows.removal", "image_utils.mae", "image_utils.masked_background", BODY} <= names
    assert len({span.trace_id for span in watched.collector.of_job(job_id)}) == 1


def test_a_utility_is_one_trace_with_the_clients(watched: Watched) -> None:
    """A client's own traceparent is taken up, and its log lines say the trace; what follows a ? is not sent."""
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
    answer = watched.gateway.http.post(
        "/api/image-utils/encode?format=jpeg&max_bytes=100",
        content=pictures.encoded(pictures.photo(64, 64)),
        headers={"Content-Type": "image/png", **headers},
    )
    watched.gateway.http.get("/api/generate/status/none?token=a.signed.token", headers=headers)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY

    def spans() -> list[Span]:
        return [span for span in watched.collector.spans if span.trace_id == trace_id]

    lab.wait_for(lambda: len(spans()) >= 4, "two requests, a wait and a task")
    assert {span.name for span in spans()} == {
        *("POST /api/image-utils/encode", "queue image-utils", "image_utils.encode"),
        "GET /api/generate/status/{job_id}",
    }
    (task,) = named(spans(), "image_utils.encode")
    assert task.failed
    assert task.attributes["error.type"] == answer.json()["code"]
    (line,) = watched.until("task.failed", request_id=answer.headers["X-Request-ID"])
    assert line["trace_id"] == trace_id
    assert b"a.signed.token" not in b"".join(watched.collector.raw)


def rows(watched: Watched) -> dict[str, dict[str, Any]]:
    """What Flower's table of tasks is made from, by task."""
    tasks: dict[str, dict[str, Any]] = watched.flower.get("/flower/api/tasks").raise_for_status().json()
    return tasks


def row(watched: Watched, task_id: str, state: str) -> dict[str, Any]:
    """Wait until Flower shows a task in a state."""

    def shown() -> dict[str, Any] | None:
        task = rows(watched).get(task_id, {})
        return task if task.get("state") == state else None

    return lab.wait_for(shown, f"{task_id} as {state}")


def test_flower_shows_a_job_and_its_parts(watched: Watched) -> None:
    """A job is a row with its id, that ends with its body; its parts say which job they are for, and as what."""
    job_id, _ = watched.submit("removal")
    job = row(watched, job_id, "SUCCESS")
    assert (job["name"], job["args"], job["kwargs"]) == ("tasks.generation.generate", f"removal {job_id}", "")
    assert job["runtime"] > 0
    parts = (task["args"] for task_id, task in rows(watched).items() if task_id != job_id)
    named = [args.split()[:2] for args in parts if job_id in args]
    assert sorted(named) == [["mae", job_id], ["masked_background", job_id]]


def test_flower_shows_how_a_job_ended_that_no_body_ended(watched: Watched) -> None:
    """A job whose part fails, and one that is cancelled before its body, do not run for ever."""
    failed, _ = watched.submit("white-balance", PART_TRAPS + Harm.MEMORY)
    assert row(watched, failed, "FAILURE")["exception"] == "out_of_memory"
    busy, _ = watched.submit("removal", script=Script(label=SECRET, steps=200, seconds=0.05))
    watched.stand.until(busy, State.PROCESSING, step=1)
    waiting, _ = watched.submit("removal")  # not before: it could overtake the other one, and be done
    for job_id in (waiting, busy):
        watched.gateway.http.delete(f"/api/generate/{job_id}").raise_for_status()
    row(watched, busy, "REVOKED")
    row(watched, waiting, "REVOKED")


def test_flower_shows_a_utility_by_its_options(watched: Watched) -> None:
    """An image is a short id, an option its value."""
    post(watched, "resize?width=48", pictures.encoded(pictures.photo(64, 64)))
    found = lab.wait_for(lambda: [each for each in rows(watched).values() if "width=48" in each["kwargs"]], "a resize")
    assert re.fullmatch(r"[0-9a-f]{12}…", found[0]["args"])
    assert "owner=local" in found[0]["kwargs"]


def test_flower_works_below_its_prefix(watched: Watched) -> None:
    """Every page, what each page loads and links to, and the table's data are below the prefix; health is beside it."""
    http = watched.flower
    home = http.get("/flower")
    assert (home.status_code, home.headers["Location"]) == (302, "/flower/")
    job_id, _ = watched.submit("removal")
    row(watched, job_id, "SUCCESS")
    for page in ("/", "/workers", "/tasks", "/broker", f"/task/{job_id}"):
        text = http.get(f"/flower{page}").raise_for_status().text
        links = {unescape(link) for link in re.findall(r"(?:src|href)=\"(/[^\"]*)\"", text)}
        assert any("/static/" in link for link in links)
        for link in links:
            assert link.startswith("/flower/"), f"{page} leads to {link}"
            assert http.get(link).status_code in {200, 302}, f"{page} loads {link}"
    table = {
        "draw": 1,
        "start": 0,
        "length": 10,
        "search[value]": job_id,
        "order[0][column]": 0,
        "order[0][dir]": "asc",
    }
    found = http.get("/flower/tasks/datatable", params={**table, "columns[0][data]": "name"}).json()
    assert found["recordsFiltered"] == 3, "the job and its two parts"
    url = str(http.base_url)
    assert httpx.get(f"{url}/healthcheck").text == httpx.get(f"{url}/flower/healthcheck").text == "OK"
    assert {httpx.get(f"{url}{path}").status_code for path in ("/flower/", "/flower/tasks", "/flower/metrics")} == {401}
    asked = http.post("/flower/api/task/revoke/1")
    assert asked.status_code == 403


def test_a_collector_that_never_answers_costs_nothing(watched: Watched) -> None:
    """With a collector that takes every connection and says nothing, requests and tasks go on, and a worker ends."""
    with raw_server(lambda connection: connection.recv(1)) as port:
        silent = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_TIMEOUT": str(EXPORT_SECONDS),
            "OTEL_BSP_MAX_QUEUE_SIZE": "4",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4",
        }
        worker = watched.stand.start("t4", **silent)
        gateway = watched.stand.gateway(**silent)
        began = time.monotonic()
        for _ in range(6):
            answer = gateway.http.post("/api/smart-mask", json={"image": encoded(64), "bbox": [8, 8, 40, 40]})
            assert answer.status_code in {200, 422}, answer.text
        assert time.monotonic() - began < EXPORT_SECONDS
        stopping = time.monotonic()
        assert worker.stop() == 0
        gateway.process.terminate()
        assert gateway.process.wait(25) in {0, -signal.SIGTERM}
    assert time.monotonic() - stopping < 25
    assert "Traceback" not in worker.log.read_text() + gateway.log.read_text()


def test_no_message_grows_with_its_trace(watched: Watched) -> None:
    """With a trace, every message of a job is under 2 KiB, those of its chord included."""
    with lab.pushed_sizes(watched.stand.broker.url) as sizes:
        job_id, _ = watched.submit("removal")
        watched.until("job.done", job_id=job_id)
    pushed = [size for size in sizes if size > 200]
    assert len(pushed) >= 3, "two parts and a body"
    assert max(pushed) <= 2048


def test_nothing_tells_what_a_user_said(watched: Watched) -> None:
    """After all of these, no log line, no span and no row of Flower has a prompt, an image or a credential."""
    text = "".join(path.read_text() for path in watched.stand.folder.glob("*.log"))
    raw = b"".join(watched.collector.raw)
    shown = watched.flower.get("/flower/api/tasks").text
    assert text
    assert raw
    assert shown
    for secret in (SECRET, "iVBORw0KGgo", "whsec_", "a.signed.token", LOGIN[1]):
        assert secret not in text
        assert secret.encode() not in raw
        assert secret not in shown
    assert b"Traceback" not in raw
