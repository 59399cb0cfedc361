"""Row 6: many who wait at once, and how the gateway answers others meanwhile."""

import multiprocessing
import resource
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np

from benchmarks import load
from benchmarks.harness import Measure, Scale, at_most, percentile, ratios
from benchmarks.sleeper import TASK_SECONDS
from benchmarks.stand import Darkroom, darkroom
from tasks import imaging
from tasks.imaging.probe import Format
from tests import lab

WAITS = 150
SLOTS = 160
STREAMS = 1000
PAUSE_SECONDS = 0.005
"""Between two looks at the gateway's health, by somebody who measures and does not press."""
FILES = 4096
STREAMS_AT_ONCE = 50
"""Of the clients that open a stream: a burst of all of them would overflow the queue of connections to accept."""


def measure(scale: Scale, _: set[int]) -> Iterator[Measure]:
    """Wait with many for one second, then follow a job with many more."""
    rounds = scale.pick(full=7, quick=1)
    with _many_files(), ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as prober:
        with sleeping_worker() as stand:
            waits(stand, prober)  # connections to the broker are opened once
            walls, healths = zip(*(waits(stand, prober) for _ in range(rounds)), strict=True)
        with darkroom(DARKROOM_MAX_CONNECTIONS=str(STREAMS + 100)) as stand:
            idle, busy = streams(stand, prober, rounds, scale.pick(full=5.0, quick=1.5))
    yield Measure(
        6,
        f"{WAITS} requests that wait for a task of {TASK_SECONDS:g} s, {SLOTS} slots: all answered",
        tuple(walls),
        at_most(1.4, "s"),
        f"{1000 * (min(walls) - TASK_SECONDS) / WAITS:.1f} ms of all processes for each request",
        "a request costs gateway and worker a few ms of processor, and all of them come at once",
    )
    yield Measure(
        6,
        "health p95 meanwhile",
        tuple(1000 * each for each in healths),
        at_most(5, "ms"),
        limit="the burst: what came before on the same loop",
    )
    yield Measure(
        6,
        f"health p95 with {STREAMS:,} event streams on one process: idle",
        ratios(busy, idle),
        at_most(2),
        f"{1000 * min(busy):.2f} ms against {1000 * min(idle):.2f} ms",
    )


@contextmanager
def sleeping_worker() -> Iterator[Darkroom]:
    """A gateway, and a worker for image utilities with many threads."""
    with darkroom() as stand, ExitStack() as stack:
        log = Path(stand.environment["IMAGE_STORE_URL"].removeprefix("file://")).parent / "sleeper.log"
        # A profile with threads that loads no model, on the queue of the utilities.
        arguments = ("-Q", "image-utils", "-c", str(SLOTS))
        worker = lab.WorkerProcess("t4", dict(stand.environment), log, *arguments, module="benchmarks.sleeper")
        stack.callback(worker.stop)
        worker.wait_until_ready()
        yield stand


def waits(stand: Darkroom, prober: ProcessPoolExecutor) -> tuple[float, float]:
    """Ask with many at once; return the seconds until all have their answers, and health's p95 in that time."""
    picture = imaging.codec.encode(np.zeros((8, 8, 3), np.uint8), Format.PNG)
    url = f"{stand.url}/api/image-utils/resize?width=4"
    request = load.request("POST", url, picture, content_type="image/png", accept="image/*")
    connections = [load.Connection(stand.url) for _ in range(WAITS)]
    statuses: list[int] = []
    go = threading.Barrier(WAITS + 1)

    def client(connection: load.Connection) -> None:
        go.wait()
        statuses.append(connection.ask(request)[0])

    threads = [threading.Thread(target=client, args=(connection,)) for connection in connections]
    for each in threads:
        each.start()
    looking = prober.submit(healths, stand.url, 1.5 * TASK_SECONDS)
    time.sleep(0.1 * TASK_SECONDS)  # it has begun by then, and goes on until about the last answer
    go.wait()
    began = time.perf_counter()
    for each in threads:
        each.join()
    wall = time.perf_counter() - began
    for connection in connections:
        connection.close()
    if statuses != [200] * WAITS:
        raise RuntimeError(f"answers: {sorted(set(statuses))}")
    return wall, percentile(looking.result(), 0.95)


def streams(stand: Darkroom, prober: ProcessPoolExecutor, rounds: int, long: float) -> tuple[list[float], list[float]]:
    """Return health's p95 without and with the streams, in seconds, by round."""
    job_id = _waiting_job(stand)
    idle, busy = [], []
    for _ in range(rounds):
        idle.append(percentile(prober.submit(healths, stand.url, long).result(), 0.95))
        with following(stand, job_id):
            busy.append(percentile(prober.submit(healths, stand.url, long).result(), 0.95))
    return idle, busy


@contextmanager
def following(stand: Darkroom, job_id: str) -> Iterator[None]:
    """Follow a job with many clients while the block lasts; each has had its first event when it begins."""
    address = urlsplit(stand.url)
    request = load.request("GET", f"{stand.url}/api/generate/stream/{job_id}")
    clients: list[socket.socket] = []
    try:
        for _ in range(STREAMS // STREAMS_AT_ONCE):
            new = [socket.create_connection((address.hostname, address.port), 30) for _ in range(STREAMS_AT_ONCE)]
            clients += new
            for client in new:
                client.sendall(request)
            for client in new:
                _await_event(client)
        yield
    finally:
        for client in clients:
            client.close()


def _await_event(client: socket.socket) -> None:
    read = b""
    while b"data:" not in read:
        piece = client.recv(65536)
        if not piece:
            raise ConnectionError(read.decode(errors="replace") or "The server hung up.")
        read += piece


def healths(url: str, seconds: float) -> list[float]:
    """Ask for the gateway's health again and again; return how long each answer took. Runs in a process of its own."""
    connection, request = load.Connection(url), load.request("GET", f"{url}/api/health")
    took = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        connection.ask(request)
        took.append(time.perf_counter() - began)
        time.sleep(PAUSE_SECONDS)
    connection.close()
    return took


def _waiting_job(stand: Darkroom) -> str:
    """Submit a job that nobody takes."""
    photo = imaging.codec.encode(np.full((64, 64, 3), 128, np.uint8), Format.PNG)
    data = {"task_type": "white-balance"}
    answer = httpx.post(f"{stand.url}/api/generate/async", files={"input_image": photo}, data=data)
    return str(answer.raise_for_status().json()["task_id"])


@contextmanager
def _many_files() -> Iterator[None]:
    """Let this process and those that it starts have a socket for each client."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
