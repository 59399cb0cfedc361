"""Row 13: what it costs to count and to tell, and the deployed worker against Celery's own."""

import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from functools import partial
from types import SimpleNamespace

import redis

from benchmarks.harness import Measure, Scale, at_least, number, percentile, ratios, rounds, seconds
from benchmarks.rows.messages_workers import TASK, Variant, broker, drained_per_second, workers
from benchmarks.stand import MASK, PHOTO
from tasks import ledger
from tasks.app import app
from tasks.counting import TaskCounter
from tasks.engines import EngineName, Inputs, load_generation_engine
from tasks.imaging.codec import decode_mask, decode_rgb
from tasks.jobs import Edit, Operation, Stage
from tasks.lease import Lease
from tasks.ledger import Ledger, Token
from tasks.messages import build
from tasks.metrics import Tally
from tasks.queues import Priority, Queue
from tasks.submission import prepare


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
        progress = _progress(scale, server)
    detail = ", ".join(f"{variant} {number(percentile(values, 0.5))}/s" for variant, values in found.items())
    yield Measure(
        13,
        "drain of tasks that do nothing, 2 children: counters and presence on against off",
        ratios(found[Variant.DEPLOYED], found[Variant.UNCOUNTED]),
        at_least(0.97),
        f"{detail}; counting a task takes {number(_microseconds_of_counting(20_000))} µs",
    )
    yield progress
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


def _progress(scale: Scale, server: str) -> Measure:
    """Have the engine without a model edit a photo, each step told to the ledger, and told to nobody."""
    count = scale.pick(full=9, quick=1)
    edit = Edit(operation=Operation.REMOVAL, photo="a" * 64, mask="b" * 64, seed=1)
    photo, mask = decode_rgb(PHOTO.read_bytes()), decode_mask(MASK.read_bytes())
    inputs = Inputs(edit, photo[::2, ::2].copy(), mask[::2, ::2].copy(), ())
    engine, book = load_generation_engine(EngineName.OPENCV, lambda _: None), ledger.connect(f"{server}/9")
    engine.edit(inputs, _to_nobody)
    with Lease(book, _claimed(book, edit), threading.Event()) as lease:
        found = rounds(
            {
                "told": lambda: seconds(lambda: engine.edit(inputs, lease.report)),
                "untold": lambda: seconds(lambda: engine.edit(inputs, _to_nobody)),
            },
            count,
        )
    book.client.close()
    return Measure(
        13,
        "removals per second by the engine without a model: each step told against none",
        ratios(found["untold"], found["told"]),
        at_least(0.97),
        ", ".join(f"{name} {number(1000 * percentile(values, 0.5))} ms" for name, values in found.items()),
    )


def _claimed(book: Ledger, edit: Edit) -> Token:
    job_id = book.apply(prepare(edit, owner="bench").move).accepted()
    opening, chord, body = (ledger.new_token(job_id) for _ in range(3))
    book.apply(ledger.claim(opening, Stage.OPENING, "bench"))
    book.apply(ledger.launch(opening, chord, 0, {}))
    book.apply(ledger.claim(body, Stage.BODY, "bench"))
    return body


def _to_nobody(step: int, total_steps: int, message: str, *, preview: bytes | None = None) -> None:
    """Stand for a lease."""
