"""A worker's memory has a bound, and work that would leave it fails alone."""

import resource
import sys
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import pytest
import redis
from celery import Celery
from celery.exceptions import TimeoutError as NoReplyError

from tasks import store
from tasks.errors import ErrorCode, translate
from tasks.memory import keep_freed_blocks, limit_memory
from tasks.settings import Settings
from tests import corpus, lab

MEGABYTE = 1_000_000
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces RLIMIT_DATA")


def _array() -> None:
    np.ones(2000 * MEGABYTE, np.uint8)


def _opencv() -> None:
    cv2.copyMakeBorder(np.zeros((10, 10), np.uint8), 0, 40_000, 0, 40_000, cv2.BORDER_CONSTANT)


def _bytes() -> None:
    bytearray(2000 * MEGABYTE)


def _code_under_a_limit(work: Callable[[], None]) -> ErrorCode:
    limit_memory(1000 * MEGABYTE)
    try:
        work()
    except Exception as error:  # noqa: BLE001 - what comes is what is asked
        return translate(error).code
    raise AssertionError("it found memory")


@pytest.mark.parametrize("work", [_array, _opencv, _bytes])
def test_a_lack_of_memory_is_told_as_one(work: Callable[[], None]) -> None:
    """NumPy's error, OpenCV's and Python's own all become out_of_memory, in a process that lives on to say so."""
    with get_context("spawn").Pool(1) as pool:
        assert pool.apply(_code_under_a_limit, (work,)) is ErrorCode.OUT_OF_MEMORY


def _faults_of_pictures() -> int:
    keep_freed_blocks()
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        pictures = [np.ones(10 * MEGABYTE, np.uint8) for _ in range(3)]
        del pictures
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_a_child_works_in_the_memory_that_it_has() -> None:
    """Pictures that come after others of their size cost no new pages."""
    with get_context("spawn").Pool(1) as pool:
        assert pool.apply(_faults_of_pictures) < 100


@pytest.fixture
def small_worker(tmp_path: Path) -> Iterator[tuple[dict[str, str], lab.WorkerProcess]]:
    """A CPU worker with one child, which may hold half a gigabyte."""
    with lab.valkeys(tmp_path) as urls:
        worker = lab.WorkerProcess(
            "cpu", {**urls, "DARKROOM_CHILD_MEMORY_BYTES": "500000000"}, tmp_path / "log", "-c", "1"
        )
        try:
            worker.wait_until_ready()
            yield urls, worker
        finally:
            worker.stop()


def test_a_decoder_that_needs_too_much_fails_its_task_and_not_its_worker(
    small_worker: tuple[dict[str, str], lab.WorkerProcess],
) -> None:
    """A picture of 38 MP in 60 bytes is out_of_memory; the next task runs in the same process."""
    urls, worker = small_worker
    broker = redis.Redis.from_url(urls["REDIS_URL"], decode_responses=True)
    images = store.connect(Settings(**{name.lower(): url for name, url in urls.items()}), broker)  # type: ignore[arg-type]
    client = Celery(broker=urls["REDIS_URL"], backend=urls["REDIS_URL"])

    def ask(data: bytes) -> object:
        kept = images.put(data)
        reply = client.send_task("tasks.image_utils.canny", [kept.id], queue="image-utils")
        try:
            return reply.get(timeout=30)
        except NoReplyError:
            pytest.fail(worker.log.read_text())

    small = corpus.plain("PNG")
    assert ask(small)
    with pytest.raises(Exception, match="more memory than the worker has"):
        ask(corpus.sample("gif 16000 x 2400 canvas, 1 pixel").data)
    assert ask(small)
    log = worker.log.read_text()
    assert "out_of_memory" in log
    assert "WorkerLostError" not in log
    broker.close()
