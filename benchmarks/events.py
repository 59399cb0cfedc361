"""How long after an event a client of its stream has it, on the embedded stack, against a bare PUBLISH to SUBSCRIBE.

The event's time is the ledger's (its stream id, in whole milliseconds), the arrival's this process's, on one machine.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import redis.asyncio

from darkroom.stack import StackSettings, free_ports, start
from darkroom.supervisor import Supervisor

JOBS = 10
DATA = Path(__file__).parent.parent / "tests" / "data"


async def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        names = ("port", "flower_port", "broker_port", "cache_port")
        settings = StackSettings(data=Path(folder), **dict(zip(names, free_ports(4), strict=True)))
        async with Supervisor(lambda _name, _line: None) as supervisor:
            await start(settings, supervisor)
            async with httpx.AsyncClient(base_url=settings.gateway_url, timeout=60) as client:
                delays = [delay for _ in range(JOBS) async for delay in job(client)]
            bare = await bare_round_trips(settings.broker)
    for name, values in (("event to client", delays), ("publish to subscriber", bare)):
        ordered = sorted(values)
        median, p95, longest = (
            1000 * each for each in (statistics.median(ordered), ordered[-len(ordered) // 20], ordered[-1])
        )
        print(f"{name:22} median {median:6.1f} ms   p95 {p95:6.1f} ms   max {longest:6.1f} ms   n {len(ordered)}")


async def job(client: httpx.AsyncClient) -> AsyncIterator[float]:
    """Run one removal and yield the delay of each event that happened while the stream was open."""
    files = {"input_image": (DATA / "launch-pad.jpg").read_bytes(), "mask": (DATA / "removal-mask.png").read_bytes()}
    accepted = await client.post("/api/generate/async", data={"task_type": "removal"}, files=files)
    opened = time.time()
    async with client.stream("GET", f"/api/generate/stream/{accepted.json()['task_id']}") as answer:
        event_id = ""
        async for text in answer.aiter_lines():
            if text.startswith("id:"):
                event_id = text[3:].strip()
            if not text and event_id:
                happened = int(event_id.partition("-")[0]) / 1000
                if happened > opened + 0.01:
                    yield time.time() - happened
                event_id = ""


async def bare_round_trips(url: str) -> list[float]:
    """Return seconds from PUBLISH to the subscriber, without anything between."""
    client = redis.asyncio.Redis.from_url(url)
    seconds = []
    async with client.pubsub() as pubsub:
        await pubsub.subscribe("bench")
        await pubsub.get_message(timeout=1)
        for _ in range(200):
            started = time.perf_counter()
            await client.publish("bench", json.dumps({"at": started}))
            await pubsub.get_message(timeout=1)
            seconds.append(time.perf_counter() - started)
    await client.aclose()
    return seconds


if __name__ == "__main__":
    asyncio.run(main())
