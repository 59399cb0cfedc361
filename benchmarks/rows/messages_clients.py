"""Row 15's second half: what a gateway holds for each client that waits."""

import json
import select
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil

from benchmarks import load, stand
from benchmarks.harness import Measure, Scale, at_most
from tests import lab

SETTLE_SECONDS = 0.3
BUSY_PERCENT = 20
"""Of a core; while requests are taken in a gateway uses most of one."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway without workers."""

    url: str
    process: psutil.Process

    @property
    def memory(self) -> int:
        """Bytes that it holds."""
        return int(self.process.memory_info().rss)


@contextmanager
def gateway(broker_url: str, folder: Path) -> Iterator[Gateway]:
    """Run a gateway on a broker until the block ends."""
    port = lab.free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "REDIS_URL": broker_url,
        "IMAGE_CACHE_URL": broker_url,
        "IMAGE_STORE_URL": f"file://{folder}/images",
        "DARKROOM_LOG_FORMAT": "json",
        "DARKROOM_MAX_WAITING_JOBS": "1000000",  # else a long line's clients are refused, and do not wait
    }
    command = [sys.executable, "-m", "darkroom", "gateway", "--port", str(port)]
    with stand.serving(command, f"{url}/api/health", environment, folder / f"gateway-{port}.log") as process:
        yield Gateway(url, process)


def memory_of_clients(scale: Scale, for_streams: Gateway, for_requests: Gateway) -> Iterator[Measure]:
    """Have clients wait for jobs that nobody takes: on event streams, and in sync requests.

    Each kind has a gateway of its own: what the first kind gave back, the second would take again at no growth.
    """
    count = scale.pick(full=300, quick=50)
    edit = _edit(for_streams)
    accepted = httpx.post(f"{for_streams.url}/api/generate/async", content=edit, headers=_kind("application/json"))
    follow = load.request("GET", f"{for_streams.url}/api/generate/stream/{accepted.json()['task_id']}")
    wait = load.request(
        "POST", f"{for_requests.url}/api/generate", _edit(for_requests), content_type="application/json"
    )
    for what, one, request in (("event stream", for_streams, follow), ("sync request", for_requests, wait)):
        per_client = _memory_per_client(one, request, count, speaks=request is follow)
        yield Measure(
            15,
            f"a gateway's memory for a client that waits: {what}, {count} of them",
            (per_client / 1000,),
            at_most(64, " KB"),
        )


def _edit(one: Gateway) -> bytes:
    photo = httpx.post(f"{one.url}/api/images", content=stand.PHOTO.read_bytes(), headers=_kind("image/jpeg"))
    return json.dumps({"task_type": "white-balance", "input_image": photo.json()["image_id"]}).encode()


def _kind(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type}


def _memory_per_client(one: Gateway, request: bytes, count: int, *, speaks: bool) -> float:
    """Return the growth per client, from a gateway that has seen a few of them already."""
    with _waiting(one, request, count // 5, speaks=speaks):
        pass
    time.sleep(SETTLE_SECONDS)
    before = one.memory
    with _waiting(one, request, count, speaks=speaks):
        return (one.memory - before) / count


@contextmanager
def _waiting(one: Gateway, request: bytes, count: int, *, speaks: bool) -> Iterator[None]:
    """Have so many clients wait; ``speaks``: the answer begins at once."""
    address = urlsplit(one.url)
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection((address.hostname, address.port), 60)) for _ in range(count)
        ]
        for each in clients:
            each.sendall(request)
        for each in clients if speaks else ():
            each.recv(4096)
        lab.wait_for(lambda: one.process.cpu_percent(SETTLE_SECONDS) < BUSY_PERCENT, "a gateway at rest")
        if not speaks and select.select(clients, [], [], 0)[0]:
            raise RuntimeError("A client was answered that should wait.")
        yield
