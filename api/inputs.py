"""Bodies in, stored images out: the one place that reads JSON, multipart and raw bodies.

The order is that of admission: the size (``api.security``), the body's syntax, the images' headers; what is found
wrong until then has cost no decoding, no store and no queue.
"""

import io
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeAlias, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from pydantic import BaseModel
from starlette.datastructures import FormData, QueryParams, UploadFile
from starlette.exceptions import HTTPException

from api import json_bodies
from api.completeness import is_complete
from api.json_bodies import decode_base64
from api.problems import FieldError, FieldsError
from api.room import release_body
from api.storage import Images
from tasks.errors import ErrorCode, InputError, NotFoundError
from tasks.imaging.mask_check import is_blank, marks_nothing, require_same_aspect
from tasks.imaging.probe import Format, Limits, probe
from tasks.imaging.structure import truncated
from tasks.jobs import MaskArea
from tasks.store import ImageMetadata, image_id

ImageInput: TypeAlias = str | bytes
"""An image as a request gives it: base64, a data URL or an id as text, or the file itself."""

P = ParamSpec("P")
T = TypeVar("T")

FORM_FIELDS_MAX = 60
FORM_FILES_MAX = 8

_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Picture:
    """An image of a request whose header was read."""

    field: str
    id: str
    format: Format
    width: int
    height: int
    data: bytes | None
    """None where the request named an image that is stored already."""


@dataclass(frozen=True, slots=True)
class Body:
    """A request's body, parsed."""

    kind: str
    """json, form, image, or none."""
    fields: dict[str, Any]


class BodyReader:
    """Reads bodies and their images, in threads of its own: parsing one of 50 MB takes a tenth of a second."""

    def __init__(self, images: Images, limits: Limits, threads: int, max_mask_pixels: int) -> None:
        """``threads`` are the bodies that are worked on at once; the others queue. Larger masks are not decoded."""
        self._images = images
        self._limits = limits
        self._max_mask_pixels = max_mask_pixels
        self._limiter = CapacityLimiter(threads)

    async def read(self, request: Request, *, raw_field: str | None = None) -> Body:
        """Read a body by its media type.

        Files of a form are bytes under their field's name, a field that comes twice is a list, and an empty field is
        left out. Where a body may be an image itself, that is the field ``raw_field``; it may be absent there too, as
        the query can name a stored image.
        Raises ``InputError``: ``media_type_unsupported``, ``json_invalid`` or ``body_too_large``.
        """
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise _unsupported("a compressed body", raw=bool(raw_field))
        if media_type == "application/json" or (media_type.endswith("+json") and media_type.startswith("application/")):
            return Body("json", await self._in_thread(_json_object, await _body(request)))
        if media_type == "multipart/form-data":
            return Body("form", await _form(request))
        if raw_field and (media_type.startswith("image/") or media_type == "application/octet-stream"):
            return Body("image", {raw_field: await _body(request)})
        if raw_field and not media_type and not await _body(request):
            return Body("none", {})
        raise _unsupported(media_type or "a body without a Content-Type", raw=bool(raw_field))

    async def pictures(self, given: Mapping[str, ImageInput], *, owner: str) -> dict[str, Picture]:
        """Read the headers of a request's images, by their fields' names.

        Raises ``InputError`` (base64_invalid, image_…; the sentence names the field) or ``NotFoundError``.
        """
        return {field: await self._picture(field, value, owner) for field, value in given.items()}

    async def require_mask(self, mask: Picture, photo: Picture, area: MaskArea = MaskArea.WHITE) -> None:
        """Raise ``InputError``: mask_mismatch, or mask_empty where the mask is small enough to tell."""
        _check_aspect(mask, photo)
        if mask.width * mask.height <= self._max_mask_pixels:
            data = mask.data if mask.data is not None else await self._images.open(mask.id)
            await self._in_thread(_check_marks, mask, data, area, self._limits)

    async def keep(self, pictures: Sequence[Picture], *, owner: str, durable: bool) -> None:
        """Store what a request brought, and let go of its body; with ``durable``, what it named is made durable too."""
        for picture in pictures:
            if picture.data is not None:
                await self._images.put(_metadata(picture, owner), picture.data, durable=durable)
            elif durable:
                await self._images.keep(picture.id, owner=owner)
        release_body()

    async def _picture(self, field: str, value: ImageInput, owner: str) -> Picture:
        if isinstance(value, str) and _ID.fullmatch(value):
            known = await self._images.metadata(value, owner=owner)
            return Picture(field, known.id, known.format, known.width, known.height, None)
        return await self._in_thread(_examine, field, value, self._limits)

    async def _in_thread(self, function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
        return await to_thread.run_sync(partial(function, *arguments, **keywords), limiter=self._limiter)


def fields_of(body: Body, query: QueryParams, model: type[BaseModel]) -> dict[str, Any]:
    """Return the fields of a request's body and query, without those that are null.

    Texts of the query and of a form are read as the model has the field: places of a tuple are told apart by commas
    or by repetition, as in ``1,2,3,4``; brackets around them are no matter. Raises ``InputError`` (parameter_invalid)
    for a field that is given in both.
    """
    fields = {name: value for name, value in body.fields.items() if value is not None}
    twice = next((name for name in fields if name in query), None)
    if twice is not None:
        raise InputError(
            ErrorCode.PARAMETER_INVALID, f"{twice}: this is given in the body and in the query; send it once."
        )
    texts = {name: query.getlist(name) for name in query}
    if body.kind == "form":
        texts |= {name: value if isinstance(value, list) else [value] for name, value in fields.items()}
        fields = {}
    read = {name: _from_texts(model, name, values) for name, values in texts.items()}
    return {**read, **fields}


def _from_texts(model: type[BaseModel], name: str, values: list[Any]) -> Any:
    field = model.model_fields.get(name)
    if field is None or "tuple[" not in str(field.annotation):
        return values[-1]
    parts = (part.strip("[] ") for value in values for part in str(value).split(","))
    return [part for part in parts if part]


def require_id(text: str) -> None:
    """Raise ``NotFoundError`` (image_unknown) for what cannot be an image's id: it would be part of a path."""
    if not _ID.fullmatch(text):
        raise NotFoundError(ErrorCode.IMAGE_UNKNOWN, "There is no such image: an id has 64 hex digits.")


def require_box_inside(photo: Picture, box: Sequence[int]) -> None:
    """Raise ``InputError`` (crop_outside) unless the box [x0, y0, x1, y1] holds pixels, all the photo's."""
    x0, y0, x1, y1 = box
    if not (0 <= x0 < x1 <= photo.width and 0 <= y0 < y1 <= photo.height):
        raise InputError(
            ErrorCode.CROP_OUTSIDE,
            f"box: [{x0}, {y0}, {x1}, {y1}] is empty or leaves the photo, "
            f"which is {photo.width} × {photo.height} pixels.",
        )


def _metadata(picture: Picture, owner: str) -> ImageMetadata:
    return ImageMetadata(picture.id, picture.format, picture.width, picture.height, owner, time.time())


def _examine(field: str, value: ImageInput, limits: Limits) -> Picture:
    with _naming(field):
        data = decode_base64(value) if isinstance(value, str) else value
        info = probe(data, limits)
        if not is_complete(data, info.format):
            raise truncated()
    return Picture(field, image_id(data), info.format, info.width, info.height, data)


def _check_aspect(mask: Picture, photo: Picture) -> None:
    with _naming(mask.field):
        require_same_aspect((mask.width, mask.height), (photo.width, photo.height))


def _check_marks(mask: Picture, data: bytes, area: MaskArea, limits: Limits) -> None:
    with _naming(mask.field):
        if is_blank(data, limits, area=area):
            raise marks_nothing(area)


@contextmanager
def _naming(field: str) -> Iterator[None]:
    """Say of an ``InputError`` which field it is about."""
    try:
        yield
    except InputError as error:
        raise FieldsError([FieldError(field=field, detail=error.detail, code=error.code)]) from error


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json_bodies.parse(body)
    except ValueError as error:
        raise InputError(ErrorCode.JSON_INVALID, f"The body is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise InputError(ErrorCode.JSON_INVALID, "The body has to be a JSON object: {…}.")
    return parsed


async def _body(request: Request) -> bytes:
    # Unlike a list of pieces that is joined, this never holds them twice.
    whole = io.BytesIO()
    async for piece in request.stream():
        whole.write(piece)
    return whole.getvalue()


async def _form(request: Request) -> dict[str, Any]:
    try:
        async with request.form(max_files=FORM_FILES_MAX, max_fields=FORM_FIELDS_MAX) as form:
            return await _form_fields(form)
    except HTTPException as error:
        raise InputError(ErrorCode.PARAMETER_INVALID, f"The form cannot be read: {error.detail}") from error


async def _form_fields(form: FormData) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name in dict.fromkeys(form):
        values = [await each.read() if isinstance(each, UploadFile) else each for each in form.getlist(name)]
        filled = [value for value in values if value]
        if filled:
            fields[name] = filled if len(filled) > 1 else filled[0]
    return fields


def _unsupported(what: str, *, raw: bool) -> InputError:
    accepted = "application/json, multipart/form-data" + (" or an image (Content-Type: image/jpeg, …)" if raw else "")
    return InputError(ErrorCode.MEDIA_TYPE_UNSUPPORTED, f"Send {accepted}, not {what}.")
