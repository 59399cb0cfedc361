"""A job as OpenAI's server-sent events: previews while it is made, then the picture or an error."""

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import structlog
from anyio import to_thread
from fastapi.sse import format_sse_event

from api import jobs
from api.gateway import Gateway
from api.openai.errors import body_of, goes_on
from api.openai.pictures import Form, made
from api.rendering import base64_of
from tasks.errors import DarkroomError, NotFoundError, UnavailableError
from tasks.jobs import Job

log = structlog.get_logger(__name__)

NO_USAGE: Final = {
    "input_tokens": 0,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
    "output_tokens": 0,
    "total_tokens": 0,
}
"""That API's types have it in each last event; nothing is counted in tokens here."""


@dataclass(frozen=True, slots=True)
class Following:
    """A job and how its events look."""

    job_id: str
    kind: str
    """Before the dot in the events' names: image_generation or image_edit."""
    form: Form
    previews: int
    """At most."""


async def follow(gateway: Gateway, wanted: Following) -> AsyncIterator[bytes]:
    """Yield a job's previews as they come, then its end; comments between, as proxies cut silent connections."""
    settings = gateway.settings
    shown: list[str] = []
    spoke_at = time.monotonic()
    with gateway.waiters.watch(wanted.job_id) as waiter:
        while not gateway.waiters.stopping:
            job = await jobs.read(gateway, wanted.job_id)
            if job is not None and job.state.is_final:
                yield await _end(gateway, job, wanted)
                return
            if job is not None and job.preview and job.preview not in shown and len(shown) < wanted.previews:
                preview = await _preview(gateway, job, job.preview, len(shown), wanted)
                if preview is not None:
                    shown.append(job.preview)
                    yield preview
                    spoke_at = time.monotonic()
            if time.monotonic() - spoke_at >= settings.heartbeat_seconds:
                yield format_sse_event(comment="heartbeat")
                spoke_at = time.monotonic()
            await waiter.wait(min(settings.reread_seconds, settings.heartbeat_seconds))
    yield _error(goes_on([wanted.job_id]))


async def _preview(gateway: Gateway, job: Job, image_id: str, index: int, wanted: Following) -> bytes | None:
    try:
        stored = await gateway.images.metadata(image_id, owner=job.owner)
        data = await gateway.images.open(image_id)
    except (NotFoundError, UnavailableError) as error:
        log.info("stream.preview_missed", job_id=job.id, reason=error.detail)
        return None
    picture = {"output_format": str(stored.format), "size": f"{stored.width}x{stored.height}"}
    event = {"partial_image_index": index, "b64_json": await base64_of(data), **picture}
    return await _event(f"{wanted.kind}.partial_image", event)


async def _end(gateway: Gateway, job: Job, wanted: Following) -> bytes:
    try:
        picture = await made(gateway, job, wanted.form)
        image = await base64_of(await gateway.images.open(picture.image_id))
    except DarkroomError as error:
        return _error(error)
    event = {
        "b64_json": image,
        "output_format": str(wanted.form.format),
        "size": picture.size,
        "usage": NO_USAGE,
        "darkroom": picture.origin.model_dump(),
    }
    return await _event(f"{wanted.kind}.completed", event)


async def _event(kind: str, fields: dict[str, Any]) -> bytes:
    event = {"type": kind, "created_at": int(time.time()), "background": "opaque", "quality": "auto", **fields}
    return await to_thread.run_sync(lambda: format_sse_event(event=kind, data_str=json.dumps(event)))


def _error(error: DarkroomError) -> bytes:
    return format_sse_event(event="error", data_str=body_of(error).model_dump_json())
