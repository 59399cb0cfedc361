"""What a file is made of, checked before any decoder sees it: decoders keep every piece, however many there are.

A few megabytes can hold a million empty pieces, or a thousand passes over the same pixels; opening such a file takes
seconds and hundreds of megabytes. Pure, and in time and memory bounded by the limits below.
"""

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from tasks.errors import ErrorCode, InputError

MAX_CHUNKS: Final = 500
"""Of a PNG, those with pixels not counted: what a camera or an editor writes has under 50."""
MAX_SEGMENTS: Final = 2000
"""Of a JPEG before its first scan: 50 MB of metadata in the longest segments are 800."""
MAX_SCANS: Final = 100
"""Of a JPEG: encoders write about 10, and each is a pass over all pixels. libjpeg-turbo advises against over 500."""
BYTES_PER_PIECE: Final = 100
"""Of the pieces that pixels come in: GIF encoders fill blocks of 255 bytes, PNG encoders chunks of 8 KiB and more."""
FREE_PIECES: Final = 1000
"""So many may be smaller than that."""
PIXELS_PER_BYTE: Final = 8 * 8 * 8
"""Of a JPEG: a block of 8 × 8 takes a bit, at least (ITU-T T.81, F.1.2.1); decoders make up what is not there."""
MAX_NUMBERS: Final = 200_000
"""In one tag of a TIFF: 40 megapixels in the smallest tiles (16 × 16) have 156,250 offsets."""
MAX_TILE_PIXELS: Final = 4_194_304
"""Of a TIFF, 2048 × 2048: a decoder allocates a tile whole, whatever part of it the picture covers."""

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE: Final = b"\xff\xd8\xff"
_GIF_SIGNATURE: Final = b"GIF8"
_TIFF_SIGNATURES: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_PIXEL_CHUNKS: Final = frozenset({b"IDAT", b"fdAT"})
_LONE_MARKERS: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"""JPEG markers without a length: TEM, RSTn, SOI."""
_HUFFMAN_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
"""JPEG markers of frames whose blocks are coded one by one; arithmetic coding can do with less than a bit each."""
_SEQUENTIAL_FRAMES: Final = frozenset({0xC0, 0xC1})
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers SOFn: not DHT, JPG, DAC."""
START_OF_SCAN: Final = 0xDA
"""A JPEG marker."""
_END_OF_IMAGE: Final = 0xD9
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""Within a scan, what is no stuffed byte, restart or filling."""
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_SHORT, _LONG, _LONG8 = 3, 4, 16
_TEXT_TYPES: Final = frozenset({1, 2, 6, 7})
"""Types that are kept as the bytes they are: BYTE, ASCII, SBYTE, UNDEFINED."""


def require_plain(data: bytes) -> None:
    """Raise ``InputError`` (image_invalid) for a file of too many pieces; files of other formats pass."""
    check = next((each for start, each in _CHECKS.items() if data.startswith(start)), None)
    if check is not None:
        check(data)


def require_filled(data: bytes, width: int, height: int) -> None:
    """Raise ``InputError`` (image_truncated) for a JPEG that cannot hold so many pixels; other files pass."""
    if not data.startswith(_JPEG_SIGNATURE) or len(data) * PIXELS_PER_BYTE >= width * height:
        return
    if any(marker in _HUFFMAN_FRAMES for marker, _ in jpeg_segments(data)):
        raise truncated()


def _png(data: bytes) -> None:
    others = pixels = profiles = 0
    most = _pieces(len(data))
    for kind in _png_chunks(data):
        if kind in _PIXEL_CHUNKS:
            pixels += 1
        else:
            others += 1
            profiles += kind == b"iCCP"
        if others > MAX_CHUNKS or profiles > 1 or pixels > most:
            raise _too_many("chunks")


def _png_chunks(data: bytes) -> Iterator[bytes]:
    at = len(PNG_SIGNATURE)
    while at + 12 <= len(data):
        kind = data[at + 4 : at + 8]
        yield kind
        if kind == b"IEND":
            return
        at += 12 + int.from_bytes(data[at : at + 4], "big")


def _jpeg(data: bytes) -> None:
    frames: list[int] = []
    for number, (marker, at) in enumerate(jpeg_segments(data)):
        if number >= MAX_SEGMENTS:
            raise _too_many("segments")
        if marker in _FRAMES:
            frames.append(at)
        if marker == START_OF_SCAN and not _is_one_scan(data, frames, at):
            _check_scans(data, at)


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the marker and the place of each segment of a JPEG, up to its first scan."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        yield marker, at
        if marker == START_OF_SCAN:
            return
        at += 2 if marker in _LONE_MARKERS else 2 + int.from_bytes(data[at + 2 : at + 4], "big")


def _is_one_scan(data: bytes, frames: list[int], scan: int) -> bool:
    """Whether a JPEG's first scan holds all of its picture, as most cameras write it: decoders read no second one."""
    if len(frames) != 1 or data[frames[0] + 1] not in _SEQUENTIAL_FRAMES:
        return False
    return data[frames[0] + 9 : frames[0] + 10] == data[scan + 4 : scan + 5]  # their numbers of components


def _check_scans(data: bytes, at: int) -> None:
    # Counting bytes is quick and finds too many in a file with a film behind its picture; only then they are followed.
    if data.count(b"\xff\xda", at) <= MAX_SCANS:
        return
    scans = 0
    for found in _MARKER.finditer(data, at):
        marker = data[found.start() + 1]
        scans += marker == START_OF_SCAN
        if scans > MAX_SCANS:
            raise _too_many("scans")
        if marker == _END_OF_IMAGE:
            return


def _gif(data: bytes) -> None:
    frames = 0
    for number, (is_frame, at) in enumerate(_gif_blocks(data)):
        frames += is_frame
        if frames > 1:
            return  # readers look at the second one only to see whether there is one
        # Of what was walked, not of the file: small ones are refused after a thousand, not after a fifth of a million.
        if number >= _pieces(at):
            raise _too_many("blocks")


def _gif_blocks(data: bytes) -> Iterator[tuple[bool, int]]:
    """Yield the place of each block of a GIF and of each part of one; with True where a frame begins."""
    at = 13 + _palette_bytes(data, 10)
    while at < len(data):
        kind = data[at]
        yield kind == 0x2C, at
        if kind == 0x2C:
            at += 11 + _palette_bytes(data, at + 9)
        elif kind == 0x21:
            at += 2
        elif kind == 0x3B:
            return
        else:
            at += 1
            continue
        while at < len(data) and data[at]:
            yield False, at
            at += 1 + data[at]
        at += 1


def _palette_bytes(data: bytes, at: int) -> int:
    flags = data[at] if at < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _tiff(data: bytes) -> None:
    tile = {_TILE_WIDTH: 0, _TILE_HEIGHT: 0}
    for tag, kind, count, value in _tiff_tags(data):
        if kind not in _TEXT_TYPES and count > MAX_NUMBERS:
            raise _too_many("numbers in a tag")
        if tag in tile:
            tile[tag] = value
    if tile[_TILE_WIDTH] * tile[_TILE_HEIGHT] > MAX_TILE_PIXELS:
        raise _too_many("pixels in a tile")


def _tiff_tags(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, type, count and value of each tag of a TIFF's first directory."""
    order = "<" if data.startswith(b"II") else ">"
    big = data[2] == 43 or data[3] == 43
    first, head, entry = ("Q", "Q", "HHQ8s") if big else ("I", "H", "HHI4s")
    try:
        (at,) = struct.unpack_from(order + first, data, 8 if big else 4)
        (count,) = struct.unpack_from(order + head, data, at)
        start, size = at + struct.calcsize(order + head), struct.calcsize(order + entry)
        for index in range(min(count, 0xFFFF)):
            tag, kind, numbers, value = struct.unpack_from(order + entry, data, start + index * size)
            yield tag, kind, numbers, _tiff_value(order, kind, value)
    except (struct.error, OverflowError):
        return  # the file ends early, or long before the place that it names, which is for the decoder to tell


def _tiff_value(order: str, kind: int, value: bytes) -> int:
    form = {_SHORT: "H", _LONG: "I", _LONG8: "Q"}.get(kind)
    fits = form is not None and struct.calcsize(order + form) <= len(value)
    return int(struct.unpack_from(order + str(form), value)[0]) if fits else 0


def truncated() -> InputError:
    """Build the error for an image whose header can be read but whose pixels end early or are damaged."""
    return InputError(
        ErrorCode.IMAGE_TRUNCATED, "The image's data ends early or is damaged; export the file and upload it again."
    )


def _pieces(size: int) -> int:
    return FREE_PIECES + size // BYTES_PER_PIECE


def _too_many(what: str) -> InputError:
    return InputError(
        ErrorCode.IMAGE_INVALID, f"The file has more {what} than any camera or editor writes; export it anew."
    )


_CHECKS: Final[Mapping[bytes, Callable[[bytes], None]]] = {
    PNG_SIGNATURE: _png,
    _JPEG_SIGNATURE: _jpeg,
    _GIF_SIGNATURE: _gif,
    **dict.fromkeys(_TIFF_SIGNATURES, _tiff),
}
