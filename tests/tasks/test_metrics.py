"""How what is counted reaches the broker, from processes that come and go."""

import json
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
import redis

from tasks import gpu, ledger
from tasks.app import app
from tasks.counting import Teller
from tasks.errors import ErrorCode
from tasks.figures import Figures
from tasks.jobs import Edit, Failure, Operation, Stage
from tasks.ledger import Ledger
from tasks.messages import build
from tasks.metrics import (
    COLD_START_SECONDS,
    JOB_ERRORS,
    JOBS_FINISHED,
    JOBS_REQUEUED,
    TASK_ERRORS,
    TASK_SECONDS,
    TASKS,
    Batches,
    Tally,
)
from tasks.queues import Priority, Queue
from tests import lab

CANNY = "tasks.image_utils.canny"


@pytest.fixture
def empty(environment: dict[str, str]) -> Iterator[Ledger]:
    """A ledger of this module's own, where nothing was counted."""
    opened = ledger.connect(environment["REDIS_URL"].replace("/0", "/7"))
    opened.client.flushdb()
    yield opened
    opened.client.flushdb()
    opened.client.close()


def counted(book: Ledger) -> Figures:
    """Return everything that is counted."""
    return book.apply(ledger.figures())


def test_many_threads_lose_no_count(empty: Ledger) -> None:
    """What threads count at once, while another one tells, arrives whole."""
    tally = Tally("t4")
    batches = Batches(tally)

    def work() -> None:
        for _ in range(2000):
            tally.count(TASKS, "t4", "t", "success")
            tally.observe(TASK_SECONDS, 0.02, "t")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        tell(empty, batches)
    tell(empty, batches)
    totals = counted(empty).totals
    assert totals.counters[TASKS] == {("t4", "t", "success"): 8000}
    times = totals.histograms[TASK_SECONDS][("t",)]
    assert (times.counts, round(times.total, 6)) == ({"0.025": 8000}, 160)


def tell(book: Ledger, batches: Batches) -> None:
    """Tell what there is."""
    batch = batches.next()
    if batch is not None:
        book.apply(ledger.tell(batch))
        batches.told()


def test_a_batch_whose_answer_was_lost_counts_once(empty: Ledger) -> None:
    """Told again it changes nothing, and what was counted meanwhile comes with the next one."""
    tally = Tally("cpu")
    batches = Batches(tally)
    tally.count(TASK_ERRORS, "t", ErrorCode.INTERNAL)
    first = batches.next()
    assert first is not None
    empty.apply(ledger.tell(first))
    tally.count(TASK_ERRORS, "t", ErrorCode.INTERNAL)
    again = batches.next()
    assert again == first
    empty.apply(ledger.tell(first))
    batches.told()
    assert counted(empty).totals.counters[TASK_ERRORS] == {("t", "internal"): 1}
    tell(empty, batches)
    assert counted(empty).totals.counters[TASK_ERRORS] == {("t", "internal"): 2}
    assert batches.next() is None


def test_labels_are_given_whole() -> None:
    """A count without all of its labels is a mistake of the code, and said at once."""
    with pytest.raises(ValueError, match="labels"):
        Tally("cpu").count(TASKS, "cpu")


def test_a_job_that_was_put_back_counts(empty: Ledger) -> None:
    """Each return of a lost job counts; the last one sets it aside, and its error has a code."""
    job_id = ledger.new_job_id()
    empty.apply(ledger.submit(job_id, Edit(operation=Operation.TEXT_TO_IMAGE, prompt="x", seed=1), owner="ann"))
    for _ in range(4):
        empty.apply(ledger.claim(ledger.new_token(job_id), Stage.OPENING, "cpu@host:1"))
        empty.client.hset(f"darkroom:job:{job_id}", "lease_until", "1")
        read = empty.apply(ledger.read(job_id))
        assert read is not None
        empty.apply(ledger.requeue(read[0], "image-utils", "message"))
    totals = counted(empty).totals.counters
    assert totals[JOBS_REQUEUED] == {("text-to-image",): 2}
    assert totals[JOBS_FINISHED] == {("text-to-image", "error"): 1}
    assert totals[JOB_ERRORS] == {("text-to-image", "worker_lost"): 1}
    glance = empty.apply(ledger.glance(10))
    assert [(each.id, each.code) for each in glance.failures] == [(job_id, ErrorCode.WORKER_LOST)]
    assert glance.jobs == ()


def test_a_teller_without_its_broker_keeps_what_it_has() -> None:
    """It says so, and the next try brings the same batch."""
    tally = Tally("cpu")
    teller = Teller(ledger.connect("redis://127.0.0.1:1/0", patience_seconds=0), tally)
    tally.count(TASK_ERRORS, "t", ErrorCode.INTERNAL)
    teller._tell()
    assert teller._batches.next() is not None


def test_workers_that_end_leave_their_counts(environment: dict[str, str], tmp_path: Path) -> None:
    """Pool children that end after a task, and a worker that is stopped, tell before they go, also of failures."""
    with lab.valkeys(tmp_path) as urls, redis.Redis.from_url(urls["REDIS_URL"]) as broker:
        surroundings = {**environment, **urls, "DARKROOM_METRICS_SECONDS": "3600"}
        worker = lab.WorkerProcess("cpu", surroundings, tmp_path / "log", "-c", "1", "--max-tasks-per-child", "1")
        try:
            worker.wait_until_ready()
            for number in range(3):
                task_id = str(uuid.uuid4())
                message = build(
                    app,
                    CANNY,
                    task_id=task_id,
                    queue=Queue.IMAGE_UTILS,
                    priority=Priority.INTERACTIVE,
                    args=[f"{number}" * 64],
                )
                broker.lpush(Queue.IMAGE_UTILS, message)
                lab.wait_for(lambda key=f"celery-task-meta-{task_id}": broker.get(key), "the reply")
        finally:
            assert worker.stop() == 0, worker.log.read_text()
        book = ledger.connect(urls["REDIS_URL"])
        totals = counted(book).totals
        book.client.close()
    assert totals.counters[TASKS] == {("cpu", CANNY, "failure"): 3}
    assert totals.counters[TASK_ERRORS] == {(CANNY, "image_unknown"): 3}
    assert sum(totals.histograms[COLD_START_SECONDS][("cpu",)].counts.values()) == 1


@pytest.mark.parametrize(
    ("visible", "asked"),
    [(None, 0), ("3", 3), ("2,1", 2), ("GPU-abc", "GPU-abc"), ("MIG-x, MIG-y", "MIG-x")],
)
def test_a_worker_tells_of_the_gpu_that_it_computes_on(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, asked: int | str
) -> None:
    """The first that CUDA_VISIBLE_DEVICES lets it see, by number or by name; without that variable the first."""
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    answers: dict[str, Any] = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetHandleByUUID": lambda name: name,
        "nvmlDeviceGetUUID": lambda handle: f"GPU-{handle}",
        "nvmlDeviceGetMemoryInfo": lambda _: SimpleNamespace(used=60, total=80),
        "nvmlDeviceGetUtilizationRates": lambda _: SimpleNamespace(gpu=97),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, answer)
    found = gpu.find()
    assert found is not None
    assert found.state() == gpu.GpuState(f"GPU-{asked}", 60, 80, 0.97)

    def lost(_: Any) -> Any:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)

    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", lost)
    assert found.state() is None, "a GPU that is lost ends no announcement"


def test_a_machine_without_a_gpu_tells_of_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """No driver, or no GPU that may be seen, is no error."""

    def missing() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    assert gpu.find() is None


def test_what_a_failed_job_leaves_is_short(empty: Ledger) -> None:
    """The list of failures holds ids and codes, no sentence and no prompt."""
    job_id = ledger.new_job_id()
    empty.apply(ledger.submit(job_id, Edit(operation=Operation.TEXT_TO_IMAGE, prompt="secret", seed=1), owner="ann"))
    token = ledger.new_token(job_id)
    empty.apply(ledger.claim(token, Stage.OPENING, "cpu@host:1"))
    empty.apply(ledger.fail(token, Failure(ErrorCode.INTERNAL, "secret")))
    [text] = empty.client.lrange("darkroom:jobs:failures", 0, -1)
    assert set(json.loads(text)) == {"id", "operation", "code", "at", "worker"}
