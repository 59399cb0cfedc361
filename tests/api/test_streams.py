"""A job's changes as server-sent events, over real HTTP."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

import httpx
import pytest
import redis

from api.settings import GatewaySettings
from tests.api.conftest import MakeServer
from tests.api.servers import Server
from tests.api.test_generate import RESULT, submit
from tests.api.workers import FakeWorker
from tests.lab import wait_for


class Stream:
    """What a client sees of a stream."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.iter_lines()
        self.comments: list[str] = []
        self.retry: str | None = None

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield id and status of each event."""
        fields: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.partition(": ")
            if line and name:
                fields[name] = value
            elif line:
                self.comments.append(value)
            elif "data" in fields:
                assert "event" not in fields, "EventSource.onmessage sees events without a name only"
                yield fields["id"], json.loads(fields["data"])
                fields = {}
            self.retry = fields.get("retry", self.retry)


@contextmanager
def opened(client: httpx.Client, job: str, last: str | None = None) -> Iterator[Stream]:
    """Open a job's stream."""
    headers = {"Last-Event-ID": last} if last else {}
    with client.stream("GET", f"/api/generate/stream/{job}", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Stream(answer)


def test_a_stream_tells_each_change_and_ends_with_the_final_one(
    client: httpx.Client, server: Server, worker: FakeWorker
) -> None:
    """Every event of the ledger arrives once and in order; after ``done`` the stream ends and nobody waits."""
    job = submit(client)
    with opened(client, job) as stream:
        events = iter(stream)
        assert next(events)[1]["status"] == "queued"
        worker.prepare(job)
        token = worker.start(job)
        for step in range(1, 5):
            worker.step(token, step)
        worker.finish(token, RESULT)
        rest = list(events)
    told = [(status["status"], status["current_step"]) for _, status in rest]
    # A snapshot may also say that the place in the queue changed; each change of the job itself comes once.
    assert list(dict.fromkeys(told)) == [
        ("preprocessing", 0),
        ("processing", 0),
        ("processing", 1),
        ("processing", 2),
        ("processing", 3),
        ("processing", 4),
        ("done", 4),
    ]
    assert rest[-1][1]["progress"] == 1.0
    wait_for(lambda: server.waiters() == 0, "the waiter to go")


def test_a_stream_replays_what_was_missed(client: httpx.Client, worker: FakeWorker) -> None:
    """Last-Event-ID resumes exactly after that event, also when the job ended meanwhile."""
    job = submit(client)
    worker.run_job(job, RESULT)
    with opened(client, job) as stream:
        everything = list(stream)
    assert [status["status"] for _, status in everything] == ["queued", "preprocessing", *["processing"] * 2, "done"]
    for seen in range(len(everything) - 1):
        with opened(client, job, last=everything[seen][0]) as stream:
            assert list(stream) == everything[seen + 1 :]


def test_a_client_that_knows_the_end_is_told_to_stop(client: httpx.Client, worker: FakeWorker) -> None:
    """A browser reconnects after the last event; 204 ends that (WHATWG HTML, 9.2)."""
    job = submit(client)
    worker.run_job(job, RESULT)
    with opened(client, job) as stream:
        last = [event_id for event_id, _ in stream][-1]
    assert client.get(f"/api/generate/stream/{job}", headers={"Last-Event-ID": last}).status_code == 204


@pytest.mark.parametrize("last", ["nonsense", "99999999999999999999999999-0", "-", "1-", "🙂"])
def test_a_foreign_last_event_id_starts_from_the_beginning(client: httpx.Client, worker: FakeWorker, last: str) -> None:
    """What is no id of ours is no error: the client gets everything."""
    job = submit(client)
    worker.run_job(job, RESULT)
    request = client.build_request("GET", f"/api/generate/stream/{job}")
    request.headers.raw.append((b"last-event-id", last.encode()))
    request = httpx.Request("GET", request.url, headers=[*request.headers.raw, (b"last-event-id", last.encode())])
    answer = client.send(request)
    assert '"status":"queued"' in answer.text
    assert '"status":"done"' in answer.text


def test_a_cancel_is_a_final_event(client: httpx.Client, worker: FakeWorker) -> None:
    """The stream of a cancelled job ends with ``cancelled``; that of a failed one with its error."""
    job = submit(client)
    with opened(client, job) as stream:
        events = iter(stream)
        next(events)
        client.delete(f"/api/generate/{job}")
        assert [status["status"] for _, status in events] == ["cancelled"]


def test_an_idle_stream_has_heartbeats(make_server: MakeServer, worker: FakeWorker) -> None:
    """Comments come while nothing happens, so that proxies keep the connection and a dead one is noticed."""
    with make_server(heartbeat_seconds=0.1, reread_seconds=0.1) as client:
        job = submit(client)
        with opened(client, job) as stream:
            events = iter(stream)
            next(events)
            watcher = threading.Thread(target=lambda: list(events))
            watcher.start()
            wait_for(lambda: len(stream.comments) >= 2, "two heartbeats")
            client.delete(f"/api/generate/{job}")
            watcher.join(10)
        assert set(stream.comments) == {"heartbeat"}
        assert stream.retry == "1000"


def test_a_place_in_the_queue_that_changes_is_told(make_server: MakeServer, worker: FakeWorker) -> None:
    """A job before this one ends: that is no event of this job, yet its client hears of it."""
    with make_server(reread_seconds=0.1) as client:
        first, job = submit(client), submit(client)
        with opened(client, job) as stream:
            events = iter(stream)
            assert next(events)[1]["queue_position"] == 2
            client.delete(f"/api/generate/{first}")
            assert next(events)[1]["queue_position"] == 1


def test_an_event_reaches_its_client_at_once(client: httpx.Client, worker: FakeWorker) -> None:
    """From the worker's move to the client's socket it takes less than 50 ms; the figures are printed."""
    job = submit(client)
    worker.prepare(job)
    token = worker.start(job)
    delays = []
    with opened(client, job) as stream:
        events = iter(stream)
        while next(events)[1]["status"] != "processing":
            pass
        for step in range(1, 51):
            worker.step(token, step, 50)
            moved = time.perf_counter()
            while next(events)[1]["current_step"] != step:
                pass
            delays.append(1000 * (time.perf_counter() - moved))
    print(f"\nevent to client: median {median(delays):.2f} ms, worst {max(delays):.2f} ms")  # noqa: T201 - a figure
    assert median(delays) < 50


def test_200_streams_are_told_and_leave_nothing(client: httpx.Client, server: Server, worker: FakeWorker) -> None:
    """200 clients of one job all get its end; half of them leave before it, and nobody stays registered."""
    job = submit(client)
    worker.prepare(job)
    limits = httpx.Limits(max_connections=None)
    with httpx.Client(base_url=server.url, timeout=30, limits=limits) as many, ExitStack() as leaving:
        with ExitStack() as staying:
            streams = [staying.enter_context(opened(many, job)) for _ in range(100)]
            for _ in range(100):
                leaving.enter_context(opened(many, job))
            wait_for(lambda: server.waiters() == 200, "200 waiters")
            leaving.close()
            wait_for(lambda: server.waiters() == 100, "half of them to leave")
            started = time.perf_counter()
            worker.finish(worker.start(job), RESULT)
            assert all([status for _, status in stream][-1]["status"] == "done" for stream in streams)
            print(f"\n100 clients told in {1000 * (time.perf_counter() - started):.0f} ms")  # noqa: T201 - a figure
        wait_for(lambda: server.waiters() == 0, "all to leave")


def test_a_stream_outlives_its_listener(client: httpx.Client, worker: FakeWorker, broker: "redis.Redis") -> None:
    """After the listener's connection was cut the stream goes on, and what happened meanwhile is told."""
    job = submit(client)
    with opened(client, job) as stream:
        events = iter(stream)
        next(events)
        broker.client_kill_filter(_type="pubsub")
        worker.run_job(job, RESULT)
        told = [status["status"] for _, status in events]
    assert list(dict.fromkeys(told)) == ["preprocessing", "processing", "done"]


def test_a_gateway_that_stops_ends_its_streams(
    settings: GatewaySettings, worker: FakeWorker, broker: "redis.Redis"
) -> None:
    """SIGTERM ends open streams with a hint when to come back; the process is gone within 3 s."""
    environment = {
        **os.environ,
        "REDIS_URL": settings.redis_url,
        "IMAGE_CACHE_URL": str(settings.image_cache_url),
        "IMAGE_STORE_URL": str(settings.image_store_url),
    }
    command = [sys.executable, "-m", "uvicorn", "api.app:create_app", "--factory", "--port", "0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            port = next(_port(line) for line in process.stderr if "running on" in line)
            threading.Thread(target=process.stderr.read, daemon=True).start()
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                job = submit(client)
                with opened(client, job) as stream:
                    events = iter(stream)
                    next(events)
                    process.send_signal(signal.SIGTERM)
                    stopped = time.monotonic()
                    assert list(events) == []
                assert stream.comments == ["The gateway restarts."]
            process.wait(10)
            assert time.monotonic() - stopped < 3
        finally:
            process.kill()


def _port(line: str) -> int:
    return int(line.partition("127.0.0.1:")[2].split()[0].split('"')[0].rstrip("\\"))
