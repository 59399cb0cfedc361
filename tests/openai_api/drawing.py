"""Pictures for OpenAI's API."""

import base64
import io

import numpy as np
from PIL import Image

HOLE = (40, 30, 70, 60)
"""x0, y0, x1, y1 of the masks' transparent area."""


def photo(width: int = 160, height: int = 120) -> bytes:
    """A PNG of many colours, so that each pixel that moves is seen."""
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([columns * 255 // width, rows * 255 // height, (columns * 7 + rows * 13) % 256], axis=-1)
    return _written(Image.fromarray(pixels.astype(np.uint8)))


def mask(width: int = 160, height: int = 120, *, alpha: int = 0) -> bytes:
    """An RGBA PNG of a photo's size: opaque but for HOLE."""
    drawn = Image.new("RGBA", (width, height), (200, 30, 90, 255))
    drawn.paste((255, 255, 255, alpha), HOLE)
    return _written(drawn)


def cut_out() -> bytes:
    """A PNG of an object, transparent around it."""
    drawn = Image.new("RGBA", (90, 90))
    drawn.paste((120, 130, 20, 255), (20, 25, 70, 65))
    return _written(drawn)


def pixels(data: bytes | str) -> np.ndarray:
    """Return H × W × 3 of a file, or of one in base64."""
    return np.asarray(Image.open(io.BytesIO(_bytes(data))).convert("RGB"))


def format_of(data: bytes | str) -> str | None:
    """Return what a file, or one in base64, is written as."""
    return Image.open(io.BytesIO(_bytes(data))).format


def outside(image: np.ndarray) -> np.ndarray:
    """Return the pixels that HOLE does not cover."""
    x0, y0, x1, y1 = HOLE
    kept = np.ones(image.shape[:2], bool)
    kept[y0:y1, x0:x1] = False
    return image[kept]


def _bytes(data: bytes | str) -> bytes:
    return base64.b64decode(data) if isinstance(data, str) else data


def _written(image: Image.Image, image_format: str = "PNG") -> bytes:
    written = io.BytesIO()
    image.save(written, image_format)
    return written.getvalue()
