"""The status object: what a client is told of a job, from its record or one of its events. Pure."""

from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, Field

from api.answers import Answer
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
    "preview_image_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "preview_url": "/api/images/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "error": None,
    "error_code": None,
}


class JobStatus(Answer):
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
    preview_image_id: str | None = None
    """A small image of the state of the work; None without preview_every, and before the first one."""
    preview_url: str | None = None
    """Where that image is."""
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
        **_preview(job.preview),
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
        **_preview(event.preview),
    )


def _preview(image_id: str | None) -> dict[str, Any]:
    return {"preview_image_id": image_id, "preview_url": f"/api/images/{image_id}"} if image_id else {}


def _wait(job: Job, overview: Overview) -> _Wait:
    if job.state not in {State.QUEUED, State.PREPROCESSING}:
        return _Wait(job.state)
    generation = SERVED_BY[job.edit.operation]
    queues = (generation,) if job.stage is Stage.BODY else (Queue.IMAGE_UTILS, generation)
    for queue in queues:
        pool = pool_of(overview, queue)
        if pool.obstacle:
            # Only the pool that the job waits for makes it wait.
            loads = pool.is_preparing and queue == queues[0] and job.stage is Stage.BODY
            return _Wait(State.LOADING if loads else job.state, pool.obstacle)
    return _Wait(job.state)
