"""Row 16: from the command to the first edit, and from a worker's process to its first message."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.harness import Measure, Scale, at_most, number
from benchmarks.stand import MASK, PHOTO
from tests import lab
from worker_profiles import ProfileName

READY = "Darkroom is ready: "
PORTS = ("PORT", "FLOWER_PORT", "BROKER_PORT", "CACHE_PORT")


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the whole, in seconds since the command."""

    ready: float
    """When it said so: every service answers."""
    edited: float
    """When its first edit was there."""


def measure(scale: Scale, _: set[int]) -> Iterator[Measure]:
    """Start everything, and workers one by one."""
    starts = [first_edit() for _ in range(scale.pick(full=5, quick=1))]
    ready = sorted(start.ready for start in starts)[len(starts) // 2]
    edit = sorted(start.edited - start.ready for start in starts)[len(starts) // 2]
    yield Measure(
        16,
        "make up, set up already, until the first edit is done",
        tuple(start.edited for start in starts),
        at_most(4, "s"),
        f"{number(ready)} s until everything answers, {number(edit)} s for a removal on 0.24 MP",
        "the processor: six processes load what they need, and all cores do nothing else meanwhile",
    )
    profiles = scale.pick(full=tuple(ProfileName), quick=(ProfileName.CPU,))
    rounds = [{profile: worker_start(profile) for profile in profiles} for _ in range(scale.pick(full=5, quick=1))]
    slowest = max(profiles, key=lambda profile: sum(each[profile] for each in rounds))
    yield Measure(
        16,
        f"a worker without a model, process to consuming: the slowest profile, {slowest}",
        tuple(each[slowest] for each in rounds),
        at_most(1.5, "s"),
        ", ".join(f"{profile} {number(min(each[profile] for each in rounds))} s" for profile in profiles),
        "loading Celery, numpy, OpenCV and pydantic's models, with the machine to itself",
    )


def first_edit() -> Start:
    """Start Darkroom in an empty folder, as `make up` does, and have it remove an object."""
    photo, mask = PHOTO.read_bytes(), MASK.read_bytes()
    with httpx.Client(timeout=60) as client, running() as (url, began):
        ready = time.perf_counter() - began
        files = {"input_image": photo, "mask": mask}
        client.post(f"{url}/api/generate", files=files, data={"task_type": "removal"}).raise_for_status()
        return Start(ready, time.perf_counter() - began)


@contextmanager
def running() -> Iterator[tuple[str, float]]:
    """Run `darkroom up`; yields its address once it says that it is ready, and when the command was given."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: str(lab.free_port()) for name in PORTS} | {"DARKROOM_DATA": folder}
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "darkroom", "up"],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None  # noqa: S101 - for the type checker
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith(READY):
                    break
            else:
                raise RuntimeError("".join(lines[-40:]))
            yield line.removeprefix(READY).strip(), began
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()


def worker_start(profile: ProfileName) -> float:
    """Return the seconds from a worker's process to its first look at its queue."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with lab.valkeys(folder) as urls:
            began = time.perf_counter()
            worker = lab.WorkerProcess(profile, urls, folder / "log")
            try:
                worker.wait_until_ready()
                return time.perf_counter() - began
            finally:
                worker.stop()
