"""The status object: what a client is told of a job, from its record or one of its events. Pure."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.eta import eta_seconds
from api.pools import pool_of
from tasks.errors import ErrorCode
from tasks.jobs import Event, Job, Stage, State
from tasks.ledger import SERVED_BY, Overview
from tasks.queues import Queue

EXAMPLE: dict[str, Any] = {
    "task_id": "1b6f0f6c-0d54-4d0e-8f5e-3f8b2a4f3c11",
    "status": "processing",
    "progress": 0.5,
    "current_step": 20,
    "total_steps": 40,
    "queue_position": None,
    "eta_seconds": 21.5,
    "loading_message": None,
    "message": "denoising",
    "error": None,
    "error_code": None,
}


class JobStatus(BaseModel):
    """Where a job is."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    task_id: str
    status: State
    """``done``, ``error`` and ``cancelled`` are final; ``loading`` is a job whose pool is loading its model."""
    progress: float = Field(ge=0, le=1)
    current_step: int
    """Steps begun; 0 before the first."""
    total_steps: int
    """0 until it is known."""
    queue_position: int | None = None
    """1 is served next; None once the job is being generated."""
    eta_seconds: float | None = None
    """Learned estimate of the seconds until the job is done; None while there is nothing to go by."""
    loading_message: str | None = None
    """What the job waits for beside its place in the queue."""
    message: str | None = None
    """What is being done."""
    error: str | None = None
    """Why the job failed, in a sentence."""
    error_code: ErrorCode | None = None


@dataclass(frozen=True, slots=True)
class _Wait:
    state: State
    message: str | None = None


def status_of(job: Job, overview: Overview) -> JobStatus:
    """Describe a job as it is now."""
    wait = _wait(job, overview)
    pool = pool_of(overview, SERVED_BY[job.edit.operation])
    position = None if job.queue_position is None or job.state.is_final else job.queue_position + 1
    eta = eta_seconds(
        position=position,
        busy=pool.busy,
        slots=pool.slots,
        typical_seconds=job.typical_seconds,
        progress=job.progress,
    )
    return JobStatus(
        task_id=job.id,
        status=wait.state,
        progress=job.progress,
        current_step=job.step,
        total_steps=job.total_steps,
        queue_position=position,
        eta_seconds=None if job.state.is_final else eta,
        loading_message=wait.message,
        message=job.message or None,
        error=job.failure.detail if job.failure else None,
        error_code=job.failure.code if job.failure else None,
    )


def status_of_event(job_id: str, event: Event) -> JobStatus:
    """Describe a job as it was when an event was written."""
    return JobStatus(
        task_id=job_id,
        status=event.state,
        progress=event.progress,
        current_step=event.step,
        total_steps=event.total_steps,
        message=event.message or None,
    )


def _wait(job: Job, overview: Overview) -> _Wait:
    if job.state not in {State.QUEUED, State.PREPROCESSING}:
        return _Wait(job.state)
    generation = SERVED_BY[job.edit.operation]
    queues = (generation,) if job.stage is Stage.BODY else (Queue.IMAGE_UTILS, generation)
    for queue in queues:
        pool = pool_of(overview, queue)
        if not pool.workers:
            return _Wait(job.state, f"The {pool.service} pool is asleep; a machine is being started.")
        if pool.is_preparing:
            # Only the pool that the job waits for makes it wait.
            state = State.LOADING if queue == queues[0] and job.stage is Stage.BODY else job.state
            return _Wait(state, f"The {pool.service} pool is starting; its workers load what they need.")
    return _Wait(job.state)
