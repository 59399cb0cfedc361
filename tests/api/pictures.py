"""Small pictures, and broken ones."""

import base64
import io
import struct
import zlib

from PIL import Image


def picture(width: int = 120, height: int = 80, image_format: str = "JPEG", colour: str = "teal") -> bytes:
    """A plain picture."""
    written = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(written, image_format)
    return written.getvalue()


def mask(width: int = 120, height: int = 80) -> bytes:
    """A mask with a white square in its middle."""
    drawn = Image.new("L", (width, height))
    drawn.paste(255, (width // 3, height // 3, width // 2, height // 2))
    written = io.BytesIO()
    drawn.save(written, "PNG")
    return written.getvalue()


def huge_header(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG that says it is very large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"")) + _chunk(b"IEND", b"")


def text(data: bytes) -> str:
    """As base64."""
    return base64.b64encode(data).decode()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
