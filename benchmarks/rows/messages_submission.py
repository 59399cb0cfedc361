"""Row 5: jobs accepted in an async route, each with a durable record, against Celery's ``apply_async`` in its place.

Requests come at once, as to a gateway: while one waits for the broker the others go on, unless the call blocks the
event loop, as ``apply_async`` does. Both run in this process, without HTTP around them, against one server that keeps
an append-only file. Celery's app is as its tutorial has it, with a result backend: without one nobody could ask what
came of a task.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager

import uvloop

from api.gateway import open_gateway
from api.settings import GatewaySettings
from benchmarks.harness import Measure, Scale, at_least, number, percentile, ratios
from benchmarks.rows.messages_workers import TASK, broker, naive
from tasks.jobs import Edit, Operation
from tasks.submission import prepare

PHOTO = "a" * 64
EDIT = Edit(operation=Operation.WHITE_BALANCE, photo=PHOTO, seed=1)
OWNERS = 50
"""People who submit in turn: one alone would have most of his jobs held."""
IN_FLIGHT = 16

Accept = Callable[[int], Awaitable[object]]


def measure(scale: Scale) -> Iterator[Measure]:
    """Accept jobs on both sides, 16 requests in flight and one."""
    count, each = scale.pick(full=(7, 800), quick=(2, 100))
    with broker() as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        many = runner.run(_found(server, count, each, IN_FLIGHT))
        one = runner.run(_found(server, count, each, 1))
    yield Measure(
        5,
        f"accepted jobs per second, {IN_FLIGHT} requests in flight: Celery's apply_async in an async route",
        ratios(many["ours"], many["celery"]),
        at_least(2.8),
        _told(many),
        f"an LPUSH of a message of 1 KB alone: {number(percentile(many['floor'], 0.5))}/s",
    )
    yield Measure(
        5,
        "accepted jobs per second, one request after the other: Celery's apply_async",
        ratios(one["ours"], one["celery"]),
        None,
        _told(one),
        f"an LPUSH alone: {number(percentile(one['floor'], 0.5))}/s",
    )


async def _found(server: str, count: int, each: int, in_flight: int) -> Mapping[str, list[float]]:
    """Return each side's rates."""
    async with _sides(server) as sides:
        for accept in sides.values():
            await _rate(accept, 50, in_flight)
        found: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(count):
            names = list(sides)
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                found[name].append(await _rate(sides[name], each, in_flight))
    return found


@asynccontextmanager
async def _sides(server: str) -> AsyncIterator[Mapping[str, Accept]]:
    app, message = naive(f"{server}/1"), "x" * 1000
    task = app.task(name=TASK)(edit)
    async with open_gateway(GatewaySettings(redis_url=f"{server}/0")) as gateway:
        client = gateway.ledger.client

        async def ours(turn: int) -> object:
            return await gateway.ledger.apply(prepare(EDIT, owner=f"owner-{turn % OWNERS}").move)

        async def celery(_: int) -> object:
            return task.apply_async(args=[PHOTO], queue="image-utils")

        async def floor(_: int) -> object:
            return await client.lpush("floor", message)

        yield {"ours": ours, "celery": celery, "floor": floor}
        await client.flushall()


def edit(photo: str) -> None:
    """Stand for a task that somebody wrote; no worker runs it here."""


async def _rate(accept: Accept, times: int, in_flight: int) -> float:
    turns = iter(range(times))

    async def request() -> None:
        for turn in turns:
            await accept(turn)

    began = time.perf_counter()
    await asyncio.gather(*(request() for _ in range(in_flight)))
    return times / (time.perf_counter() - began)


def _told(found: Mapping[str, list[float]]) -> str:
    return ", ".join(f"{name} {number(percentile(found[name], 0.5))}/s" for name in ("ours", "celery"))
