"""What the ledger shows to those who look: all that is counted, and the open jobs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.errors import ErrorCode
from tasks.jobs import Operation, Stage, State
from tasks.metrics import SEPARATOR, Totals, totals

JOB_FIELDS = ("kind", "state", "stage", "owner", "created_at", "step", "total_steps", "message", "worker", "attempts")


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that is counted, at one moment."""

    totals: Totals
    open_jobs: Mapping[tuple[str, str], int]
    """By operation and state; where there are none, there is no entry."""
    dead_letters: int
    """Jobs that ended each worker that took them."""
    dead_messages: int
    """Malformed messages that were put aside."""
    due_webhooks: int
    dead_webhooks: int
    memory_bytes: int
    """Of the broker."""
    memory_limit_bytes: int
    """0 where it has none."""


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job that has not ended. Times are seconds."""

    id: str
    operation: Operation
    state: State
    stage: Stage
    owner: str
    age: float
    """Since its acceptance."""
    step: int
    total_steps: int
    """0 until it is known."""
    message: str
    """What is being done."""
    worker: str
    """Who has it; empty where nobody has."""
    attempts: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A job that has failed."""

    id: str
    operation: Operation
    code: ErrorCode
    at: float
    """Unix seconds by the ledger's clock."""
    worker: str


@dataclass(frozen=True, slots=True)
class Glance:
    """What somebody who looks wants to see."""

    at: float
    """Unix seconds by the ledger's clock."""
    jobs: tuple[OpenJob, ...]
    """Those that are computed, then those that were prepared, then the others; each the oldest first."""
    failures: tuple[Failed, ...]
    """The latest first."""


def figures_of(reply: Any) -> Figures:
    """Read the answer of ``figures``."""
    flat, open_jobs, *numbers = reply
    return Figures(totals(dict(_pairs(flat))), {_split(of): int(jobs) for of, jobs in _pairs(open_jobs)}, *numbers)


def glance_of(reply: Any) -> Glance:
    """Read the answer of ``open_jobs``."""
    at, jobs, failures = reply
    # A record may have expired that the list still names.
    opened = [
        _job(job_id, dict(zip(JOB_FIELDS, values, strict=True)), float(at)) for job_id, values in jobs if values[0]
    ]
    ordered = sorted(opened, key=lambda job: (_RANK.get(job.state, 1), -job.age))
    return Glance(float(at), tuple(ordered), tuple(map(_failed, failures)))


_RANK: Mapping[State, int] = {State.PROCESSING: 0, State.QUEUED: 2}


def _job(job_id: str, record: Mapping[str, str], now: float) -> OpenJob:
    return OpenJob(
        id=job_id,
        operation=Operation(record["kind"].partition(":")[0]),
        state=State(record["state"]),
        stage=Stage(record["stage"]),
        owner=record["owner"],
        age=round(now - float(record["created_at"]), 3),
        step=int(record["step"]),
        total_steps=int(record["total_steps"]),
        message=record["message"],
        worker=record["worker"],
        attempts=int(record["attempts"]),
    )


def _failed(text: str) -> Failed:
    found = json.loads(text)
    return Failed(
        found["id"], Operation(found["operation"]), ErrorCode(found["code"]), float(found["at"]), found["worker"]
    )


def _pairs(flat: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _split(text: str) -> tuple[str, str]:
    operation, _, state = text.partition(SEPARATOR)
    return operation, state
