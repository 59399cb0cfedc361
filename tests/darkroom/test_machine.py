"""`darkroom machine`: real processes, real workers, and AWS on the loopback interface (``tests.darkroom.aws``)."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from darkroom.machine import crew, gpus, life, metadata
from darkroom.machine.metadata import Identity, MetadataUnavailable, Notices
from darkroom.weights import MANIFEST
from tasks.jobs import Operation, State
from tasks.settings import settings
from tests import lab
from tests.chaos.engine import Script
from tests.chaos.stand import Stand
from tests.darkroom.aws import (
    CREDENTIALS,
    GROUP,
    REGION,
    AutoScaling,
    Imds,
    autoscaling,
    client,
    metadata_service,
    moto_server,
)
from tests.darkroom.bucket import bucket
from tests.darkroom.processes import Marked
from worker_profiles import ProfileName, load

BUCKET = "models"


class Machine:
    """A process of `darkroom machine`, with its lines in a file."""

    def __init__(self, log: Path, *arguments: str, module: str = "darkroom", **environment: str) -> None:
        """Start it."""
        self.marked = Marked()
        self.log = log
        self._file = log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, "machine", *arguments],
            env={**self.marked.environment, "DARKROOM_LOG_FORMAT": "json", **environment},
            stdout=self._file,
            stderr=self._file,
            start_new_session=True,
        )

    def events(self, event: str | None = None) -> list[dict[str, Any]]:
        """Return its lines so far, those of its workers included; each has to be JSON with an event."""
        whole = self.log.read_text().rpartition("\n")[0]
        lines = [json.loads(line) for line in whole.splitlines()]
        return [line for line in lines if event in (None, line["event"])]

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait for a condition, and fail with the log when the machine ends before it holds."""
        found = lab.wait_for(lambda: condition() or self.process.poll() is not None, what, 100)
        value = condition()
        assert value, f"waited in vain for {what}: {found}\n{self.log.read_text()}"
        return value

    def until_event(self, event: str, times: int = 1) -> list[dict[str, Any]]:
        """Wait until an event was logged so often."""
        found: list[dict[str, Any]] = self.until(
            lambda: (seen := self.events(event)) if len(self.events(event)) >= times else None, event
        )
        return found

    def end(self) -> int:
        """Wait for its end; return its exit status once none of its processes is left."""
        status = self.process.wait(60)
        lab.wait_for(lambda: not self.marked.alive(), f"its processes to end: {self.marked.alive()}", 20)
        return status

    def stop(self) -> int:
        """Stop it as a supervisor does."""
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def close(self) -> None:
        """End whatever is left."""
        for pid in self.marked.alive():
            os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        self._file.close()


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A moto server with a bucket of models."""
    with moto_server(tmp_path_factory.mktemp("moto")) as url:
        s3 = client("s3", url)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=BUCKET, Key="v1/notes.txt", Body=b"weights")
        yield url


@pytest.fixture
def imds() -> Iterator[Imds]:
    """A metadata service."""
    with metadata_service() as service:
        yield service


@pytest.fixture
def group(moto: str) -> Iterator[AutoScaling]:
    """An autoscaling endpoint."""
    with autoscaling(moto) as front:
        yield front


@pytest.fixture
def cloud(moto: str, imds: Imds, group: AutoScaling, tmp_path: Path) -> dict[str, str]:
    """The environment of a machine that its group has just launched."""
    imds.be(group.launch())
    return {
        **CREDENTIALS,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url,
        "AWS_ENDPOINT_URL_AUTO_SCALING": group.url,
        "AWS_ENDPOINT_URL": moto,
        "DARKROOM_MACHINE_GROUP": GROUP,
        "DARKROOM_MACHINE_LOOK_SECONDS": "0.2",
        "DARKROOM_MACHINE_IDLE_SECONDS": "1",
        "DARKROOM_MACHINE_HEARTBEAT_SECONDS": "0.5",
        "DARKROOM_PRESENCE_LOOK_SECONDS": "0.1",
        "DARKROOM_MODELS_FOLDER": str(tmp_path / "models"),
    }


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    """Servers of the test's own, where no other worker is."""
    with Stand(tmp_path / "stand") as opened:
        for name, value in opened.environment.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        yield opened
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    """Start machines; none outlives the test."""
    with ExitStack() as opened:

        def start(*arguments: str, module: str = "darkroom", **environment: str) -> Machine:
            started = Machine(tmp_path / "machine.log", *arguments, module=module, **environment)
            opened.callback(started.close)
            return started

        yield start


Start = Callable[..., Machine]


def test_a_machine_is_launched_from_its_weights_to_its_end(
    machine: Start, stand: Stand, cloud: dict[str, str], imds: Imds, group: AutoScaling, tmp_path: Path
) -> None:
    """Weights before workers, heartbeats, ready in spite of AWS's errors, no protection while idle, drain, exit 0."""
    group.errors["RecordLifecycleActionHeartbeat"] = ["Throttling", "Throttling"]
    group.errors["CompleteLifecycleAction"] = ["ValidationError"]
    group.errors["SetInstanceProtection"] = [""]
    started = machine("cpu", DARKROOM_MODELS_URL=f"s3://{BUCKET}/v1", **cloud)
    started.until(lambda: group.results("ready"), "the launch hook")
    order = [line["event"] for line in started.events()]
    assert order.index("machine.weights_fetched") < order.index("machine.workers") < order.index("worker.ready")
    assert (tmp_path / "models/notes.txt").read_bytes() == b"weights"
    assert group.beats("ready") >= 1
    started.until(lambda: not group.is_protected, "the protection that the group gives at the launch to be taken off")
    assert set(group.results("ready")) == {"CONTINUE"}
    assert not any(group.errors.values()), "every error was met"
    assert {line["worker"] for line in started.events("worker.ready")} == {"cpu"}
    imds.aim_at("Terminated")
    assert started.end() == 0, started.log.read_text()
    assert group.results("drain") == ["CONTINUE"]
    assert group.of("CompleteLifecycleAction")[-1]["InstanceId"] == imds.values["instance-id"]
    assert stand.overview().workers == ()


def test_a_spot_notice_gives_the_running_job_to_another_machine(
    machine: Start, stand: Stand, cloud: dict[str, str], imds: Imds, group: AutoScaling
) -> None:
    """Protected while busy and not when idle; the job in flight at a Spot notice is done elsewhere, uncounted."""
    started = machine("a100", module="tests.darkroom.scripted", **cloud)
    stand.start("cpu", "-c", "1")
    started.until(lambda: group.results("ready") and not group.is_protected, "an idle machine without protection")
    first = stand.submit(Script(steps=20, seconds=0.1))
    started.until(lambda: group.is_protected, "protection while busy")
    stand.until(first, State.DONE)
    started.until(lambda: not group.is_protected, "the protection to go")
    # Far too long for this machine; the worker that takes it over computes it at once.
    second = stand.submit(Script(steps=500, seconds=0.1), Operation.REMOVAL)
    stand.until(second, State.PROCESSING, step=2)
    started.until(lambda: group.is_protected, "protection while busy")
    imds.interrupt()
    assert started.end() == 0, started.log.read_text()
    assert group.results("drain") == ["CONTINUE"]
    given_back = stand.job(second)
    assert (given_back.state, given_back.attempts) == (State.QUEUED, 0)
    assert not group.is_protected
    stand.start("a100", GENERATION_ENGINE="opencv")
    assert stand.until(second, State.DONE).attempts == 1
    stand.verify(first, second)


def test_two_workers_are_one_machine(machine: Start, stand: Stand) -> None:
    """Each has a node name of its own, a killed one is started again, and a stop leaves no process behind."""
    started = machine("t4", "--workers", "2")

    def announced() -> set[int]:
        return {worker["pid"] for worker in stand.overview().workers if worker["state"] == "ready"}

    before = started.until(lambda: len(announced()) == 2 and announced(), "two workers")
    commands = [command for pid, command in started.marked.alive().items() if pid in before]
    assert {command.split(" -n ")[1].split()[0] for command in commands} == {"t4-0@%h", "t4-1@%h"}
    killed = min(before)
    os.kill(killed, signal.SIGKILL)
    started.until(lambda: len(announced() - {killed}) == 2, "another worker in the killed one's place")
    assert before - {killed} < announced()
    assert "was ended by SIGKILL" in started.events("machine.supervisor")[0]["what"]
    assert started.stop() == 0, started.log.read_text()


def test_a_configuration_that_cannot_work_abandons_the_launch(
    machine: Start, cloud: dict[str, str], stand: Stand, group: AutoScaling
) -> None:
    """A worker that exits with 78 is not started again; the group is told, and the machine exits with 78."""
    refused = stand.broker.url.replace("redis://", "redis://nobody:wrong@")
    started = machine("jobs", **{**cloud, "REDIS_URL": refused})
    assert started.end() == 78, started.log.read_text()
    assert group.results("ready") == ["ABANDON"]
    assert len(started.events("worker.refused")) == 1


def test_weights_that_are_not_there_abandon_the_launch(
    machine: Start, cloud: dict[str, str], group: AutoScaling
) -> None:
    """No worker is started without its weights, and the sentence is the last line."""
    started = machine("cpu", DARKROOM_MODELS_URL=f"s3://{BUCKET}/v2", **cloud)
    assert started.process.wait(60) == 2
    assert group.results("ready") == ["ABANDON"]
    text = started.log.read_text()
    assert f"Error: There is nothing below s3://{BUCKET}/v2" in text
    assert "machine.workers" not in text


def test_a_machine_that_is_stopped_while_it_fetches_leaves_nothing_half(machine: Start, tmp_path: Path) -> None:
    """SIGTERM in the middle of the weights is an orderly end, without a file that is not whole."""
    models = tmp_path / "models"
    data = bytes(4_000_000)
    with bucket({"v1/weights": data}, rate=2e6) as served:
        where = {"DARKROOM_MODELS_URL": f"s3://{BUCKET}/v1", "DARKROOM_MODELS_FOLDER": str(models)}
        started = machine("cpu", **where, **served.environment)
        started.until(lambda: (models / "weights.part").exists(), "the fetch to begin")
        assert started.stop() == 0, started.log.read_text()
    assert {path.read_bytes() for path in models.iterdir() if path.name != MANIFEST} <= {data}
    assert not started.events("machine.workers") + started.events("machine.no_weights")


def test_a_machine_of_a_warm_pool_does_not_work(
    machine: Start, stand: Stand, cloud: dict[str, str], imds: Imds, group: AutoScaling
) -> None:
    """It completes its hook without a worker, and when it leaves the pool it starts them and completes it again."""
    imds.aim_at("Warmed:Running")
    started = machine("jobs", **cloud)
    started.until(lambda: group.results("ready"), "the launch into the warm pool")
    looks = imds.looks
    started.until(lambda: imds.looks > looks + 3, "more looks")
    assert started.events("machine.workers") == []
    imds.aim_at("InService")
    started.until(lambda: len(group.results("ready")) == 2, "the launch out of the warm pool")
    # Busy at first, perhaps: the sweeper's first housekeeping is a task of this very worker.
    started.until(lambda: [worker["state"] for worker in stand.overview().workers] == ["ready"], "a worker")
    assert started.stop() == 0, started.log.read_text()


def test_workers_go_on_without_aws(machine: Start, stand: Stand, cloud: dict[str, str]) -> None:
    """A metadata service that nobody answers at costs a line of the log, once, and no work."""
    away = f"http://127.0.0.1:{lab.free_port()}"
    started = machine("jobs", AWS_REGION=REGION, **{**cloud, "AWS_EC2_METADATA_SERVICE_ENDPOINT": away})
    started.until_event("worker.ready")
    started.until(lambda: [worker["state"] for worker in stand.overview().workers] == ["ready"], "a worker")
    assert len(started.events("machine.metadata_unavailable")) == 1
    assert started.stop() == 0, started.log.read_text()


def test_the_metadata_service_is_asked_with_a_token(imds: Imds) -> None:
    """Version 2 alone: one token for all questions, a new one when it is no longer taken; what is not told is None."""

    async def scenario() -> tuple[Identity, Notices, Notices]:
        async with metadata.connect(imds.url) as service:
            with pytest.raises(MetadataUnavailable):
                await service.identity()
            imds.be("i-1")
            identity, before = await service.identity(), await service.notices()
            imds.tokens.clear()
            imds.interrupt()
            imds.values["events/recommendations/rebalance"] = "{}"
            return identity, before, await service.notices()

    identity, before, after = asyncio.run(scenario())
    assert identity == Identity("i-1", REGION)
    assert before == Notices("InService", spot=None, rebalance=False)
    assert (after.spot or "").startswith('{"action": "terminate"')
    assert after.rebalance
    assert imds.grants <= 4


@pytest.mark.parametrize(
    ("granted", "ids"),
    [("0,1", ("0", "1")), ("GPU-a, GPU-b", ("GPU-a", "GPU-b")), ("", ()), ("-1", ()), ("2,-1,3", ("2",))],
)
def test_gpus_that_were_granted_count(granted: str, ids: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA_VISIBLE_DEVICES is read as CUDA reads it."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", granted)
    assert gpus.gpu_ids() == ids


def test_gpus_are_listed_by_the_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a grant the driver's list counts, by UUID; without a driver there is none."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.gpu_ids() == ()
    driver = tmp_path / "nvidia-smi"
    listing = "GPU 0: Tesla T4 (UUID: GPU-1f3c-aa)\nGPU 1: Tesla T4 (UUID: GPU-2e4d-bb)"
    driver.write_text(f"#!{sys.executable}\nprint({listing!r})\n")
    driver.chmod(0o755)
    assert gpus.gpu_ids() == ("GPU-1f3c-aa", "GPU-2e4d-bb")


@pytest.mark.parametrize(
    ("profile", "found", "count", "names", "devices"),
    [
        ("a100", ("A", "B"), None, ["a100-0", "a100-1"], ["A", "B"]),
        ("t4", ("A",), None, ["t4"], ["A"]),
        ("t4", ("A", "B"), 3, ["t4-0", "t4-1", "t4-2"], ["A", "B", "A"]),
        ("a100", (), None, ["a100"], [None]),
        ("cpu", ("A", "B"), None, ["cpu"], [None]),
    ],
)
def test_there_is_a_worker_per_gpu(
    profile: str, found: tuple[str, ...], count: int | None, names: list[str], devices: list[str | None]
) -> None:
    """Each has a GPU of its own; one worker without GPUs, and of a profile that needs none."""
    planned = crew.programs(load(ProfileName(profile)), None, found, count)
    assert [program.name for program in planned] == names
    assert [program.environment.get("CUDA_VISIBLE_DEVICES") for program in planned] == devices
    nodes = [program.arguments[program.arguments.index("-n") + 1] for program in planned]
    assert nodes == [f"{name}@%h" for name in names]


def test_every_line_of_a_worker_is_json_with_its_name() -> None:
    """Also what an interpreter says before there is a log."""
    assert json.loads(life.labelled("t4-1", '{"event": "worker.ready"}')) == {"worker": "t4-1", "event": "worker.ready"}
    for line in ("Traceback (most recent call last):", "[1]", '"text"'):
        assert json.loads(life.labelled("t4", line)) == {"worker": "t4", "event": "worker.said", "line": line}
