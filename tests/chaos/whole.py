"""All of Darkroom behind proxies: a gateway, a worker of each profile, and lines to the servers that can be cut."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from tasks.jobs import Operation, State
from tests import lab
from tests.chaos.engine import Script
from tests.chaos.proxy import Proxy
from tests.chaos.stand import Gateway, Stand
from tests.tasks import pictures

PROFILES = ("cpu", "t4", "a100", "jobs")

NOTHING_FOUND = 422
"""The segmentation pool's answer to a photo without an object."""
PHOTO = pictures.encoded(pictures.photo(64, 64))


@dataclass
class Whole:
    """A stand on which everything runs."""

    stand: Stand
    gateway: Gateway
    workers: Mapping[str, lab.WorkerProcess]
    broker_line: Proxy
    cache_line: Proxy

    @property
    def http(self) -> httpx.Client:
        """A client of the gateway."""
        return self.gateway.http

    @property
    def pids(self) -> dict[str, int]:
        """The processes that live, by profile."""
        alive = {name: worker for name, worker in self.workers.items() if worker.process.poll() is None}
        return {name: worker.process.pid for name, worker in alive.items()} | {"gateway": self.gateway.process.pid}

    def submit(self, steps: int = 4, seconds: float = 0.02, operation: Operation = Operation.REMOVAL) -> str:
        """Submit a job as the gateway does, past the proxies; return its id."""
        return self.stand.submit(Script(steps=steps, seconds=seconds), operation)

    def probes(self) -> dict[str, Callable[[], bool]]:
        """Return something to ask of each pool through the gateway; it answers whether the pool did it."""
        return {
            "generation": self.generates,
            "image_utils": partial(self._posts, "/api/image-utils/resize", {"image/png": PHOTO}, width="32"),
            "segmentation": partial(self._posts, "/api/smart-mask/detect", {"image/png": PHOTO}),
            "job_manager": self.sweeps,
        }

    def generates(self) -> bool:
        """Whether a job is accepted and done."""
        answer = self.http.post("/api/generate", json={"prompt": Script(seconds=0.01).model_dump_json()})
        return answer.status_code == 200

    def sweeps(self) -> bool:
        """Whether a lost message is put back."""
        job_id = self.stand.submit_without_message(Script(seconds=0.01))
        return self.stand.until(job_id, State.DONE).result is not None

    def requests(self, job_id: str) -> dict[str, Callable[[], httpx.Response]]:
        """Return a request of each kind that a client sends, about a job that has ended where it has to name one."""
        get, post = self.http.get, self.http.post
        job = {"prompt": Script(seconds=0.01).model_dump_json()}
        photo = {"content": PHOTO, "headers": {"Content-Type": "image/png"}}
        return {
            "health": partial(get, "/api/health"),
            "system health": partial(get, "/api/system/health"),
            "status": partial(get, f"/api/generate/status/{job_id}"),
            "result": partial(get, f"/api/generate/result/{job_id}"),
            "result image": partial(get, f"/api/generate/result-image/{job_id}", headers={"Accept": "image/webp"}),
            "stream": partial(self._opens_stream, job_id),
            "cancel": partial(post, f"/api/generate/async/cancel/{job_id}"),
            "submit": partial(post, "/api/generate/async", json=job),
            "generate": partial(post, "/api/generate", json=job),
            "upload": partial(post, "/api/images", **photo),
            "utility": partial(post, "/api/image-utils/resize", params={"width": "32"}, **photo),
            "smart mask": partial(post, "/api/smart-mask/detect", **photo),
        }

    def _opens_stream(self, job_id: str) -> httpx.Response:
        with self.http.stream("GET", f"/api/generate/stream/{job_id}") as response:
            if not response.is_success:
                response.read()
            return response

    def _posts(self, path: str, content: dict[str, bytes], **query: str) -> bool:
        ((media_type, body),) = content.items()
        headers = {"Content-Type": media_type, "Accept": "image/*"}
        answer = self.http.post(path, params=query, content=body, headers=headers)
        return answer.is_success or answer.status_code == NOTHING_FOUND

    def recovery(self, since: float, within: float) -> dict[str, float]:
        """Ask each pool until it does what it is asked; return how long after ``since`` that was."""
        took: dict[str, float] = {}

        def ask(name: str, probe: Callable[[], bool]) -> None:
            while time.monotonic() - since < 2 * within:
                if probe():
                    took[name] = time.monotonic() - since
                    return
                threading.Event().wait(0.05)

        threads = [threading.Thread(target=ask, args=each) for each in self.probes().items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return took


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client got, and how long it took."""

    request: str
    status: int
    retry_after: str | None
    code: str | None
    """Of the problem, if it is one."""
    seconds: float

    @classmethod
    def to(cls, request: str, send: Callable[[], httpx.Response]) -> "Answer":
        """Send a request."""
        began = time.monotonic()
        response = send()
        took = time.monotonic() - began
        is_problem = response.headers.get("Content-Type") == "application/problem+json"
        code = response.json()["code"] if is_problem else None
        return cls(request, response.status_code, response.headers.get("Retry-After"), code, took)


def clients(requests: Mapping[str, Callable[[], httpx.Response]], seconds: float, every: float = 1) -> list[Answer]:
    """Send each request again and again, whatever became of the ones before; return the answers."""
    answers: list[Answer] = []

    def ask(name: str, send: Callable[[], httpx.Response]) -> None:
        answers.append(Answer.to(name, send))

    ends = time.monotonic() + seconds
    with ThreadPoolExecutor(len(requests) * 5) as threads:
        asked = []
        while time.monotonic() < ends:
            asked += [threads.submit(ask, *each) for each in requests.items()]
            threading.Event().wait(every)
        for each in asked:
            each.result()
    return answers


@contextmanager
def whole(folder: Path, settings: dict[str, str], **broker: str) -> Iterator[Whole]:
    """Start all of it; ``settings`` are environment variables, ``broker`` directives of the broker."""
    with ExitStack() as opened:
        stand = opened.enter_context(Stand(folder, settings, broker))
        assert stand.images  # the test's own store does not go through a proxy
        broker_line = opened.enter_context(Proxy(stand.broker.port))
        cache_line = opened.enter_context(Proxy(stand.cache.port))
        lines = {"REDIS_URL": broker_line.port, "IMAGE_CACHE_URL": cache_line.port}
        stand.environment |= {name: f"redis://127.0.0.1:{port}/0" for name, port in lines.items()}
        workers = dict(zip(PROFILES, stand.start_all(*PROFILES), strict=True))
        yield Whole(stand, stand.gateway(), workers, broker_line, cache_line)
