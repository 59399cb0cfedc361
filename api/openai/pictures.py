"""Pictures of jobs that are done, as a request wants them: format, size, base64 or an address."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pybase64

from api.access import Caller, address
from api.gateway import Gateway
from api.openai.schemas import Origin, PictureFormat
from tasks.imaging.probe import Format
from tasks.jobs import Job

_PIECE: Final = 3 * 64 * 1024
"""Bytes that become base64 at once, on the event loop: a tenth of a millisecond."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a picture is to come."""

    format: PictureFormat
    quality: int
    """Of JPEG and WebP, 0 to 100."""
    size: tuple[int, int] | None
    """Width and height in pixels; None: as it was made."""


@dataclass(frozen=True, slots=True)
class Made:
    """A picture in the store, and where it comes from."""

    image_id: str
    width: int
    height: int
    origin: Origin

    @property
    def size(self) -> str:
        """Its size as that API writes it."""
        return f"{self.width}x{self.height}"


async def made(gateway: Gateway, job: Job, form: Form) -> Made:
    """Return the picture of a job in a form.

    Raises the error that the job ended with, or those of ``Utilities.call`` and of the store.
    """
    if job.error is not None:
        raise job.error
    result = job.result or {}
    stored = await gateway.images.metadata(result["image_id"], owner=job.owner)
    origin = Origin(
        job_id=job.id, model_used=result["model_used"], seed=job.edit.seed, notes=list(result.get("notes", []))
    )
    options: dict[str, Any] = {"format": str(form.format)}
    if form.format is not PictureFormat.PNG:
        options["quality"] = max(1, form.quality)
    if form.size not in {None, (stored.width, stored.height)}:
        width, height = form.size or (stored.width, stored.height)
        exactly = {"width": width, "height": height, "fit": "exact", "upscale": True}
        resized = await gateway.utilities.call("resize", [stored.id], {**options, **exactly}, owner=job.owner)
        return Made(resized.image_id, resized.width, resized.height, origin)
    if stored.format == Format(form.format):
        return Made(stored.id, stored.width, stored.height, origin)
    encoded = await gateway.utilities.call("encode", [stored.id], options, owner=job.owner)
    return Made(encoded.image_id, encoded.width, encoded.height, origin)


async def url_of(gateway: Gateway, caller: Caller, base: str, picture: Made) -> str:
    """Return an address where a picture can be read for a while by who has it; ``base`` ends with a slash."""
    # What a utility made is in the hot tier only, which forgets.
    await gateway.images.keep(picture.image_id, owner=caller.owner)
    path = f"/api/images/{picture.image_id}"
    token, _ = await gateway.access.sign(caller, path, gateway.settings.token_max_seconds)
    return f"{base.removesuffix('/')}{address(path, token)}"


async def with_urls(
    gateway: Gateway, caller: Caller, base: str, head: dict[str, Any], pictures: Sequence[Made]
) -> bytes:
    """Return the answer's JSON with addresses."""
    data = [
        {"url": await url_of(gateway, caller, base, each), "darkroom": each.origin.model_dump()} for each in pictures
    ]
    return json.dumps({**head, "data": data}).encode()


async def with_base64(gateway: Gateway, head: dict[str, Any], pictures: Sequence[Made]) -> AsyncIterator[bytes]:
    """Yield the answer's JSON with the pictures in it; one of them is in memory at a time.

    Ten pictures of 24 megapixels are half a gigabyte as base64.
    """
    yield json.dumps(head)[:-1].encode() + b', "data": ['
    for index, each in enumerate(pictures):
        data = await gateway.images.open(each.image_id)
        yield (b", " if index else b"") + b'{"b64_json": "'
        for at in range(0, len(data), _PIECE):
            yield pybase64.b64encode(data[at : at + _PIECE])
        yield b'", "darkroom": ' + each.origin.model_dump_json().encode() + b"}"
    yield b"]}"
