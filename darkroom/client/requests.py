"""What is sent. Pure."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from darkroom.client.images import Source
from darkroom.client.parameters import Box, Point
from darkroom.client.steps import Request

EVENT_STREAM = "text/event-stream"
EDIT_FIELDS: Mapping[str, str] = {
    "photo": "input_image",
    "mask": "mask",
    "reference": "reference_image",
    "reference_mask": "reference_mask",
}
"""Images of an edit, and what the form calls them."""


def posted(
    path: str,
    sources: Mapping[str, Source],
    fields: Mapping[str, Any],
    known: Collection[str],
    headers: Mapping[str, str],
) -> Request:
    """Return a request with images under their fields' names: by id where the gateway knows them, as files else."""
    given = {name: value for name, value in fields.items() if value is not None}
    files = {name: each.data for name, each in sources.items() if each.data is not None and each.id not in known}
    named = {name: str(each.id) for name, each in sources.items() if name not in files}
    if not files:
        return Request("POST", path, headers=headers, json={**given, **named})
    return Request("POST", path, headers=headers, form={**_texts(given), **named}, files=files)


def pointed(
    points: Sequence[Point], labels: Sequence[int], box: Box | None, has_strokes: bool, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the fields of a click; without any prompt it asks for the main object."""
    fields = {"points": [[*point] for point in points], "labels": [*labels], "bbox": [*box] if box else None}
    prompts = {name: value for name, value in fields.items() if value}
    return {**prompts, **parameters, **({} if prompts or has_strokes else {"auto_detect": True})}


def streamed(job_id: str, last_event_id: str, seconds: float) -> Request:
    """Return the request for a job's events after one of them; "" is before the first."""
    after = {"Last-Event-ID": last_event_id} if last_event_id else {}
    headers = {"Accept": EVENT_STREAM, "Cache-Control": "no-store", **after}
    return Request("GET", of_job("stream", job_id), headers=headers, seconds=seconds)


def of_job(what: str, job_id: str) -> str:
    """Return the path of a job's status, stream or result."""
    return f"/api/generate/{what}/{quote(job_id, safe='')}"


def cancelled(job_id: str, seconds: float | None = None) -> Request:
    """Return the request that cancels a job."""
    return Request("DELETE", f"/api/generate/{quote(job_id, safe='')}", seconds=seconds)


def fetched(image_id: str) -> Request:
    """Return the request for an image's bytes."""
    return Request("GET", f"/api/images/{quote(image_id, safe='')}")


def _texts(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in fields.items()}


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case list() | tuple():
            return ",".join(map(_text, value))
        case _:
            return json.dumps(value)
