"""Answers of the gateway as values. What a newer one adds is left out. Pure."""

import base64
import json
from typing import Any

from darkroom.client.errors import ApiError
from darkroom.client.pictures import Candidate, Edited, Health, ImageId, Service, SmartMask


def told_by(content: bytes) -> dict[str, Any]:
    """Read an answer. Raises ``ApiError`` (answer_invalid) where it is none of Darkroom's."""
    try:
        told = json.loads(content)
    except ValueError as error:
        raise _other_server() from error
    if not isinstance(told, dict):
        raise _other_server()
    return told


def edited(content: bytes) -> Edited:
    """Read the result of a job."""
    told = told_by(content)
    data = base64.b64decode(told.pop("image"))
    parameters = told.get("parameters_used") or {}
    return Edited(
        id=ImageId(told["image_id"]),
        data=data,
        job_id=told["task_id"],
        model=told["model_used"],
        seconds=told["generation_time"],
        seed=parameters.get("seed"),
        parameters=parameters,
        notes=tuple(told.get("notes") or ()),
        told=told,
    )


def smart_mask(content: bytes) -> SmartMask:
    """Read the mask of a click."""
    told = told_by(content)
    return SmartMask(
        id=ImageId(told["mask_id"]),
        data=base64.b64decode(told["mask_base64"]),
        photo_id=ImageId(told["image_id"]),
        box=tuple(told["box"]),
        area=told["area"],
        candidates=tuple(Candidate(tuple(each["box"]), each["area"], each["score"]) for each in told["candidates"]),
        candidate=told["candidate"],
        model=told["model_used"],
    )


def health(content: bytes) -> Health:
    """Read how everything is."""
    told = told_by(content)
    services = {
        name: Service(each["status"], tuple(each["engines"]), each["queue_depth"], each.get("message"))
        for name, each in told["services"].items()
    }
    return Health(told["status"], told["open_jobs"], services)


def _other_server() -> ApiError:
    return ApiError(None, "answer_invalid", "The answer is none of Darkroom's; another server is at this address.")
