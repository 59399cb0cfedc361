"""Whether an image file is all there, told from its structure: no pixel is decoded. Pure.

A cut upload is refused here, before a queue; damage in the middle of the pixels is for the worker to find.
"""

from collections.abc import Callable, Mapping

from tasks.imaging.probe import Format
from tasks.imaging.structure import START_OF_SCAN, jpeg_segments


def is_complete(data: bytes, image_format: Format) -> bool:
    """Whether the file goes to its format's end; True where the format does not tell."""
    check = _CHECKS.get(image_format)
    return check is None or check(data)


def _png(data: bytes) -> bool:
    at = 8
    while at + 12 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        at += 12 + length
        if kind == b"IEND":
            return True
    return False


def _jpeg(data: bytes) -> bool:
    # The thumbnail in an EXIF block has an end marker of its own, so only what follows the first scan counts.
    scan = next((at for marker, at in jpeg_segments(data) if marker == START_OF_SCAN), None)
    # From the end, where it is: looking through all of a photo holds the interpreter's lock for a millisecond.
    return scan is not None and data.rfind(b"\xff\xd9", scan) >= 0


def _webp(data: bytes) -> bool:
    return len(data) >= int.from_bytes(data[4:8], "little") + 8


def _gif(data: bytes) -> bool:
    return b"\x3b" in data[-16:]


def _bmp(data: bytes) -> bool:
    return len(data) >= int.from_bytes(data[2:6], "little")


def _avif(data: bytes) -> bool:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:
            return size == 0
        at += size
    return at == len(data)


_CHECKS: Mapping[Format, Callable[[bytes], bool]] = {
    Format.PNG: _png,
    Format.JPEG: _jpeg,
    Format.WEBP: _webp,
    Format.GIF: _gif,
    Format.BMP: _bmp,
    Format.AVIF: _avif,
}
