"""What an image is, read from its header alone: no pixel is decoded and no cv2 is loaded (the gateway uses this).

The format is told by the content, never by a file name or a declared type.
"""

import io
import struct
import zlib
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from tasks.errors import ErrorCode, InputError
from tasks.imaging.structure import require_filled, require_plain, truncated
from tasks.jobs import MAX_SIDE

# Pillow's own guard warns and raises at fixed sizes, before the size is known to us. Limits replaces it: every
# picture of this package is opened by ``open_image``, which checks the size before anything is allocated.
Image.MAX_IMAGE_PIXELS = None

# Pillow's own 64 MB are kept for each picture that is opened; texts of more than 1 MB each it refuses anyway.
PngImagePlugin.MAX_TEXT_MEMORY = 8 * 1024 * 1024

READERS: Final = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
"""Imported so that they are registered: ``Image.open`` with a list of formats loads no plugin by itself."""

PILLOW_ERRORS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What Pillow's plugins raise on hostile or damaged bytes; MemoryError is not among them."""


class Format(StrEnum):
    """Formats that are read; see ``OUTPUT_FORMATS`` for those that are written."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    AVIF = "avif"
    GIF = "gif"
    TIFF = "tiff"
    BMP = "bmp"

    @property
    def media_type(self) -> str:
        """The ``Content-Type`` of the format."""
        return f"image/{self}"


OUTPUT_FORMATS: Final = frozenset({Format.PNG, Format.JPEG, Format.WEBP, Format.AVIF})

_PILLOW_NAMES: Final = {
    "PNG": Format.PNG,
    "JPEG": Format.JPEG,
    "MPO": Format.JPEG,  # a JPEG with a depth map or a second view behind it, as phones write
    "WEBP": Format.WEBP,
    "AVIF": Format.AVIF,
    "GIF": Format.GIF,
    "TIFF": Format.TIFF,
    "BMP": Format.BMP,
}

_OPENED: Final = tuple(name for name in _PILLOW_NAMES if name != "MPO")  # which Pillow opens as JPEG

_FTYP_BRANDS: Final = {
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"heim": "HEIC",
    b"heis": "HEIC",
    b"hevc": "HEIC",
    b"mif1": "HEIF",
    b"msf1": "HEIF",
    b"crx ": "Canon CR3",
    b"mp42": "MP4",
    b"isom": "MP4",
    b"qt  ": "QuickTime",
}

_SIGNATURES: Final = (
    (b"%PDF", "PDF"),
    (b"8BPS", "Photoshop"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"%!PS", "PostScript"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"qoif", "QOI"),
    (b"v/1\x01", "OpenEXR"),
    (b"FUJIFILM", "Fujifilm RAF"),
    (b"\x1aE\xdf\xa3", "WebM"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest picture that is accepted."""

    max_pixels: int = 40_000_000
    """Width × height; 40 MP decode to at most 160 MB of RGBA."""
    max_side: int = MAX_SIDE
    """Pixels."""


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What the header tells."""

    format: Format
    width: int
    """Pixels, after the EXIF orientation."""
    height: int
    """Pixels, after the EXIF orientation."""
    orientation: int
    """EXIF orientation, 1–8; 1 is upright."""
    mode: str
    """Pillow's mode of the stored pixels: ``L``, ``RGB``, ``CMYK``, ``I;16``…"""
    has_alpha: bool
    has_profile: bool
    """Whether an ICC profile is embedded."""
    animated: bool


def probe(data: bytes, limits: Limits = DEFAULT_LIMITS) -> ImageInfo:
    """Read the header of an image.

    Raises ``InputError``: ``image_invalid``, ``image_format_unsupported``, ``image_truncated`` or ``image_too_large``.
    """
    with closing(open_image(data, limits)) as image:
        return describe(image)


def open_image(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Image.Image:
    """Open an image of accepted format and size without decoding it. Errors as in ``probe``."""
    if not data:
        raise InputError(ErrorCode.IMAGE_INVALID, "The image is empty; send the bytes of a picture file.")
    _check_webp(data, limits)
    require_plain(data)
    try:
        image = Image.open(io.BytesIO(data), formats=_OPENED)
    except PILLOW_ERRORS as error:
        raise _unreadable(data) from error
    try:
        _check_size(*image.size, limits)
        require_filled(data, *image.size)
    except InputError:
        image.close()
        raise
    return image


def describe(image: Image.Image) -> ImageInfo:
    """Describe an image that has been opened but not loaded. Raises ``InputError`` (image_truncated)."""
    try:
        return _described(image)
    except PILLOW_ERRORS as error:
        raise truncated() from error  # such as a palette that is missing


def _described(image: Image.Image) -> ImageInfo:
    turn = orientation(image)
    width, height = image.size if turn < 5 else image.size[::-1]
    return ImageInfo(
        format=_PILLOW_NAMES[str(image.format)],
        width=width,
        height=height,
        orientation=turn,
        mode=_stored_mode(image),
        has_alpha=image.has_transparency_data,
        has_profile=bool(image.info.get("icc_profile")),
        animated=image.format != "MPO" and bool(getattr(image, "is_animated", False)),
    )


def orientation(image: Image.Image) -> int:
    """Read the EXIF orientation, 1–8, of an image that has not been loaded; unknown values count as 1."""
    if image.format == "TIFF":
        return 1  # Pillow's reader turns TIFFs itself and reports the turned size
    try:
        # The base method: PNG's own one would decode the pixels in search of a late EXIF chunk.
        value = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    except PILLOW_ERRORS:
        return 1
    return value if value in range(1, 9) else 1


def _stored_mode(image: Image.Image) -> str:
    # Pillow opens 16-bit colour as 8-bit; the raw mode in the tile tells.
    tiles = getattr(image, "tile", ())
    raw = str(tiles[0].args) if tiles else ""
    return f"{image.mode};16" if "16" in raw and "16" not in image.mode else image.mode


def _check_size(width: int, height: int, limits: Limits) -> None:
    if max(width, height) > limits.max_side:
        limit = f"no side may exceed {limits.max_side} pixels"
    elif width * height > limits.max_pixels:
        limit = f"at most {limits.max_pixels / 1e6:g} megapixels are accepted"
    else:
        return
    raise InputError(
        ErrorCode.IMAGE_TOO_LARGE, f"The image is {width} × {height} pixels, but {limit}; send a smaller one."
    )


def _check_webp(data: bytes, limits: Limits) -> None:
    """Check a WebP's length and canvas before libwebp sees it: its decoder allocates the canvas on opening."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return
    if len(data) < 30 or len(data) < int.from_bytes(data[4:8], "little") + 8:
        raise truncated()
    if data[12:16] == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        _check_size(width, height, limits)


def _unreadable(data: bytes) -> InputError:
    name = _known_format(data[:1024])
    if name is not None:
        return InputError(
            ErrorCode.IMAGE_FORMAT_UNSUPPORTED, f"{name} files are not accepted; convert it to JPEG, PNG or WebP."
        )
    return InputError(
        ErrorCode.IMAGE_INVALID, "This is not a readable image; send a JPEG, PNG, WebP, AVIF, GIF, TIFF or BMP file."
    )


def _known_format(head: bytes) -> str | None:
    if head[4:8] == b"ftyp" and head[8:12] in _FTYP_BRANDS:
        return _FTYP_BRANDS[head[8:12]]
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg")) and b"<svg" in text:
        return "SVG"
    return next((name for signature, name in _SIGNATURES if head.startswith(signature)), None)
