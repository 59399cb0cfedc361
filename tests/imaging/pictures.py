"""Pictures made by code, in every shape that files come in."""

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def gradient(height: int = 48, width: int = 64, channels: int = 3) -> NDArray[np.uint8]:
    """A smooth picture without symmetry, so that every turn of it differs."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [x / width * 255, y / height * 255, (x + 2 * y) / (width + 2 * height) * 255, 255 - x / width * 200]
    return np.stack(planes[:channels], axis=-1).astype(np.uint8)


def noise(height: int = 48, width: int = 64, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """A picture that does not compress."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def disc(height: int, width: int, radius: float) -> NDArray[np.uint8]:
    """A mask with a disc in the middle."""
    y, x = np.mgrid[0:height, 0:width]
    return np.where((y - height / 2) ** 2 + (x - width / 2) ** 2 <= radius**2, 255, 0).astype(np.uint8)


def save(image: Image.Image | NDArray[np.uint8], name: str, **options: object) -> bytes:
    """Encode with Pillow, which is not what the code under test encodes with."""
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    picture.save(buffer, name, **options)
    return buffer.getvalue()


def exif(orientation: int) -> bytes:
    """EXIF with an orientation, a camera and a GPS position."""
    tags = Image.Exif()
    tags[274] = orientation
    tags[271] = "Camera"
    tags.get_ifd(0x8825)[1] = "N"
    return tags.tobytes()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\x00" * 10)) + chunk(b"IEND", b"")


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB."""
    error = float(np.mean((a.astype(np.float64) - b) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))
