"""Row 4: from a call to its reply through the broker and a worker that does nothing, against Celery's ``.get()``.

One worker serves both, the deployed one. Our side waits as the gateway does, by its listener; the other is a Celery
app as its tutorial has it. Both ask from this process, one call after the other.
"""

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack

import redis
import uvloop
from celery import Celery

from api.calls import Call, Calls, Timing
from api.gateway import open_gateway
from api.settings import GatewaySettings
from api.waiting import CHANNEL
from benchmarks.harness import Measure, Scale, at_most, number, percentile, ratios, rounds
from benchmarks.rows.messages_workers import TASK, Variant, broker, naive, workers
from tasks.app import app
from tasks.messages import build
from tasks.queues import Priority, Queue

CALL = Call(TASK, Queue.IMAGE_UTILS, ())
PATIENCE = Timing(wait=30, reread=5, resend=10)


def measure(scale: Scale) -> Iterator[Measure]:
    """Call as often each way, in turns; a round's value is its median."""
    count, each = scale.pick(full=(9, 150), quick=(2, 20))
    with (
        broker() as server,
        workers(server, Variant.DEPLOYED) as urls,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        stack, url = AsyncExitStack(), urls[Variant.DEPLOYED]
        calls = runner.run(_calls(stack, url))
        sides = {
            "ours": lambda: runner.run(_ours(calls, each)),
            "celery": lambda: _celery(naive(url), each),
            "floor": lambda: _floor(url, each),
        }
        found = rounds(sides, count)
        runner.run(stack.aclose())
    floor, share = percentile(found["floor"], 0.5), percentile(ratios(found["floor"], found["celery"]), 0.5)
    yield Measure(
        4,
        "round trip of a task that does nothing, p50: Celery's .get() on the same worker",
        ratios(found["ours"], found["celery"]),
        at_most(0.5),
        ", ".join(f"{name} {number(1000 * percentile(found[name], 0.5))} ms" for name in ("ours", "celery")),
        f"{number(share)}×: the worker's own part, alike for both; with a message that lies ready and a bare "
        f"subscription {number(1000 * floor)} ms",
    )


async def _calls(stack: AsyncExitStack, url: str) -> Calls:
    gateway = await stack.enter_async_context(open_gateway(GatewaySettings(redis_url=url)))
    return Calls(app, gateway.ledger.client, gateway.waiters, gateway.pools, PATIENCE)


async def _ours(calls: Calls, times: int) -> float:
    for _ in range(3):
        await calls.reply(CALL)
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await calls.reply(CALL)
        took.append(time.perf_counter() - began)
    return percentile(took, 0.5)


def _celery(client: Celery, times: int) -> float:
    took = []
    for _ in range(times + 3):
        began = time.perf_counter()
        client.send_task(TASK, queue=Queue.IMAGE_UTILS.value).get(timeout=30)
        took.append(time.perf_counter() - began)
    client.close()
    return percentile(took[3:], 0.5)


def _floor(url: str, times: int) -> float:
    """Do the least that anybody can who sends to this worker and hears of it."""
    took = []
    with redis.Redis.from_url(url) as client, client.pubsub() as heard:
        for _ in range(times + 3):
            task_id = str(uuid.uuid4())
            message = build(app, TASK, task_id=task_id, queue=Queue.IMAGE_UTILS, priority=Priority.INTERACTIVE)
            heard.subscribe(f"{CHANNEL}{task_id}")
            heard.get_message(timeout=30)
            began = time.perf_counter()
            client.lpush(Queue.IMAGE_UTILS, message)
            heard.get_message(timeout=30)
            took.append(time.perf_counter() - began)
            heard.unsubscribe()
            heard.get_message(timeout=30)
    return percentile(took[3:], 0.5)
