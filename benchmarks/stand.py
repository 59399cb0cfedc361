"""Processes to measure: Darkroom's own, each as it is deployed, and any server of a peer."""

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import numpy as np
import psutil
from PIL import Image

from tests import lab

PHOTO = lab.DATA / "launch-pad.jpg"
MASK = lab.DATA / "removal-mask.png"
READY_SECONDS = 120.0
PHOTO_SIZE = (2400, 1600)
PHOTO_GRAIN = 6.0
"""Standard deviation of its grain in grey levels; an enlarged photo is smooth, and would be a small file."""


@cache
def photo() -> bytes:
    """Return a photo as clients send them: a JPEG of 3.8 megapixels and 0.9 MB, the same one at each call."""
    with Image.open(PHOTO) as small:
        large = np.asarray(small.convert("RGB").resize(PHOTO_SIZE, Image.Resampling.BICUBIC), np.float32)
    grain = np.random.default_rng(1).normal(0, PHOTO_GRAIN, (*large.shape[:2], 1)).astype(np.float32)
    file = io.BytesIO()
    Image.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=87)
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class Darkroom:
    """A broker, an image cache, a store folder, workers and perhaps a gateway, on loopback."""

    url: str
    """Of the gateway; empty without one."""
    environment: Mapping[str, str]
    """What a process needs to join: REDIS_URL, IMAGE_CACHE_URL, IMAGE_STORE_URL."""
    gateway: psutil.Process | None
    workers: Mapping[str, psutil.Process]
    """By profile."""


@contextmanager
def darkroom(*profiles: str, gateway: bool = True, **environment: str) -> Iterator[Darkroom]:
    """Run workers of some profiles, and a gateway; stop all of it when the block ends.

    A profile may bring arguments: ``cpu -c 2``.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        every = {**stack.enter_context(lab.valkeys(folder)), "DARKROOM_LOG_FORMAT": "json", **environment}
        workers = {}
        for each in profiles:
            profile, *arguments = each.split()
            worker = lab.WorkerProcess(profile, every, folder / f"{profile}.log", *arguments)
            stack.callback(worker.stop)
            workers[profile] = worker
        for worker in workers.values():
            worker.wait_until_ready()
        url, process = "", None
        if gateway:
            port = lab.free_port()
            url = f"http://127.0.0.1:{port}"
            command = [sys.executable, "-m", "darkroom", "gateway", "--port", str(port)]
            process = stack.enter_context(serving(command, f"{url}/api/health", every, folder / "gateway.log"))
        processes = {profile: psutil.Process(worker.process.pid) for profile, worker in workers.items()}
        yield Darkroom(url, every, process, processes)


@contextmanager
def serving(
    command: list[str], ready: str, environment: Mapping[str, str], log: Path, cwd: Path | None = None
) -> Iterator[psutil.Process]:
    """Run a server from when its address ``ready`` answers at all until the block ends."""
    with running(command, environment, log, cwd) as process:
        lab.wait_for(lambda: answers(ready) or process.poll() is not None, ready, READY_SECONDS)
        if process.poll() is not None:
            raise RuntimeError(log.read_text()[-4000:])
        yield psutil.Process(process.pid)


@contextmanager
def running(
    command: list[str], environment: Mapping[str, str], log: Path, cwd: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process until the block ends; it may not have begun its work yet."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=output, stderr=output, cwd=cwd, start_new_session=True
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process and those that it started."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    process.terminate()
    for each in psutil.wait_procs(family, timeout=15)[1]:
        each.kill()
    process.wait(15)


def answers(url: str) -> bool:
    """Whether somebody speaks HTTP there."""
    try:
        httpx.get(url, timeout=5)
    except httpx.TransportError:
        return False
    return True
