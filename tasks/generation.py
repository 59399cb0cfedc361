"""The chord's body: one job on the generation engine."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from tasks import imaging, ledger
from tasks.app import app
from tasks.base import DarkroomTask
from tasks.engines import EngineLost, GenerationEngine, Inputs, Report
from tasks.errors import Draining, ErrorCode, JobTaken, ProcessingError
from tasks.imaging.probe import Format
from tasks.jobs import Job, Role, Stage
from tasks.lease import EXIT_STUCK, Lease
from tasks.metrics import JOB_STAGE_SECONDS, Stage as Timed
from tasks.outcomes import PutDown
from tasks.store import ImageStore
from tasks.submission import returned
from tasks.tracing import Tracing
from tasks.workflows import CONDITIONS

log = structlog.get_logger(__name__)


@app.task(bind=True, carries_job=True)
def generate(self: DarkroomTask, job_id: str) -> dict[str, Any]:
    """Compute a prepared job; its result is the job's result. Repeated, it does nothing."""
    token = self.claim(job_id, Stage.BODY)
    job = self.read_claimed(job_id)
    runtime = self.app.runtime

    def keep_preview(preview: bytes) -> str:
        return runtime.store.put(preview, owner=job.owner, durable=False).id

    try:
        with Lease(self.ledger, token, runtime.draining, keep_preview) as lease:
            result = carry_out(job, runtime.store, runtime.generation_engine, lease)
    except Draining:
        envelope = returned(job)
        self.ledger.apply(ledger.release(token, envelope.list_key, envelope.message))
        raise PutDown("the worker drains") from None
    except JobTaken:
        self.show_end(job_id)
        raise PutDown("the job was cancelled, or is another attempt's") from None
    except EngineLost as error:
        # The job is redone by the next process, and one that does this to each of them is set aside.
        log.critical("generation.engine_lost", job_id=job_id, reason=str(error))
        os._exit(EXIT_STUCK)
    for stage, seconds in result["stages"].items():
        runtime.tally.observe(JOB_STAGE_SECONDS, seconds, job.edit.operation, stage)
    return result


def carry_out(job: Job, store: ImageStore, engine: GenerationEngine, lease: Lease) -> dict[str, Any]:
    """Compute a job and store its picture; return what the client gets as its result, with ids for images."""
    clock, tracing = StageClock(app.tracing), app.tracing
    with clock.stage(Timed.LOAD):
        inputs = _inputs(job, store)
    with clock.stage(Timed.EDIT):
        tracing.note(darkroom_engine=engine.name)
        edited = engine.edit(inputs, _traced(lease.report, tracing))
    with clock.stage(Timed.ENCODE):
        picture = required_picture(edited.picture, inputs.photo)
        if inputs.photo is not None and inputs.mask is not None:
            picture = imaging.composite.inside(inputs.photo, picture, inputs.mask)
        encoded = imaging.codec.encode(picture, Format.PNG)
    with clock.stage(Timed.STORE):
        kept = store.put(encoded, owner=job.owner)
    tracing.note(darkroom_engine=engine.name, darkroom_width=kept.width, darkroom_height=kept.height)
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


def _traced(report: Report, tracing: Tracing) -> Report:
    """Return a report that marks each step in the trace, too."""

    def tell(step: int, total_steps: int, message: str, *, preview: bytes | None = None) -> None:
        tracing.event("step", darkroom_step=step, darkroom_steps=total_steps)
        report(step, total_steps, message, preview=preview)

    return tell


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
    """Wall seconds of each stage, which is a span of the trace, too."""

    def __init__(self, tracing: Tracing) -> None:
        """Start the clock."""
        self._tracing = tracing
        self._started = self._last = time.monotonic()
        self.stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage: from the end of the one before."""
        with self._tracing.span(name):
            yield
        now = time.monotonic()
        self.stages[name] = round(now - self._last, 4)
        self._last = now

    @property
    def total(self) -> float:
        """Seconds from the start to the end of the last stage."""
        return round(self._last - self._started, 4)
