"""The job manager: one record per job in Valkey, and the only moves that can change it.

Celery on Redis alone loses and repeats messages (docs/decisions/0001). So Celery carries job ids, and the ledger
decides: each move is one Lua script, atomic on the server, legal or refused. A move is a value, built by a function
of this module and applied by whoever holds a connection, blocking (``Ledger``) or not (``AsyncLedger``)::

    opening:  submit ─► claim ─► launch ─► enter, part … (chord header)
    body:     claim ─► renew … ─► finish
    any time: cancel; release (drain); requeue (sweeper)

Keys, all under ``darkroom:``: ``job:{id}`` (hash), ``events:{id}`` (stream of at most 200, from the second event on),
``jobs:open`` (sorted by when the sweeper looks next), ``jobs:open:{queue}`` (those that a pool has to work on),
``jobs:waiting:{queue}`` (the line before a pool), ``jobs:seconds`` (learned durations), ``jobs:dead`` (dead letters),
``workers`` and ``worker:{name}`` (who is alive), ``capacity`` (what the scaler decided); of each owner
``jobs:of:{owner}`` (his open jobs), ``jobs:ahead:{priority}:{owner}`` and ``jobs:held:{priority}:{owner}`` (his share
of the line), and ``jobs:turns:{queue}`` (whose turn it is), as told in ``prelude.lua``; ``metrics`` (what was counted,
``tasks.metrics``) and ``jobs:failures`` (the latest ones); ``idempotency:{owner}:{hash}`` (what a client asked for
under a key); ``webhooks:due`` (ended jobs whose client is to be told).
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

import redis
import redis.asyncio
from celery.exceptions import SoftTimeLimitExceeded

from tasks.errors import ConflictError, ErrorCode, LimitError, broker_away, broker_error, error_of
from tasks.figures import JOB_FIELDS, Figures, Glance, figures_of, glance_of
from tasks.idempotency import Idempotency, Recalled, conflict
from tasks.jobs import Edit, Event, Failure, Job, Operation, Role, Stage, State
from tasks.metrics import Batch
from tasks.patience import Patience
from tasks.queues import PRIORITY_STEPS, SEPARATOR, Priority, Queue
from tasks.records import event_of, job_of
from tasks.scripts import SCRIPTS, source
from tasks.settings import settings
from tasks.tracing import TRACEPARENT

T = TypeVar("T", covariant=True)
Answer = TypeVar("Answer")

SERVED_BY: Mapping[Operation, Queue] = dict.fromkeys(Operation, Queue.GENERATION)
"""The pool that a job waits for."""


@dataclass(frozen=True, slots=True)
class Move(Generic[T]):
    """One call of one script, and how to read its answer."""

    script: str
    arguments: tuple[str | int | float, ...]
    parse: Callable[[Any], T]


class Submitted(StrEnum):
    """Answer to ``submit``."""

    CREATED = "created"
    KNOWN = "known"
    """The same job was submitted before: nothing was written."""
    OTHER = "other"
    """The id belongs to another edit."""
    CONFLICT = "conflict"
    """The idempotency key was used for another request."""
    CROWDED = "crowded"
    """The owner has as many open jobs as he may."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of a submit."""

    answer: Submitted
    job_id: str
    """The job that was created, or that was there before; with a refusal, the one that is in the way."""

    def accepted(self) -> str:
        """Return the job's id. Raises ``ConflictError`` or ``LimitError`` for a refusal."""
        match self.answer:
            case Submitted.OTHER:
                raise ConflictError(ErrorCode.JOB_EXISTS, f"The id {self.job_id} belongs to another edit.")
            case Submitted.CONFLICT:
                raise conflict()
            case Submitted.CROWDED:
                raise LimitError(
                    ErrorCode.TOO_MANY_JOBS, "As many of your edits are open as may be; wait for one of them to end."
                )
            case _:
                return self.job_id


class Claimed(StrEnum):
    """Answer to ``claim``; everything but CLAIMED means: do nothing."""

    CLAIMED = "claimed"
    UNKNOWN = "unknown"
    FINAL = "final"
    ELSEWHERE = "elsewhere"
    HELD = "held"
    EXHAUSTED = "exhausted"


class Held(StrEnum):
    """Answer to a holder's move: whether the job is still its own."""

    YES = "yes"
    CANCELLED = "cancelled"
    LOST = "lost"
    BURIED = "buried"
    """The move has ended the job: it was one start too many."""


class Requeued(StrEnum):
    """Answer to ``requeue``."""

    REQUEUED = "requeued"
    MOVED = "moved"
    BURIED = "buried"


@dataclass(frozen=True, slots=True)
class Token:
    """The right to change a job: of one attempt (claim) or of one chord (launch)."""

    job_id: str
    value: str


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How much work one queue holds."""

    queue: Queue
    messages: int
    waiting_jobs: int
    """Jobs that no worker of this pool has claimed yet."""
    oldest_seconds: float
    """Age of what has waited for longest: the job at the head of the line, or a message; 0 when nothing waits."""
    open_jobs: int
    """Jobs that this pool has to work on now or later, those in flight included: machines are kept as long as there
    are any, since a queue is empty while its last worker's death goes unnoticed."""
    typical_seconds: float | None = None
    """Learned duration of one of these jobs in this pool, whatever its operation; None before the first."""


@dataclass(frozen=True, slots=True)
class PoolCapacity:
    """What the scaler (``tasks.scaler``) decided for a pool."""

    desired: int
    """Machines that it should have."""
    running: int | None
    """Machines in service; None while AWS does not tell."""
    reason: str
    """Why, in words for a person; what AWS refused, too."""
    decided_at: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Workers and queues at one moment."""

    workers: tuple[dict[str, Any], ...]
    """As ``tasks.presence`` announces them."""
    queues: dict[Queue, QueueDepth]
    open_jobs: int
    memory_share: float
    """Of what the broker may use; 0 where it has no limit."""
    capacity: Mapping[str, PoolCapacity] = field(default_factory=dict)
    """By the name of the profile; empty where nothing is scaled, or was not for a minute."""


def events_key(job_id: str) -> str:
    """Return the key of the job's event stream, to block on."""
    return f"darkroom:events:{job_id}"


def new_job_id() -> str:
    """Return an id that nobody can guess."""
    return str(uuid.uuid4())


def new_token(job_id: str) -> Token:
    """Return the token of a new attempt or chord."""
    return Token(job_id, uuid.uuid4().hex)


def submit(
    job_id: str,
    edit: Edit,
    *,
    message: str = "",
    list_key: str = "",
    owner: str,
    priority: Priority = Priority.INTERACTIVE,
    request_id: str = "",
    traceparent: str = "",
    webhook: str = "",
    open_limit: int = 0,
    idempotency: Idempotency | None = None,
) -> Move[Receipt]:
    """Write the record; its opening task's message sets out when the owner's turn comes (prelude.lua).

    There is no ``message`` if Celery delivered one already. ``traceparent`` is what the job's trace hangs below (empty:
    there is none), ``webhook`` the address that is told of the job's end,
    ``open_limit`` how many open jobs the owner may have (0: any number).
    """
    body = edit.model_dump_json(exclude_none=True)
    fields: dict[str, str | int] = {
        "edit": body,
        "kind": f"{edit.operation}:{settings().generation_engine}",
        "priority": int(priority),
        "request_id": request_id,
        "webhook": webhook,
        **({TRACEPARENT: traceparent} if traceparent else {}),
    }
    return Move(
        "submit",
        (
            *(job_id, hashlib.sha256(f"{owner}\n{body}".encode()).hexdigest(), owner, SERVED_BY[edit.operation]),
            *(list_key, message, open_limit),
            *(idempotency.name if idempotency else "", idempotency.digest if idempotency else ""),
            settings().idempotency_seconds,
            *(word for pair in fields.items() for word in pair),
        ),
        lambda reply: Receipt(Submitted(reply[0]), reply[1]),
    )


def recall(idempotency: Idempotency) -> Move[Recalled | None]:
    """Return what was asked for before under a key; None for a key that is new."""
    return Move("recall", (idempotency.name,), Recalled.parse)


def remember(idempotency: Idempotency) -> Move[Recalled | None]:
    """Do the same, and remember a key that is new: for a request that makes no job."""
    arguments = (idempotency.name, idempotency.digest, settings().idempotency_seconds)
    return Move("recall", arguments, Recalled.parse)


def claim(token: Token, stage: Literal[Stage.OPENING, Stage.BODY], worker: str) -> Move[Claimed]:
    """Take the job for one lease."""
    limits = settings()
    return Move(
        "claim",
        (token.job_id, stage, token.value, worker, limits.lease_seconds, limits.max_attempts, *_worker_lost()),
        Claimed,
    )


def renew(token: Token) -> Move[Held]:
    """Keep the job for another lease."""
    return Move("renew", (token.job_id, token.value, settings().lease_seconds), _held("renewed"))


def progress(token: Token, step: int, total_steps: int, message: str, preview: str = "") -> Move[Held]:
    """Tell that ``step`` of ``total_steps`` begins, and keep the job; ``preview`` is the id of an image."""
    done = (step - 1) / total_steps
    return Move(
        "renew",
        (token.job_id, token.value, settings().lease_seconds, done, step, total_steps, message, preview),
        _held("renewed"),
    )


def launch(attempt: Token, chord: Token, parts: int, known: Mapping[Role, str]) -> Move[Held]:
    """Hand the job over to a chord of ``parts`` header tasks; ``known`` are the images that exist already.

    Without parts the job waits for its pool at once.
    """
    flat = tuple(word for role, image_id in known.items() for word in (role, image_id))
    return Move(
        "launch",
        (attempt.job_id, attempt.value, chord.value, parts, *flat),
        _held("launched"),
    )


def enter(chord: Token, role: Role) -> Move[Held]:
    """Start a header task; refused after as many starts without an end as a job has attempts."""
    limits = settings()
    arguments = (chord.job_id, chord.value, limits.lease_seconds, role, limits.max_attempts)
    return Move("enter", (*arguments, *_worker_lost()), _held("entered"))


def part(chord: Token, role: Role, image_id: str) -> Move[Held]:
    """Store what a header task made."""
    return Move("part", (chord.job_id, chord.value, role, image_id), _held("stored", "complete", "known"))


def succeed(token: Token, result: dict[str, Any]) -> Move[Held]:
    """Commit the result of the attempt."""
    payload = json.dumps(result)
    return Move(
        "finish",
        (token.job_id, token.value, State.DONE, "result", payload, payload, settings().job_retention_seconds),
        _held("finished"),
    )


def fail(token: Token, failure: Failure) -> Move[Held]:
    """End the job with an error, by the attempt or by a header task of the live chord.

    One that ended its workers goes to the dead letters.
    """
    poison = int(failure.code is ErrorCode.WORKER_LOST)
    return Move(
        "finish",
        (token.job_id, token.value, State.ERROR, "failure", *_failure_arguments(failure), poison),
        _held("finished"),
    )


def set_back(token: Token, failure: Failure) -> Move[Held]:
    """Have the job taken up again after a pause, as what it needs is away; it fails with that at the last setback."""
    limits = settings()
    return Move(
        "set_back",
        (token.job_id, token.value, limits.setback_seconds, limits.max_setbacks, *_failure_arguments(failure)),
        _held("set_back", "finished"),
    )


def cancel(job_id: str) -> Move[State | None]:
    """Cancel the job; the answer is its (now final) state, None if the id is unknown."""
    meta = _exception_meta("TaskRevokedError", "celery.exceptions", "cancelled")
    return Move(
        "cancel",
        (job_id, meta, settings().job_retention_seconds),
        lambda reply: None if reply == "unknown" else State(reply),
    )


def release(token: Token, list_key: str, message: str) -> Move[Held]:
    """Give the job back to the front of its queue without counting the attempt."""
    return Move("release", (token.job_id, token.value, list_key, message), _held("released"))


def requeue(job: Job, list_key: str, message: str) -> Move[Requeued]:
    """Put a lost job back at the front of its queue, or bury it when it had its attempts."""
    limits = settings()
    return Move(
        "requeue",
        (
            *(job.id, f"{job.enqueued_at:.6f}", limits.max_attempts, list_key, message),
            *_worker_lost(),
        ),
        Requeued,
    )


def postpone(job: Job) -> Move[None]:
    """Let the sweeper look at the job again after another grace."""
    return Move("postpone", (job.id, f"{job.enqueued_at:.6f}"), lambda _: None)


def due(limit: int) -> Move[tuple[str, ...]]:
    """Ids of open jobs that the sweeper should look at."""
    return Move("due", (limit,), tuple)


def dead() -> Move[tuple[str, ...]]:
    """Ids of the jobs that ended each worker that took them, the latest first."""
    return Move("dead", (), tuple)


def unbury(job_id: str) -> Move[None]:
    """Take a job off the dead letters."""
    return Move("unbury", (job_id,), lambda _: None)


def read(job_id: str) -> Move[tuple[Job, str] | None]:
    """Return the record with the id of its last event; None if there is no such job."""
    return Move("read", (job_id,), lambda reply: job_of(job_id, reply) if reply else None)


def events(job_id: str, after: str = "0-0") -> Move[tuple[Event, ...]]:
    """Return the job's events after an event id."""
    return Move("events", (job_id, after), lambda reply: tuple(event_of(*entry) for entry in reply))


def celery_meta(job_id: str) -> Move[dict[str, Any] | None]:
    """Return a job as the task meta that Celery's clients read; None if there is no such job."""
    return Move("celery_meta", (job_id,), lambda reply: json.loads(reply) if reply else None)


def reply(task_id: str, meta: str, seconds: int) -> Move[None]:
    """Keep what a task that is no job answers, Celery's task meta in JSON, for so many seconds, and wake who waits.

    Nothing is kept of a task whose id is a job's, and nothing takes the place of a success.
    """
    return Move("reply", (task_id, meta, seconds), lambda _: None)


def announce(worker: str, state: dict[str, Any], seconds: int) -> Move[None]:
    """Tell a worker's state for so many seconds; 0 takes it off the list."""
    return Move("announce", (worker, json.dumps(state), seconds), lambda _: None)


def overview() -> Move[Overview]:
    """Return the live workers and every queue's depth."""
    return Move("overview", (SEPARATOR, ",".join(map(str, PRIORITY_STEPS)), *Queue), _overview)


def tell(batch: Batch) -> Move[None]:
    """Add what a process has counted to the totals."""
    flat = (word for pair in batch.amounts.items() for word in pair)
    return Move("tell", (batch.process, batch.number, *flat), lambda _: None)


def figures() -> Move[Figures]:
    """Return everything that is counted."""
    return Move("figures", (), figures_of)


def glance(most: int) -> Move[Glance]:
    """Return open jobs, so many at most, and the latest failures."""
    return Move("open_jobs", (most, *JOB_FIELDS), glance_of)


def _held(*accepted: str) -> Callable[[str], Held]:
    return lambda reply: Held.YES if reply in accepted else Held(reply)


def _exception_meta(name: str, module: str, *arguments: str) -> str:
    """JSON of an exception as Celery's clients expect it in a task's meta."""
    return json.dumps({"exc_type": name, "exc_message": arguments, "exc_module": module})


def _failure_arguments(failure: Failure) -> tuple[str, str, int]:
    kind = type(error_of(failure.code, failure.detail))
    meta = _exception_meta(kind.__name__, kind.__module__, failure.code, failure.detail)
    return json.dumps(asdict(failure)), meta, settings().job_retention_seconds


def _worker_lost() -> tuple[str, str, int]:
    attempts = settings().max_attempts
    return _failure_arguments(
        Failure(
            ErrorCode.WORKER_LOST,
            f"The worker that ran this job died {attempts} times; the job is set aside. Try a smaller photo.",
        )
    )


def _overview(reply: Any) -> Overview:
    workers, queues, open_jobs, memory, capacity = reply
    depths = map(_depth, queues)
    return Overview(
        tuple(map(json.loads, workers)),
        {depth.queue: depth for depth in depths},
        open_jobs,
        float(memory),
        {profile: PoolCapacity(**json.loads(decided)) for profile, decided in capacity},
    )


def _depth(row: Any) -> QueueDepth:
    name, depth, line, oldest, jobs, seconds = row
    return QueueDepth(Queue(name), depth, line, float(oldest), jobs, float(seconds) if seconds else None)


@contextmanager
def _broker_errors() -> Iterator[None]:
    try:
        yield
    except SoftTimeLimitExceeded as error:
        # The task's time ran out while it waited here: not the photo is slow, the broker is away.
        raise broker_away() from error
    except redis.RedisError as error:
        known = broker_error(error)
        if known is None:
            raise
        raise known from error


class Ledger:
    """Applies moves over a blocking connection; safe to share between threads."""

    def __init__(self, client: "redis.Redis") -> None:
        """Prepare every script; nothing is sent yet."""
        self.client = client
        self._scripts = {name: client.register_script(source(name)) for name in SCRIPTS}

    def apply(self, move: Move[Answer]) -> Answer:
        """Apply a move. Raises ``UnavailableError``: broker_unavailable, or broker_full for what begins work."""
        with _broker_errors():
            return move.parse(self._scripts[move.script](args=move.arguments))


class AsyncLedger:
    """Applies moves without blocking the event loop."""

    def __init__(self, client: "redis.asyncio.Redis") -> None:
        """Prepare every script; nothing is sent yet."""
        self.client = client
        self._scripts = {name: client.register_script(source(name)) for name in SCRIPTS}

    async def apply(self, move: Move[Answer]) -> Answer:
        """Apply a move. Raises ``UnavailableError``: broker_unavailable, or broker_full for what begins work."""
        with _broker_errors():
            return move.parse(await self._scripts[move.script](args=move.arguments))


def connect(url: str, patience_seconds: float | None = None) -> Ledger:
    """Return a ledger for a worker or a Python client; unless told otherwise it rides out a restart of the server."""
    limits = settings()
    patience = limits.broker_patience_seconds if patience_seconds is None else patience_seconds
    return Ledger(
        redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=limits.broker_answer_seconds,
            socket_connect_timeout=limits.broker_answer_seconds,
            socket_keepalive=True,
            health_check_interval=limits.broker_check_seconds,
            retry=Patience(patience),
        )
    )
