"""One id from a request to the last line that it causes."""

from uuid import uuid4

import httpx

from tests.chaos.engine import Fault, Script
from tests.chaos.worker import PART_TRAPS, Harm
from tests.receivers import receiver
from tests.tasks import pictures
from tests.tracing.conftest import SECRET, Line, Watched

MAKERS = {"tasks.image_utils.masked_background", "tasks.image_utils.mae"}


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
    job_id, request_id = watched.submit("removal", script=Script(label=SECRET, steps=200, seconds=0.05))
    watched.stand.until(job_id, watched.stand.job(job_id).state.PROCESSING, step=1)
    for _ in range(2):
        cancelled = watched.gateway.http.delete(f"/api/generate/{job_id}")
        assert cancelled.headers["X-Request-ID"] != request_id
    watched.until("task.put_down", job_id=job_id)
    (line,) = watched.lines(event="job.cancelled", job_id=job_id)
    assert line["request_id"] == request_id
    assert watched.lines(event="job.done", job_id=job_id) == []


def test_no_line_holds_what_a_user_said(watched: Watched) -> None:
    """After all of these, no process has written a prompt, an image or a credential."""
    text = "".join(path.read_text() for path in watched.stand.folder.glob("*.log"))
    assert SECRET not in text
    assert "iVBORw0KGgo" not in text
    assert "whsec_" not in text
    assert all(len(line) < 4000 for line in text.splitlines() if '"exception"' not in line)


def post(watched: Watched, path: str, photo: bytes) -> httpx.Response:
    """Send a photo to a utility."""
    headers = {"Content-Type": "image/png", "Accept": "image/*"}
    return watched.gateway.http.post(f"/api/image-utils/{path}", content=photo, headers=headers)
