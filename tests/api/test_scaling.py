"""From a request to a machine: a gateway, a jobs worker with its scaler, and AWS on loopback."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
import redis

from tasks.queues import Queue
from tests import lab
from tests.api.pictures import picture
from tests.api.test_generate import submit
from tests.api.workers import FakeWorker
from tests.aws import Aws, aws
from tests.conftest import QUICK
from tests.lab import wait_for

GROUPS = {"cpu": "darkroom-cpu", "t4": "darkroom-t4", "a100": "darkroom-a100"}
TRIES = 4


@pytest.fixture(scope="module")
def cloud() -> Iterator[Aws]:
    """AWS with a group for each pool."""
    with aws() as running:
        for name in GROUPS.values():
            running.make_group(name)
        yield running


@pytest.fixture
def scaling(
    addresses: dict[str, str], broker: "redis.Redis", cloud: Aws, tmp_path: Path
) -> Iterator[Callable[[], list[dict[str, str]]]]:
    """A jobs worker that scales; yields what reads the scaler's lines from its log."""
    environment = {
        **QUICK,
        **cloud.environment,
        **{name.upper(): url for name, url in addresses.items()},
        "DARKROOM_SCALING_GROUPS": ",".join(f"{profile}={name}" for profile, name in GROUPS.items()),
        "DARKROOM_SCALING_SLOTS": "a100=1",
    }
    for name in GROUPS.values():
        cloud.set_desired(name, 0)
    worker = lab.WorkerProcess("jobs", environment, tmp_path / "jobs.log")

    def lines() -> list[dict[str, str]]:
        found = (line for line in worker.log.read_text().splitlines() if '"scaler.' in line)
        return [json.loads(line) for line in found]

    try:
        worker.wait_until_ready()
        wait_for(lambda: broker.exists("darkroom:capacity"), "the scaler")
        yield lines
        assert worker.stop() == 0, worker.log.read_text()
    finally:
        worker.kill()


def test_a_request_that_meets_empty_pools_has_machines_asked_for(
    client: httpx.Client,
    broker: "redis.Redis",
    cloud: Aws,
    scaling: Callable[[], list[dict[str, str]]],
) -> None:
    """An edit wakes two pools and a click the third; health says what is desired, and why."""
    submit(client)
    wait_for(lambda: cloud.desired(GROUPS["a100"]) == 1, "a machine for the edit")
    wait_for(lambda: cloud.desired(GROUPS["cpu"]) == 1, "a machine for its preparation")
    assert cloud.desired(GROUPS["t4"]) == 0
    scaled = [line for line in scaling() if line["event"] == "scaler.scaled"]
    assert [(line["profile"], line["before"], line["desired"]) for line in scaled] == [("cpu", 0, 1), ("a100", 0, 1)]
    told = wait_for(
        lambda: (s := client.get("/api/system/health").json()["services"])["generation"]["desired"] and s, "health"
    )
    assert [told[name]["desired"] for name in ("image_utils", "generation", "segmentation")] == [1, 1, 0]
    assert told["generation"]["desired_reason"].startswith("1 waiting (about 12 s of work), 0 running")
    assert told["job_manager"]["desired"] is None
    files = {"image": ("photo.jpg", picture())}
    with pytest.raises(httpx.ReadTimeout):
        client.post("/api/smart-mask", data={"points": "3,3"}, files=files, timeout=2)
    wait_for(lambda: cloud.desired(GROUPS["t4"]) == 1, "a machine for the click")


def test_a_machine_is_asked_for_within_a_second(
    client: httpx.Client,
    broker: "redis.Redis",
    scaling: Callable[[], list[dict[str, str]]],
) -> None:
    """From a job's record to AWS's answer; the quickest of some counts, as the machine may stand still at times."""
    broker.hset("darkroom:jobs:seconds", Queue.GENERATION, 1000)  # each job needs a machine of its own

    def asked() -> list[str]:
        return [
            each["timestamp"] for each in scaling() if (each["event"], each.get("profile")) == ("scaler.scaled", "a100")
        ]

    took = []
    for turn in range(TRIES):
        job_id = submit(client)
        lines = wait_for(lambda before=turn: len(found := asked()) > before and found, "a machine for the edit")
        created = float(broker.hget(f"darkroom:job:{job_id}", "created_at"))
        took.append(datetime.fromisoformat(lines[-1]).timestamp() - created)
    assert min(took) <= 1, took


def test_aws_that_is_away_hurts_no_sweeper(
    addresses: dict[str, str], broker: "redis.Redis", client: httpx.Client, worker: FakeWorker, tmp_path: Path
) -> None:
    """With nobody behind AWS's address lost work is still put right, and health says that AWS does not answer."""
    environment = {
        **QUICK,
        **{name.upper(): url for name, url in addresses.items()},
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "DARKROOM_SCALING_GROUPS": "a100=somewhere",
    }
    jobs = lab.WorkerProcess("jobs", environment, tmp_path / "jobs.log")
    try:
        jobs.wait_until_ready()
        job_id = submit(client)
        worker.take()  # and is gone
        wait_for(lambda: "job.swept" in jobs.log.read_text(), "the sweeper")
        assert worker.take().id == job_id
        told = wait_for(
            lambda: client.get("/api/system/health").json()["services"]["generation"]["desired_reason"], "health"
        )
        assert told.endswith("AWS did not answer DescribeAutoScalingGroups: EndpointConnectionError")
        assert jobs.stop() == 0
    finally:
        jobs.kill()


def test_a_worker_that_cannot_scale_says_why_and_ends(
    addresses: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups without a region are a matter of configuration: status 78, and a last line that says what to set."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    environment = {
        **QUICK,
        **{name.upper(): url for name, url in addresses.items()},
        "AWS_CONFIG_FILE": "/dev/null",
        "DARKROOM_SCALING_GROUPS": "a100=somewhere",
    }
    jobs = lab.WorkerProcess("jobs", environment, tmp_path / "jobs.log")
    try:
        assert jobs.process.wait(60) == 78, jobs.log.read_text()
        assert "set AWS_REGION" in jobs.log.read_text()
    finally:
        jobs.kill()


def test_without_groups_nothing_is_desired(client: httpx.Client, worker: FakeWorker) -> None:
    """Where nobody scales, health says null, which is not zero."""
    worker.announce("jobs", "job_manager")
    told = client.get("/api/system/health").json()["services"]
    assert {(each["desired"], each["desired_reason"]) for each in told.values()} == {(None, None)}
