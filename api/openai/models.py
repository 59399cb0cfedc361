"""Models: their ids name what to do, as OpenAI's requests have no other place for it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from pydantic import ConfigDict

from api.answers import Answer
from api.problems import FieldError, FieldsError
from tasks.engines import EngineName, supports
from tasks.errors import ErrorCode, NotFoundError
from tasks.jobs import Operation

CREATED: Final = 1_764_547_200
"""Unix seconds that every model tells; nothing depends on them."""


class Name(StrEnum):
    """Ids of models."""

    DARKROOM = "darkroom"
    """Whatever the request's images say."""
    REMOVAL = "darkroom-removal"
    INSERTION = "darkroom-insertion"
    WHITE_BALANCE = "darkroom-white-balance"
    TEXT_TO_IMAGE = "darkroom-text-to-image"


OPERATIONS: Final[Mapping[Name, Operation]] = {
    Name.REMOVAL: Operation.REMOVAL,
    Name.INSERTION: Operation.INSERTION,
    Name.WHITE_BALANCE: Operation.WHITE_BALANCE,
    Name.TEXT_TO_IMAGE: Operation.TEXT_TO_IMAGE,
}


class Model(Answer):
    """A model of this gateway."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"id": "darkroom", "object": "model", "created": CREATED, "owned_by": "darkroom"}
        },
    )

    id: Name
    object: Literal["model"] = "model"
    created: int = CREATED
    """Unix seconds."""
    owned_by: Literal["darkroom"] = "darkroom"


class Models(Answer):
    """The models of this gateway."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"object": "list", "data": [Model(id=Name.DARKROOM).model_dump(mode="json")]}},
    )

    object: Literal["list"] = "list"
    data: list[Model]


@dataclass(frozen=True, slots=True)
class Images:
    """What a request brings beside its words."""

    count: int
    """Without the mask."""
    has_mask: bool


def served_by(engine: EngineName) -> list[Name]:
    """Return the models that an engine can serve."""
    return [name for name in Name if name not in OPERATIONS or supports(engine, OPERATIONS[name])]


def found(model: str, known: Iterable[Name] = Name) -> Name:
    """Return the model of an id, one of those known. Raises ``NotFoundError`` (model_not_found)."""
    names = list(known)
    if model not in names:
        raise NotFoundError(
            ErrorCode.MODEL_NOT_FOUND, f"There is no model {model[:64]!r} here; there are {', '.join(names)}."
        )
    return Name(model)


def generation(model: Name) -> Operation:
    """Return what a generation asks for. Raises ``FieldsError`` for a model that needs a photo."""
    if OPERATIONS.get(model, Operation.TEXT_TO_IMAGE) is not Operation.TEXT_TO_IMAGE:
        raise _wrong("model", f"{model} edits a photo: send it to /v1/images/edits.")
    return Operation.TEXT_TO_IMAGE


def edit(model: Name, images: Images) -> Operation:
    """Return what an edit asks for; ``darkroom`` goes by its images.

    Raises ``FieldsError`` unless its images are those that the operation needs, and no others.
    """
    if images.count == 0:
        raise _wrong("image", "Send the photo to edit.", ErrorCode.IMAGE_MISSING)
    operation = _by_images(images) if model is Name.DARKROOM else OPERATIONS[model]
    if operation is Operation.TEXT_TO_IMAGE:
        raise _wrong("model", f"{model} edits no photo: send its prompt to /v1/images/generations.")
    _require(operation, images)
    return operation


def _by_images(images: Images) -> Operation:
    if not images.has_mask:
        # A prompt alone could mean anything; to guess would be to change the photo in a way that nobody asked for.
        raise _wrong(
            "mask",
            f"Send a mask whose transparent area may change, or name the model {Name.WHITE_BALANCE}, which needs none.",
            ErrorCode.MASK_MISSING,
        )
    return Operation.REMOVAL if images.count == 1 else Operation.INSERTION


def _require(operation: Operation, images: Images) -> None:
    wanted = 2 if operation is Operation.INSERTION else 1
    if images.count < wanted:
        raise _wrong(
            "image",
            "Send two images: the photo, then the one that holds the object to insert.",
            ErrorCode.REFERENCE_MISSING,
        )
    if images.count > wanted:
        raise _wrong("image", f"{operation} takes {wanted} image{'s'[: wanted - 1]}, not {images.count}.")
    if operation is Operation.WHITE_BALANCE and images.has_mask:
        raise _wrong("mask", "white-balance corrects the whole photo; leave the mask out.")
    if operation is not Operation.WHITE_BALANCE and not images.has_mask:
        raise _wrong("mask", f"{operation} needs a mask whose transparent area may change.", ErrorCode.MASK_MISSING)


def _wrong(field: str, detail: str, code: ErrorCode = ErrorCode.PARAMETER_INVALID) -> FieldsError:
    return FieldsError([FieldError(field=field, detail=detail, code=code)])
