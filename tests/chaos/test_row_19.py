"""Row 19: hostile input while others work: bombs, endless bodies, forms without end, clients that drip."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

import httpx
import psutil

from tests import corpus
from tests.chaos.conftest import MakeStand
from tests.chaos.report import Report
from tests.chaos.scale import pick
from tests.chaos.stand import Gateway

ATTACK_SECONDS = pick(short=4.0, full=60.0)
ALONE_SECONDS = pick(short=2.0, full=20.0)
MOST_GROWTH = 200_000_000
SLOWER = 2.0
"""How much longer the slowest answers to others may take."""
GRAIN_SECONDS = pick(short=2.0, full=0.2)
"""What a slowest answer may take in any case: nobody waits for so short a time, and in the short row other tests share
the cores."""
NEIGHBOUR_SECONDS = pick(short=0.0, full=30.0)
"""How long the same clients have another gateway first: what that costs is the machine's, who shares its cores, and
not the gateway's."""
EVERY_SECONDS = 0.02
"""Between two requests of the ordinary client, and between two looks at the memory."""

ALLOWED = frozenset({0, 200, 201, *range(400, 500), 503})
"""Taken (what inflates to more than its header says is a sound picture), refused, shed for want of room, or cut off."""

PHOTO = corpus.plain("PNG", 64)


@dataclass
class Memory:
    """What processes hold: when they were first looked at, and at most. A worker's children come and go."""

    gateway: psutil.Process
    worker: psutil.Process
    first: dict[str, int] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)

    @property
    def growth(self) -> dict[str, int]:
        """Bytes by kind of process; of children, the most that one of them grew."""
        kinds: dict[str, int] = {}
        for name, most in self.most.items():
            kind = name.partition(" ")[0]
            kinds[kind] = max(most - self.first[name], kinds.get(kind, 0))
        return kinds

    def look(self) -> None:
        """Read all of them once."""
        children = {f"child {child.pid}": child for child in self.worker.children()}
        for name, process in {"gateway": self.gateway, "worker": self.worker, **children}.items():
            with suppress(psutil.NoSuchProcess):
                held = process.memory_info().rss
                self.first.setdefault(name, held)
                self.most[name] = max(held, self.most.get(name, 0))


@contextmanager
def watched(memory: Memory) -> Iterator[None]:
    """Look at the memory again and again while the block runs."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(EVERY_SECONDS):
            memory.look()

    memory.look()
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def slowest(url: str, job_id: str, seconds: float) -> dict[str, float]:
    """Ask what ordinary clients ask, in turn; return the 99th percentile of each in seconds."""
    with httpx.Client(base_url=url, timeout=60) as http:
        photo = {"content": PHOTO, "headers": {"Content-Type": "image/png"}}
        asked: dict[str, Callable[[], httpx.Response]] = {
            "health": partial(http.get, "/api/health"),
            "status": partial(http.get, f"/api/generate/status/{job_id}"),
            "upload": partial(http.post, "/api/images", **photo),
            "utility": partial(http.post, "/api/image-utils/resize", params={"width": "32"}, **photo),
        }
        took: dict[str, list[float]] = {name: [] for name in asked}
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for name, ask in asked.items():
                began = time.monotonic()
                assert ask().is_success, name
                took[name].append(time.monotonic() - began)
            threading.Event().wait(EVERY_SECONDS)
    return {name: sorted(each)[len(each) * 99 // 100] for name, each in took.items()}


@contextmanager
def attacked(gateway: Gateway, seconds: float, counted: dict[str, int]) -> Iterator[None]:
    """Have hostile clients at a gateway for some seconds, from the block on, and wait for their end."""
    command = [sys.executable, "-m", "tests.chaos.attack", gateway.url, str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
        counted |= json.loads(process.stdout.readline())


def beside_a_neighbour(make_stand: MakeStand, url: str, job_id: str) -> dict[str, float]:
    """Return the slowest answers of a gateway while hostile clients have another one on the same machine."""
    if not NEIGHBOUR_SECONDS:
        return {}
    stand = make_stand()
    worker = stand.start("cpu", "-c", "2")
    gateway = stand.gateway()
    with attacked(gateway, NEIGHBOUR_SECONDS, {}):
        took = slowest(url, job_id, NEIGHBOUR_SECONDS)
    for each in (gateway.process, worker.process):
        each.terminate()
        each.wait(30)
    return took


def test_hostile_input_disturbs_nobody(make_stand: MakeStand, report: Report) -> None:
    """Every hostile request is refused, no process grows by 200 MB, and others wait at most twice as long as otherwise.

    Otherwise is alone, or on a machine whose cores the same hostile clients share without touching this gateway.
    """
    stand = make_stand()
    worker = stand.start("cpu", "-c", "2")
    gateway = stand.gateway()
    job_id = stand.submit()
    memory = Memory(psutil.Process(gateway.process.pid), psutil.Process(worker.process.pid))
    slowest(gateway.url, job_id, 0.5)
    alone = slowest(gateway.url, job_id, ALONE_SECONDS)
    shared = beside_a_neighbour(make_stand, gateway.url, job_id)
    counted: dict[str, int] = {}
    with watched(memory), attacked(gateway, ATTACK_SECONDS, counted):
        beside = slowest(gateway.url, job_id, ATTACK_SECONDS)
    report.row(
        19,
        injected=", ".join(f"{count} {kind}" for kind, count in sorted(counted.items())),
        counted=f"memory grew by {', '.join(f'{name} {grown / 1e6:.0f} MB' for name, grown in memory.growth.items())}",
        measured="; ".join(
            f"p99 {when}: {', '.join(f'{name} {1000 * seconds:.0f} ms' for name, seconds in took.items())}"
            for when, took in {"alone": alone, "attack next door": shared, "attacked": beside}.items()
            if took
        ),
        bound=f"{MOST_GROWTH / 1e6:.0f} MB; {SLOWER:g} times the larger of the two, or {1000 * GRAIN_SECONDS:.0f} ms",
    )
    assert {kind for kind in counted if int(kind.rpartition(" ")[2]) not in ALLOWED} == set()
    assert any("1 GB with its length: 413" in kind for kind in counted)
    assert max(memory.growth.values()) < MOST_GROWTH
    otherwise = {name: max(took, shared.get(name, 0.0)) for name, took in alone.items()}
    assert {name: took for name, took in beside.items() if took > max(SLOWER * otherwise[name], GRAIN_SECONDS)} == {}
