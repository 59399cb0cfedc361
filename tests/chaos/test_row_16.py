"""Row 16: the gateway is killed under its clients."""

import asyncio
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field

import httpx

from tasks.jobs import Operation, State
from tests import lab
from tests.chaos.engine import Script
from tests.chaos.report import Report
from tests.chaos.scale import pick
from tests.chaos.whole import Whole

FOLLOWERS = pick(short=40, full=200)
WAITERS = pick(short=10, full=50)
FOLLOWED = pick(short=4, full=10)
"""Jobs that the followers share."""
STEPS = pick(short=8, full=12)
PAUSE_SECONDS = 0.2
"""Until a client comes back whose connection was cut."""


@dataclass
class Follower:
    """One client of an event stream, which comes back with Last-Event-ID until it has the final event."""

    job_id: str
    told: list[tuple[str, str]] = field(default_factory=list)
    """Ids with what was said under them; a job's place in the line changes without an event of its own."""
    is_final: bool = False
    connections: int = 0

    @property
    def ids(self) -> list[str]:
        """The events, in the order in which they came."""
        return list(dict.fromkeys(event_id for event_id, _ in self.told))

    async def follow(self, client: httpx.AsyncClient) -> None:
        """Follow to the end."""
        while not self.is_final:
            headers = {"Last-Event-ID": self.ids[-1]} if self.ids else {}
            try:
                async with client.stream("GET", f"/api/generate/stream/{self.job_id}", headers=headers) as response:
                    self.connections += response.is_success
                    await self._read(response)
            except httpx.TransportError:
                await asyncio.sleep(PAUSE_SECONDS)

    async def _read(self, response: httpx.Response) -> None:
        data = ""
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "data":
                data = value
            elif name == "id":
                status = json.loads(data)
                self.told.append((value, json.dumps({**status, "eta_seconds": None})))
                self.is_final = State(status["status"]).is_final


async def wait_for_result(client: httpx.AsyncClient, key: str) -> tuple[int, str]:
    """Submit and hold the line, again and again under one key; return how often, and the job's id."""
    body = {"prompt": Script(label=key, steps=2, seconds=0.05).model_dump_json()}
    tries = 0
    while True:
        tries += 1
        try:
            answer = await client.post("/api/generate", json=body, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        if answer.status_code == 200:
            return tries, str(answer.json()["task_id"])
        await asyncio.sleep(PAUSE_SECONDS)


def test_a_killed_gateway_cuts_nobody_off(town: Whole, report: Report) -> None:
    """Streams and waiting requests of a killed gateway go on with the next one: no event is missed or told twice."""
    jobs = [town.submit(STEPS, 0.1, Operation.TEXT_TO_IMAGE) for _ in range(FOLLOWED)]
    followers = [Follower(jobs[number % FOLLOWED]) for number in range(FOLLOWERS)]
    keys = [f"waits-{number}-{time.time()}" for number in range(WAITERS)]
    victim = town.gateway

    async def clients() -> list[tuple[int, str]]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=victim.url, timeout=60, limits=limits) as client:
            async with asyncio.TaskGroup() as group:
                waiting = [group.create_task(wait_for_result(client, key)) for key in keys]
                for follower in followers:
                    group.create_task(follower.follow(client))
                await asyncio.to_thread(
                    lab.wait_for, lambda: all(each.told for each in followers), "every stream to begin"
                )
                victim.kill()
                town.gateway = await asyncio.to_thread(town.stand.gateway, victim.port)
            return [task.result() for task in waiting]

    began = time.monotonic()
    waited = asyncio.run(clients())
    took = time.monotonic() - began
    events: dict[str, list[str]] = {job_id: [event.id for event in town.stand.events(job_id)] for job_id in jobs}
    told: dict[str, int] = defaultdict(int)
    for follower in followers:
        told["missed"] += len(set(events[follower.job_id]) - set(follower.ids))
        told["twice"] += len(follower.told) - len(set(follower.told))
    started = [entry.label for entry in town.stand.diary.read("started")]
    executions = [started.count(key) for key in keys]
    report.row(
        16,
        injected=f"SIGKILL of the gateway with {FOLLOWERS} streams of {FOLLOWED} jobs and {WAITERS} waiting requests",
        counted=f"{sum(each.connections > 1 for each in followers)} streams came back; "
        f"{sum(map(len, events.values()))} events: missed {told['missed']}, told twice {told['twice']}; "
        f"{len(set(waited))} results, {sum(tries > 1 for tries, _ in waited)} of them by a second request, "
        f"executions per job {set(executions)}",
        measured=f"all clients served after {took:.1f} s",
        bound="0 missed",
    )
    assert told == {"missed": 0, "twice": 0}
    assert all(follower.ids == events[follower.job_id] for follower in followers)
    assert set(executions) == {1}
    assert len({job_id for _, job_id in waited}) == WAITERS
    assert sum(tries > 1 for tries, _ in waited) > 0
    town.stand.verify(*jobs)
