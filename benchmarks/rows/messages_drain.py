"""Row 13: what it costs to count and to tell, and the deployed worker against Celery's own."""

import time
import uuid
from collections.abc import Iterator, Mapping
from functools import partial
from types import SimpleNamespace

import redis

from benchmarks.harness import Measure, Scale, at_least, number, ratios, rounds
from benchmarks.rows.messages_workers import TASK, Variant, broker, drained_per_second, workers
from tasks.app import app
from tasks.counting import TaskCounter
from tasks.messages import build
from tasks.metrics import Tally
from tasks.queues import Priority, Queue


def measure(scale: Scale) -> Iterator[Measure]:
    """Let one worker after the other drain as many messages of a task that does nothing."""
    count, each = scale.pick(full=(9, 2000), quick=(2, 200))
    with broker() as server, workers(server, *Variant) as urls:
        clients = {variant: redis.Redis.from_url(url) for variant, url in urls.items()}
        for client in clients.values():
            drained_per_second(client, _messages(100))
        found = rounds({variant: partial(_drained, client, each) for variant, client in clients.items()}, count)
        for client in clients.values():
            client.close()
    detail = ", ".join(f"{variant} {number(sorted(values)[len(values) // 2])}/s" for variant, values in found.items())
    yield Measure(
        13,
        "drain of tasks that do nothing, 2 children: counters and presence on against off",
        ratios(found[Variant.DEPLOYED], found[Variant.UNCOUNTED]),
        at_least(0.97),
        f"{detail}; counting a task takes {number(_microseconds_of_counting(20_000))} µs",
    )
    yield from _against_celery(found, detail)


def _against_celery(found: Mapping[Variant, list[float]], detail: str) -> Iterator[Measure]:
    yield Measure(
        13,
        "drain of tasks that do nothing, 2 children: Celery's own worker, results stored",
        ratios(found[Variant.DEPLOYED], found[Variant.CELERY]),
        at_least(0.95),
        detail,
    )


def _drained(client: "redis.Redis", count: int) -> float:
    return drained_per_second(client, _messages(count))


def _messages(count: int) -> list[str]:
    return [
        build(app, TASK, task_id=str(uuid.uuid4()), queue=Queue.IMAGE_UTILS, priority=Priority.INTERACTIVE)
        for _ in range(count)
    ]


def _microseconds_of_counting(times: int) -> float:
    counter, task = TaskCounter(Tally("cpu")), SimpleNamespace(name=TASK, request=SimpleNamespace())
    began = time.perf_counter()
    for _ in range(times):
        counter._begin(task)
        counter._end(task, "SUCCESS")
    return 1e6 * (time.perf_counter() - began) / times
