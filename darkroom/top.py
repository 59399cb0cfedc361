"""`darkroom top`: pools, queues, jobs and what went wrong, on a terminal or as JSON.

It asks the broker and not a gateway: it is needed most when a gateway does not answer.
"""

import contextlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from api.pools import Health, Pool, pools_of
from darkroom.errors import CommandError, UnreachableError
from tasks import ledger
from tasks.errors import DarkroomError, UnavailableError
from tasks.figures import Failed, Figures, Glance, OpenJob
from tasks.jobs import State
from tasks.ledger import Ledger
from tasks.metrics import JOBS_FINISHED
from tasks.settings import settings
from worker_profiles import Service, for_queue

MOST_JOBS = 1000
"""Open jobs that are looked at; a gateway lets 500 wait."""
MOST_FAILURES = 8
"""Shown on a terminal; JSON has all that are kept."""
_FIXED_LINES = 14
"""Of a terminal: headings, pools and the rest that is always there."""

_COLOURS: Mapping[Health, str] = {
    Health.HEALTHY: "green",
    Health.ASLEEP: "bright_black",
    Health.STARTING: "yellow",
    Health.DEGRADED: "bold red",
    Health.DOWN: "bold red",
}
_KIB = 1024


@dataclass(frozen=True, slots=True)
class PoolView:
    """One pool. Times are seconds."""

    pool: str
    service: Service
    queue: str
    status: Health
    message: str
    """What its workers load while none serves yet."""
    workers: int
    desired: int | None
    """Machines that it should have; None where nothing scales it."""
    desired_reason: str | None
    states: dict[str, int]
    slots: int
    in_flight: int
    messages: int
    waiting_jobs: int
    open_jobs: int
    oldest_seconds: float
    gpus: list[dict[str, Any]]
    """As ``tasks.gpu`` tells of them."""


@dataclass(frozen=True, slots=True)
class View:
    """Everything at one moment; as JSON it is what `darkroom top --json` prints."""

    at: float
    """Unix seconds by the broker's clock."""
    memory_bytes: int
    """Of the broker."""
    memory_share: float
    """0 where it has no limit."""
    pools: tuple[PoolView, ...]
    open: dict[str, dict[str, int]]
    """Open jobs by operation and state."""
    finished: dict[str, dict[str, int]]
    """Jobs that have ever ended, by operation and state."""
    jobs: tuple[OpenJob, ...]
    dead_letters: int
    dead_messages: int
    due_webhooks: int
    dead_webhooks: int
    failures: tuple[Failed, ...]


def read(book: Ledger) -> View:
    """Return everything as it is now. Raises ``UnavailableError`` (broker_unavailable)."""
    overview = book.apply(ledger.overview())
    figures, glance = book.apply(ledger.figures()), book.apply(ledger.glance(MOST_JOBS))
    return view_of([_pool(pool) for pool in pools_of(overview).values()], figures, glance, overview.memory_share)


def view_of(pools: list[PoolView], figures: Figures, glance: Glance, memory_share: float) -> View:
    """Join what the broker told."""
    ended = figures.totals.counters.get(JOBS_FINISHED, {})
    return View(
        at=glance.at,
        memory_bytes=figures.memory_bytes,
        memory_share=memory_share,
        pools=tuple(pools),
        open=_nested(figures.open_jobs),
        finished=_nested({(labels[0], labels[1]): int(jobs) for labels, jobs in ended.items()}),
        jobs=glance.jobs,
        dead_letters=figures.dead_letters,
        dead_messages=figures.dead_messages,
        due_webhooks=figures.due_webhooks,
        dead_webhooks=figures.dead_webhooks,
        failures=glance.failures,
    )


def run(*, once: bool, as_json: bool, seconds: float) -> None:
    """Show the view until Ctrl-C; once where that is asked for, or where nobody can watch. Raises ``CommandError``."""
    console = Console()
    with _ledger() as book:
        if as_json or once or not console.is_terminal:
            view = _read(book)
            if as_json:
                console.file.write(json.dumps(asdict(view)) + "\n")
            else:
                console.print(render(view, MOST_JOBS))
        else:
            with contextlib.suppress(KeyboardInterrupt):
                _watch(console, lambda: _frame(book, console.height), seconds)


def render(view: View, most_jobs: int) -> RenderableType:
    """Return the view for a terminal, with so many jobs at most."""
    return Group(_headline(view), _pools(view), *_jobs(view, most_jobs), *_failures(view))


def _watch(console: Console, frame: Callable[[], RenderableType], seconds: float) -> None:
    with Live(frame(), console=console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(seconds)
            live.update(frame(), refresh=True)


def _frame(book: Ledger, height: int) -> RenderableType:
    try:
        return render(read(book), max(3, height - _FIXED_LINES - MOST_FAILURES))
    except UnavailableError as error:
        return Text(f"{error.detail} (trying again)", style="bold red")


def _read(book: Ledger) -> View:
    try:
        return read(book)
    except UnavailableError as error:
        raise UnreachableError(error.detail) from error
    except DarkroomError as error:
        raise CommandError(error.detail) from error


@contextlib.contextmanager
def _ledger() -> Iterator[Ledger]:
    book = ledger.connect(settings().redis_url, patience_seconds=1)
    try:
        yield book
    finally:
        book.client.close()


def _pool(pool: Pool) -> PoolView:
    depth = pool.depth
    return PoolView(
        pool=for_queue(depth.queue).name,
        service=pool.service,
        queue=depth.queue,
        status=pool.health,
        message=pool.loading or "",
        workers=len(pool.workers),
        desired=pool.capacity.desired if pool.capacity else None,
        desired_reason=pool.capacity.reason if pool.capacity else None,
        states=dict(Counter(str(worker["state"]) for worker in pool.workers)),
        slots=pool.slots,
        in_flight=pool.busy,
        messages=depth.messages,
        waiting_jobs=depth.waiting_jobs,
        open_jobs=depth.open_jobs,
        oldest_seconds=round(depth.oldest_seconds, 3),
        gpus=[worker["gpu"] for worker in pool.workers if worker.get("gpu")],
    )


def _nested(counts: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = defaultdict(dict)
    for (operation, state), jobs in sorted(counts.items()):
        nested[operation][state] = jobs
    return dict(nested)


def _headline(view: View) -> RenderableType:
    ended: Counter[str] = Counter()
    for states in view.finished.values():
        ended.update(states)
    share = f" ({view.memory_share:.0%})" if view.memory_share else ""
    ends = ", ".join(f"{ended[state]} {state}" for state in (State.DONE, State.ERROR, State.CANCELLED))
    clock, still_open = time.strftime("%H:%M:%S", time.localtime(view.at)), sum(map(_total, view.open.values()))
    line = Text(f"{clock}  jobs: {still_open} open; {ends}  broker: {view.memory_bytes / _KIB**2:.0f} MiB{share}")
    for count, what in (
        (view.dead_letters, "dead letters (`darkroom jobs dead`)"),
        (view.dead_messages, "malformed messages"),
        (view.dead_webhooks, "webhooks not delivered"),
    ):
        if count:
            line.append(f"  {count} {what}", style="bold red")
    return line


def _total(states: Mapping[str, int]) -> int:
    return sum(states.values())


def _pools(view: View) -> Table:
    table = Table(box=None, title_justify="left", pad_edge=False)
    scaled = any(pool.desired is not None for pool in view.pools)
    texts = {"pool", "status", "workers", "GPU"}
    numbers = (*(["wanted"] if scaled else []), "running", "messages", "jobs waiting", "open jobs", "oldest")
    for name in ("pool", "status", "workers", *numbers, "GPU"):
        table.add_column(name, justify="left" if name in texts else "right")
    for pool in view.pools:
        table.add_row(
            *(pool.pool, Text(pool.status, style=_COLOURS[pool.status])),
            Text(", ".join(f"{count} {state}" for state, count in pool.states.items()) or pool.message or "none"),
            *(["" if pool.desired is None else str(pool.desired)] if scaled else []),
            *(f"{pool.in_flight}/{pool.slots}", str(pool.messages), str(pool.waiting_jobs), str(pool.open_jobs)),
            age(pool.oldest_seconds),
            Text(" ".join(map(_gpu, pool.gpus))),
        )
        if pool.message and pool.states:
            table.add_row("", "", Text(pool.message, style="yellow"))
    return table


def _gpu(gpu: Mapping[str, Any]) -> str:
    used, most = (gpu[name] / _KIB**3 for name in ("memory_used", "memory_total"))
    return f"{gpu['utilisation']:.0%} {used:.0f}/{most:.0f} GiB"


def _jobs(view: View, most: int) -> Iterator[RenderableType]:
    if not view.jobs:
        return
    table = Table("job", "operation", "state", "step", "age", "worker", "doing", box=None, pad_edge=False)
    for job in view.jobs[:most]:
        step = f"{job.step}/{job.total_steps}" if job.total_steps else ""
        again = f" (attempt {job.attempts})" if job.attempts > 1 else ""
        told = (job.id, job.operation, job.state, step, age(job.age), job.worker, f"{job.message}{again}")
        table.add_row(*map(Text, told))
    yield Text("")
    yield table
    if len(view.jobs) > most:
        yield Text(f"and {len(view.jobs) - most} more", style="bright_black")


def _failures(view: View) -> Iterator[RenderableType]:
    if not view.failures:
        return
    table = Table("failed", "code", "operation", "job", "worker", box=None, pad_edge=False)
    for failed in view.failures[:MOST_FAILURES]:
        told = (f"{age(view.at - failed.at)} ago", failed.code, failed.operation, failed.id, failed.worker)
        table.add_row(*map(Text, told))
    yield Text("")
    yield table


def age(seconds: float) -> str:
    """Return a time in two units at most: 8 s, 3 min 20 s, 2 h 5 min."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
