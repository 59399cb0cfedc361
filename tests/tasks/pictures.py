"""Pictures made by code, small and with known content."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.lab import DATA


def photo(width: int = 320, height: int = 240, seed: int = 0) -> NDArray[np.uint8]:
    """A colourful gradient with some texture, H × W × 3."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    base = np.dstack([x * 255 / width, y * 255 / height, (x + y) * 255 / (width + height)])
    return np.clip(base + rng.normal(0, 8, (height, width, 3)), 0, 255).astype(np.uint8)


def mask(
    width: int = 320, height: int = 240, box: tuple[int, int, int, int] = (100, 80, 160, 140)
) -> NDArray[np.uint8]:
    """A white box x0, y0, x1, y1 on black, H × W."""
    area = np.zeros((height, width), np.uint8)
    x0, y0, x1, y1 = box
    area[y0:y1, x0:x1] = 255
    return area


def encoded(pixels: NDArray[np.uint8], image_format: str = "PNG") -> bytes:
    """The picture as a file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, image_format)
    return buffer.getvalue()


def decoded(data: bytes) -> NDArray[np.uint8]:
    """A file as a picture."""
    return np.asarray(Image.open(io.BytesIO(data)))


def grey(data: bytes) -> NDArray[np.uint8]:
    """A file as H × W grey, whatever its mode."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"))


def sample(name: str) -> bytes:
    """A file of tests/data."""
    return (DATA / name).read_bytes()


def with_orientation(pixels: NDArray[np.uint8], orientation: int) -> bytes:
    """The picture as a JPEG that says how it has to be turned."""
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif, quality=95)
    return buffer.getvalue()


GPS = 0x8825


def with_position(pixels: NDArray[np.uint8]) -> bytes:
    """The picture as a JPEG that says where it was taken."""
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif.get_ifd(GPS)[2] = (52.0, 31.0, 12.0)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def has_position(data: bytes) -> bool:
    """Whether a picture says where it was taken."""
    return bool(Image.open(io.BytesIO(data)).getexif().get_ifd(GPS))
