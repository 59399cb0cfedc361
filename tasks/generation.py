"""The chord's body: one job on the generation engine."""

import os
import time
from typing import Any

import numpy as np
import structlog
from celery.exceptions import Ignore
from numpy.typing import NDArray

from tasks import imaging, ledger
from tasks.app import app
from tasks.base import DarkroomTask
from tasks.engines import EngineLost, GenerationEngine, Inputs
from tasks.errors import Draining, ErrorCode, JobTaken, NotFoundError, ProcessingError
from tasks.imaging.probe import Format
from tasks.jobs import Job, Role, Stage
from tasks.lease import EXIT_STUCK, Lease
from tasks.metrics import JOB_STAGE_SECONDS, Stage as Timed
from tasks.store import ImageStore
from tasks.submission import returned
from tasks.workflows import CONDITIONS

log = structlog.get_logger(__name__)


@app.task(bind=True)
def generate(self: DarkroomTask, job_id: str) -> dict[str, Any]:
    """Compute a prepared job; its result is the job's result. Repeated, it does nothing."""
    token = self.claim(job_id, Stage.BODY)
    read = self.ledger.apply(ledger.read(job_id))
    if read is None:
        raise NotFoundError(ErrorCode.JOB_UNKNOWN, f"There is no job {job_id}.")
    job, _ = read
    runtime = self.app.runtime

    def keep_preview(preview: bytes) -> str:
        return runtime.store.put(preview, owner=job.owner, durable=False).id

    try:
        with Lease(self.ledger, token, runtime.draining, keep_preview) as lease:
            result = carry_out(job, runtime.store, runtime.generation_engine, lease)
    except Draining:
        envelope = returned(job)
        self.ledger.apply(ledger.release(token, envelope.list_key, envelope.message))
        raise Ignore from None
    except JobTaken:
        raise Ignore from None
    except EngineLost as error:
        # The job is redone by the next process, and one that does this to each of them is set aside.
        log.critical("generation.engine_lost", job_id=job_id, reason=str(error))
        os._exit(EXIT_STUCK)
    for stage, seconds in result["stages"].items():
        runtime.tally.observe(JOB_STAGE_SECONDS, seconds, job.edit.operation, stage)
    return result


def carry_out(job: Job, store: ImageStore, engine: GenerationEngine, lease: Lease) -> dict[str, Any]:
    """Compute a job and store its picture; return what the client gets as its result, with ids for images."""
    clock = StageClock()
    inputs = _inputs(job, store)
    clock.lap(Timed.LOAD)
    edited = engine.edit(inputs, lease.report)
    clock.lap(Timed.EDIT)
    picture = required_picture(edited.picture, inputs.photo)
    if inputs.photo is not None and inputs.mask is not None:
        picture = imaging.composite.inside(inputs.photo, picture, inputs.mask)
    kept = store.put(imaging.codec.encode(picture, Format.PNG), owner=job.owner)
    clock.lap(Timed.STORE)
    parameters = job.edit.model_dump(mode="json", exclude_none=True)
    result = {
        "image_id": kept.id,
        "width": kept.width,
        "height": kept.height,
        "model_used": engine.name,
        "generation_time": clock.total,
        "stages": clock.stages,
        "parameters_used": parameters,
        "notes": list(edited.notes),
        "reproducibility": {
            "engine": engine.name,
            "versions": engine.versions(),
            "seed": job.edit.seed,
            "details": dict(edited.details),
            "parameters": parameters,
        },
    }
    if job.edit.enable_debug:
        result["debug_info"] = {"conditions": {role: job.parts[role] for role in CONDITIONS[job.edit.operation]}}
    return result


def required_picture(picture: NDArray[Any], photo: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Return what an engine made if it is a picture: H × W × 3 uint8, of the photo's size where there is one.

    Raises ``ProcessingError`` (engine_failed) for anything else, such as the NaN of a model that has overflowed.
    """
    wanted = (*picture.shape[:2], 3) if photo is None else photo.shape
    if picture.dtype != np.uint8 or picture.shape != wanted or not picture.size:
        log.error("generation.no_picture", dtype=str(picture.dtype), shape=picture.shape)
        raise ProcessingError(
            ErrorCode.ENGINE_FAILED, "The engine made something that is no picture; another seed may help."
        )
    return picture


def _inputs(job: Job, store: ImageStore) -> Inputs:
    decoded = {role: _decode(role, store.open(image_id)) for role, image_id in job.parts.items()}
    roles = CONDITIONS[job.edit.operation]
    return Inputs(
        edit=job.edit,
        photo=decoded.get(Role.PHOTO),
        mask=decoded.get(Role.MASK),
        conditions=tuple(decoded[role] for role in roles),
        condition_ids=tuple(job.parts[role] for role in roles),
    )


def _decode(role: Role, data: bytes) -> NDArray[np.uint8]:
    return imaging.codec.decode_mask(data) if role is Role.MASK else imaging.codec.decode_rgb(data)


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
