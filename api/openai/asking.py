"""From a request to the edits that it asks for, and the form that their pictures are to have."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.gateway import Gateway
from api.inputs import Picture
from api.jobs import Asked
from api.openai import models
from api.openai.models import Images
from api.openai.pictures import Form
from api.openai.schemas import (
    EditRequest,
    GenerationRequest,
    ImagesRequest,
    ResponseFormat,
    edit_request,
    generation_request,
    wrong_size,
)
from api.schemas import parse
from tasks.engines import require_support
from tasks.errors import InputError
from tasks.imaging.mask_check import require_same_aspect
from tasks.jobs import Edit, MaskArea, Operation

_SEEDS = 2**32


@dataclass(frozen=True, slots=True)
class Order:
    """What a request wants."""

    asked: Asked
    form: Form
    by_url: bool
    stream: bool
    previews: int


async def generation(gateway: Gateway, fields: Mapping[str, Any]) -> Order:
    """Return what a generation wants. Raises ``InputError`` or ``NotFoundError`` (model_not_found)."""
    wanted = generation_request(fields)
    operation = models.generation(models.found(wanted.model))
    require_support(gateway.settings.generation_engine, operation)
    width, height = wanted.pixels or (None, None)
    edit = _edit(wanted, operation, {"width": width, "height": height})
    return _order(wanted, edit, {}, None)


async def edit(gateway: Gateway, fields: Mapping[str, Any], owner: str) -> Order:
    """Return what an edit wants; its images' headers are read. Errors as ``generation`` and ``BodyReader.pictures``."""
    wanted = edit_request(fields)
    model = models.found(wanted.model)
    operation = models.edit(model, Images(len(wanted.images), has_mask=wanted.mask is not None))
    require_support(gateway.settings.generation_engine, operation)
    pictures = await _pictures(gateway, wanted, owner)
    size = _scaled(wanted, pictures["photo"])
    ids = {role: picture.id for role, picture in pictures.items()}
    return _order(wanted, _edit(wanted, operation, {**ids, "mask_area": MaskArea.TRANSPARENT}), pictures, size)


async def _pictures(gateway: Gateway, wanted: EditRequest, owner: str) -> dict[str, Picture]:
    names = {"photo": "image", "reference": "image[1]", "mask": "mask"}
    images = dict(zip(("photo", "reference"), wanted.images, strict=False))
    given = {**images, **({"mask": wanted.mask} if wanted.mask is not None else {})}
    read = await gateway.bodies.pictures({names[role]: image for role, image in given.items()}, owner=owner)
    return {role: read[names[role]] for role in given}


def _scaled(wanted: EditRequest, photo: Picture) -> tuple[int, int] | None:
    """Return the size to bring the edited photo to, if any. Raises ``FieldsError`` for another aspect ratio."""
    if wanted.pixels is None:
        return None
    try:
        require_same_aspect(wanted.pixels, (photo.width, photo.height))
    except InputError:
        raise wrong_size(
            f"An edit keeps the photo's aspect ratio, {photo.width}x{photo.height}: send auto, or that size scaled."
        ) from None
    return wanted.pixels


def _edit(wanted: ImagesRequest, operation: Operation, more: Mapping[str, Any]) -> Edit:
    given = {name: value for name, value in more.items() if value is not None}
    edit = parse(Edit, {"operation": operation, **wanted.own(), **given})
    every = edit.num_inference_steps // (wanted.partial_images + 1)
    return edit.model_copy(update={"preview_every": max(1, every) if wanted.partial_images else 0})


def _order(
    wanted: GenerationRequest | EditRequest, edit: Edit, pictures: Mapping[str, Picture], size: tuple[int, int] | None
) -> Order:
    asked = Asked(_seeded(edit, wanted.n), pictures, ("images", edit.model_dump(mode="json"), wanted.n))
    form = Form(wanted.output_format, wanted.output_compression, size)
    by_url = wanted.response_format is ResponseFormat.URL
    return Order(asked, form, by_url, wanted.stream, wanted.partial_images)


def _seeded(edit: Edit, count: int) -> tuple[Edit, ...]:
    if edit.seed is None:
        return (edit,) * count
    return tuple(edit.model_copy(update={"seed": (edit.seed + index) % _SEEDS}) for index in range(count))
