"""One trace per job, as a collector gets it."""

from itertools import pairwise
from uuid import uuid4

import httpx

from tasks.jobs import Operation
from tests import lab
from tests.chaos.engine import Fault, Script
from tests.collector import Span
from tests.tasks import pictures
from tests.tracing.conftest import SECRET, Watched

BODY = "generation.generate"


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
    """Request, submit, opening, parts, their waits and the body with its stages are one trace, each in its place."""
    job_id, request_id = watched.submit("removal")
    spans = trace_of(watched, job_id)
    assert len({span.trace_id for span in spans}) == 1
    (request,) = named(spans, "POST /api/generate/async")
    assert (request.service, request.parent) == ("darkroom-gateway", "")
    assert request.attributes["darkroom.request_id"] == request_id
    tasks = ["workflows.removal", "image_utils.mae", "image_utils.masked_background", BODY]
    waits = ["queue image-utils"] * 3 + ["queue generation"]
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
    (body,) = named(spans, BODY)  # the first one died with its process
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


def test_no_span_holds_what_a_user_said(watched: Watched) -> None:
    """No prompt, no text of an error, no argument of a task is in what was sent to the collector."""
    raw = b"".join(watched.collector.raw)
    assert raw
    assert SECRET.encode() not in raw
    assert b"Traceback" not in raw
