"""Row 4: from a call to its reply through the broker and a worker that does nothing, against Celery's ``.get()``.

One worker serves both, the deployed one. Our side waits as the gateway does, by its listener; the other is a Celery
app as its tutorial has it. Both ask from this process, one call after the other.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack

import uvloop
from celery import Celery

from api.calls import Call, Calls, Timing
from api.gateway import open_gateway
from api.settings import GatewaySettings
from benchmarks.harness import Measure, Scale, at_most, number, percentile, ratios, rounds
from benchmarks.rows.messages_workers import TASK, Variant, broker, naive, workers
from tasks.app import app
from tasks.queues import Queue

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
        }
        found = rounds(sides, count)
        runner.run(stack.aclose())
    yield Measure(
        4,
        "round trip of a task that does nothing, p50: Celery's .get() on the same worker",
        ratios(found["ours"], found["celery"]),
        at_most(0.5),
        ", ".join(f"{name} {number(1000 * sorted(values)[count // 2])} ms" for name, values in found.items()),
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
