"""The chord's body: one job on the generation engine."""

import time
from typing import Any

from celery.exceptions import Ignore

from tasks import imaging, ledger
from tasks.app import app
from tasks.base import DarkroomTask
from tasks.engines import GenerationEngine, Inputs
from tasks.errors import Draining, ErrorCode, JobTaken, NotFoundError
from tasks.imaging.probe import Format
from tasks.jobs import Job, Role, Stage
from tasks.lease import Lease
from tasks.store import ImageStore
from tasks.submission import body_message
from tasks.workflows import CONDITIONS


@app.task(bind=True)
def generate(self: DarkroomTask, job_id: str) -> dict[str, Any]:
    """Compute a prepared job; its result is the job's result. Repeated, it does nothing."""
    token = self.claim(job_id, Stage.BODY)
    read = self.ledger.apply(ledger.read(job_id))
    if read is None:
        raise NotFoundError(ErrorCode.JOB_UNKNOWN, f"There is no job {job_id}.")
    job, _ = read
    runtime = self.app.runtime
    try:
        with Lease(self.ledger, token, runtime.draining) as lease:
            return carry_out(job, runtime.store, runtime.generation_engine, lease)
    except Draining:
        envelope = body_message(job)
        self.ledger.apply(ledger.release(token, envelope.list_key, envelope.message))
        raise Ignore from None
    except JobTaken:
        raise Ignore from None


def carry_out(job: Job, store: ImageStore, engine: GenerationEngine, lease: Lease) -> dict[str, Any]:
    """Compute a job and store its picture; return what the client gets as its result, with ids for images."""
    clock = StageClock()
    inputs = _inputs(job, store)
    clock.lap("load")
    edited = engine.edit(inputs, lease.report)
    clock.lap("edit")
    if inputs.mask is not None:
        edited = imaging.composite.inside(inputs.photo, edited, inputs.mask)
    kept = store.put(imaging.codec.encode(edited, Format.PNG), owner=job.owner)
    clock.lap("store")
    parameters = job.edit.model_dump(mode="json", exclude_none=True)
    result = {
        "image_id": kept.id,
        "width": kept.width,
        "height": kept.height,
        "model_used": engine.name,
        "generation_time": clock.total,
        "stages": clock.stages,
        "parameters_used": parameters,
        "reproducibility": {
            "engine": engine.name,
            "versions": engine.versions(),
            "seed": job.edit.seed,
            "parameters": parameters,
        },
    }
    if job.edit.enable_debug:
        result["debug_info"] = {"conditions": {role: job.parts[role] for role in CONDITIONS[job.edit.operation]}}
    return result


def _inputs(job: Job, store: ImageStore) -> Inputs:
    photo = imaging.codec.decode_rgb(store.open(job.parts[Role.PHOTO]))
    mask = imaging.codec.decode_mask(store.open(job.parts[Role.MASK])) if Role.MASK in job.parts else None
    known = {Role.PHOTO: photo} if mask is None else {Role.PHOTO: photo, Role.MASK: mask}
    conditions = (
        known[role] if role in known else imaging.codec.decode_rgb(store.open(job.parts[role]))
        for role in CONDITIONS[job.edit.operation]
    )
    return Inputs(edit=job.edit, photo=photo, mask=mask, conditions=tuple(conditions))


class StageClock:
    """Wall seconds of each stage."""

    def __init__(self) -> None:
        """Start the first stage."""
        self._started = self._last = time.monotonic()
        self.stages: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """End a stage and start the next."""
        now = time.monotonic()
        self.stages[stage] = round(now - self._last, 4)
        self._last = now

    @property
    def total(self) -> float:
        """Seconds from the start to the end of the last stage."""
        return round(self._last - self._started, 4)
