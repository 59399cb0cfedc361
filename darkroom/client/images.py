"""Whatever somebody has for an image, as bytes to send or an id to name."""

import hashlib
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias, runtime_checkable

from PIL import Image, ImageOps

from darkroom.client.pictures import ImageId, Picture

_WRITTEN = frozenset({"1", "L", "LA", "I;16", "P", "RGB", "RGBA"})
"""Modes that PNG keeps as they are."""
_CONVERTED = {
    **dict.fromkeys(("CMYK", "YCbCr", "LAB", "HSV", "RGBX"), "RGB"),
    "PA": "RGBA",
    "RGBa": "RGBA",
    "La": "LA",
}
"""And what becomes of others whose range is known."""
_COMPRESSION = 1
"""Of zlib: files a tenth larger than at 6, in a third of the time."""
_ID = re.compile(r"[0-9a-f]{64}")


@runtime_checkable
class Array(Protocol):
    """A numpy array, without needing numpy: H × W × 1, 3 or 4 or H × W, uint8; or H × W bool for a mask."""

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """Where its numbers are."""


ImageLike: TypeAlias = str | os.PathLike[str] | bytes | bytearray | BinaryIO | Image.Image | Array | ImageId | Picture
"""A path, a file's bytes, an open file, a PIL image, a numpy array, an id, or a picture that came from here."""


@dataclass(frozen=True, slots=True)
class Source:
    """An image to send or to name."""

    id: ImageId
    data: bytes | None
    """None where only its id is known here."""


def read(image: ImageLike) -> Source:
    """Return an image's file and id.

    Files are sent as they are; pixels become PNG, upright (EXIF) and with their colour profile. Raises ``OSError``
    for a file that cannot be read, ``TypeError`` and ``ValueError`` for what is no image.
    """
    match image:
        case ImageId():
            return Source(image, None)
        case Picture():
            return Source(image.id, image.data)
        case Image.Image():
            return _source(_png(image))
        case bytes() | bytearray():
            return _source(bytes(image))
        case str() | os.PathLike():
            return _source(_file(image))
        case Array():
            return _source(_png(_of_array(image)))
    if hasattr(image, "read"):
        data = image.read()
        if isinstance(data, bytes):
            return _source(data)
        raise TypeError("An image file has to be opened in binary mode: open(path, 'rb').")
    raise TypeError(
        "An image is a path, bytes, an open file, a PIL image, a numpy array or an ImageId, "
        f"not {type(image).__name__}."
    )


def _source(data: bytes) -> Source:
    return Source(ImageId(hashlib.sha256(data).hexdigest()), data)


def _file(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        if _ID.fullmatch(str(path)):
            error.add_note("This looks like the id of an image; say so: ImageId(…).")
        raise


def _png(image: Image.Image) -> bytes:
    upright = ImageOps.exif_transpose(image)
    options: dict[str, Any] = {}
    if upright.mode not in _WRITTEN:
        if upright.mode not in _CONVERTED:
            raise ValueError(
                f"A PIL image of mode {upright.mode} has no agreed range; convert it to L or RGB, 0 to 255."
            )
        upright = upright.convert(_CONVERTED[upright.mode])
        if image.mode in {"CMYK", "LAB"}:
            options["icc_profile"] = None  # it describes the colours that were left
    buffer = io.BytesIO()
    upright.save(buffer, "PNG", compress_level=_COMPRESSION, **options)
    return buffer.getvalue()


def _of_array(array: Any) -> Image.Image:
    kind, shape = array.__array_interface__["typestr"], array.__array_interface__["shape"]
    if len(shape) == 3 and shape[2] == 1:
        return _of_array(array[..., 0])
    is_grey, is_colour = len(shape) == 2, len(shape) == 3 and shape[2] in {3, 4}
    if kind == "|b1" and is_grey:
        return Image.fromarray(array.astype("uint8") * 255)
    if kind == "|u1" and (is_grey or is_colour):
        return Image.fromarray(array)
    raise ValueError(
        f"An array is an image if it is uint8 of H × W, H × W × 3 (RGB) or H × W × 4, or a mask of bool; this one is "
        f"{kind} of {' × '.join(map(str, shape))}. Of floats from 0 to 1: (255 * array).round().astype('uint8')."
    )
