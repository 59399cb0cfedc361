"""Bytes to arrays and back.

What comes in may be turned (EXIF), in another colour space (ICC), 16-bit, grey, CMYK, with a palette, animated or cut
off; what goes out of ``decode`` is upright uint8 sRGB, complete, or an ``InputError``. cv2 decodes what is plain and
Pillow the rest, because cv2 ignores profiles. cv2 before 5.0 accepted data that ends early; the
tests hold it to refusing that.
"""

import io
import zlib
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

from tasks.errors import ErrorCode, InputError
from tasks.imaging.composite import over
from tasks.imaging.masks import Mask, binarise
from tasks.imaging.probe import (
    DEFAULT_LIMITS,
    OUTPUT_FORMATS,
    PILLOW_ERRORS,
    Format,
    ImageInfo,
    Limits,
    describe,
    open_image,
)
from tasks.imaging.structure import truncated
from tasks.jobs import MaskArea

Pixels = NDArray[np.uint8]
"""H × W × 3 or H × W × 4, uint8, red first, straight alpha last."""

DEFAULT_QUALITY: Final = 85
WEBP_METHOD: Final = 2
"""Half the time of libwebp's default 4 for 2 % more bytes."""
AVIF_SPEED: Final = 8
"""A quarter of the time of libavif's default 6."""

_EXIF_HEADER: Final = b"Exif\x00\x00"
_SRGB: Final = ImageCms.createProfile("sRGB")
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PLAIN_MODES: Final = frozenset({"L", "RGB"})
_MIRRORED: Final = frozenset({2, 4, 5, 7})


def decode(data: bytes, *, limits: Limits = DEFAULT_LIMITS, shrink_to: int | None = None) -> Pixels:
    """Decode to H × W × 3, or H × W × 4 if the file has transparency: uint8, sRGB, upright; the first frame.

    ``shrink_to`` lets a JPEG be decoded at 1/2, 1/4 or 1/8 as long as its shorter side keeps that many pixels: give
    the longer side of what is needed. Other formats ignore it.
    Raises ``InputError`` with the codes of ``probe``; never returns rows that the data does not hold.
    """
    with closing(open_image(data, limits)) as image:
        info = describe(image)
        factor = _jpeg_factor(info, shrink_to)
        pixels = _decode_plain(data, factor) if _is_plain(info) else _decode_any(image, factor)
    return upright(pixels, info.orientation)


def decode_rgb(data: bytes, *, limits: Limits = DEFAULT_LIMITS, shrink_to: int | None = None) -> Pixels:
    """Decode to H × W × 3; transparency is laid over white. Otherwise like ``decode``."""
    return flatten(decode(data, limits=limits, shrink_to=shrink_to))


def decode_mask(data: bytes, *, limits: Limits = DEFAULT_LIMITS, area: MaskArea = MaskArea.WHITE) -> Mask:
    """Decode a mask to H × W, 0 or 255; 255 is the area to change.

    White is cut at 128. A mask whose colours say nothing is read from its alpha channel (opaque is white): canvases
    export such masks. Otherwise the colours' luma over black counts. With ``MaskArea.TRANSPARENT`` it is exactly what
    has an alpha of 0, which is nothing in a file without transparency. Raises ``InputError`` like ``decode``.
    """
    pixels = decode(data, limits=limits)
    if area is MaskArea.TRANSPARENT:
        alpha = pixels[..., 3] if pixels.shape[2] == 4 else np.ones(pixels.shape[:2], np.uint8)
        return np.where(alpha == 0, np.uint8(255), np.uint8(0))
    if pixels.shape[2] == 3:
        return binarise(_luma(pixels))
    alpha = pixels[..., 3]
    visible = _luma(pixels)[alpha > 0]
    if alpha.min() < 255 and (visible.size == 0 or visible.min() == visible.max()):
        return binarise(alpha)
    return binarise(np.asarray(cv2.multiply(_luma(pixels), alpha, scale=1 / 255), np.uint8))


def normalise(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return bytes that any decoder reads as the same upright RGB picture; proves that all pixels can be read.

    The same object comes back if it is a still, upright, 8-bit sRGB or grey JPEG, PNG or WebP without alpha; else a
    PNG of what ``decode_rgb`` makes of it. Metadata in bytes that come back unchanged stays. Errors as in ``decode``.
    """
    with closing(open_image(data, limits)) as image:
        info = describe(image)
        profile = image.info.get("icc_profile")
    pixels = decode_rgb(data, limits=limits)
    kept = info.format in {Format.JPEG, Format.PNG, Format.WEBP} and info.mode in _PLAIN_MODES
    plain = not (info.has_alpha or info.animated) and info.orientation == 1
    return data if kept and plain and _is_srgb(profile) else encode(pixels, Format.PNG)


def encode(
    image: NDArray[np.uint8],
    image_format: Format,
    *,
    quality: int = DEFAULT_QUALITY,
    lossless: bool = False,
    max_bytes: int | None = None,
    metadata: bytes | None = None,
) -> bytes:
    """Encode H × W, H × W × 3 or H × W × 4 uint8 sRGB; JPEG lays alpha over white, PNG keeps grey grey.

    ``quality`` is 1–100 (PNG ignores it). ``max_bytes`` asks for the best quality up to ``quality`` that fits.
    ``metadata`` is EXIF from ``read_metadata``; without it nothing but the pixels is written.
    Raises ``InputError``: ``image_format_unsupported``, ``parameter_invalid``, or ``size_unreachable`` naming the
    smallest size reached.
    """
    _check_encoding(image_format, quality, lossless=lossless, max_bytes=max_bytes)
    if image.ndim == 2 and image_format is not Format.PNG:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB), np.uint8)

    def at(level: int) -> bytes:
        return _ENCODERS[image_format](image, level, lossless, metadata)

    if max_bytes is None:
        return at(quality)
    return _best_that_fits(at, 100 if image_format is Format.PNG else quality, max_bytes, image_format, lossless)


def read_metadata(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> bytes | None:
    """Return the image's EXIF (GPS included) for ``encode``, with the orientation reset to 1; None if it has none.

    The embedded thumbnail, which shows the picture before the edit, is left out.
    """
    with closing(open_image(data, limits)) as image:
        try:
            exif = Image.Image.getexif(image)
            if not exif:
                return None
            exif[ExifTags.Base.Orientation] = 1
            return exif.tobytes()
        except PILLOW_ERRORS:
            return None


def flatten(pixels: Pixels) -> Pixels:
    """Lay H × W × 4 over white; H × W × 3 is returned as it is."""
    return pixels if pixels.shape[2] == 3 else over(pixels[..., :3], pixels[..., 3], 255)


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation, 1–8 (Exif 2.32, tag 274)."""
    if orientation in _MIRRORED:
        pixels = pixels[:, ::-1]
    quarter_turns = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns))


def _luma(pixels: Pixels) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(pixels[..., :3], cv2.COLOR_RGB2GRAY), np.uint8)


# Decoding


def _is_plain(info: ImageInfo) -> bool:
    still = not info.animated and not info.has_profile and not info.has_alpha
    return still and info.format in {Format.JPEG, Format.PNG} and info.mode in _PLAIN_MODES


def _jpeg_factor(info: ImageInfo, shrink_to: int | None) -> int:
    if info.format is not Format.JPEG or shrink_to is None:
        return 1
    shorter = min(info.width, info.height)
    return next((factor for factor in (8, 4, 2) if shorter >= factor * shrink_to), 1)


def _decode_plain(data: bytes, factor: int) -> Pixels:
    flags = {
        1: cv2.IMREAD_COLOR_RGB,
        2: cv2.IMREAD_COLOR_RGB | 16,  # cv2's REDUCED_COLOR flags contain BGR: 16, 32 and 64 are their divisors
        4: cv2.IMREAD_COLOR_RGB | 32,
        8: cv2.IMREAD_COLOR_RGB | 64,
    }[factor]
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise  # says nothing of the file
        raise truncated() from error
    if pixels is None:
        raise truncated()
    return np.asarray(pixels, np.uint8)


def _decode_any(image: Image.Image, factor: int) -> Pixels:
    try:
        if factor > 1:
            width, height = image.size
            image.draft(None, (width // factor, height // factor))
        image.load()
        return np.array(_to_srgb(image), np.uint8)
    except PILLOW_ERRORS as error:
        raise truncated() from error


def _to_srgb(image: Image.Image) -> Image.Image:
    if image.mode in {"I", "F", "LAB"}:
        raise InputError(
            ErrorCode.IMAGE_FORMAT_UNSUPPORTED,
            f"Images with {image.mode} samples are not accepted; save it with 8 or 16 bits per channel in RGB.",
        )
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if image.mode == "P" or (image.has_transparency_data and image.mode not in {"LA", "RGBA"}):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if _is_srgb(profile):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return _convert_profile(image, profile)


def _eight_bits(image: Image.Image) -> Image.Image:
    samples = np.asarray(image).astype(np.uint16, copy=False)
    return Image.fromarray(np.asarray(cv2.convertScaleAbs(samples, alpha=1 / 257), np.uint8))


def _convert_profile(image: Image.Image, profile: Any) -> Image.Image:
    alpha = image.getchannel("A") if image.mode in {"LA", "RGBA"} else None
    if alpha is not None:
        image = image.convert(image.mode[:-1])
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        turned = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, *PILLOW_ERRORS):
        turned = None  # a damaged profile, or one of another colour model: browsers ignore it too
    converted = turned or image.convert("RGB")
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


def _is_srgb(profile: Any) -> bool:
    if not profile:
        return True
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, *PILLOW_ERRORS):
        return True
    return name.strip().lower().startswith(("srgb", "c2"))


# Encoding


def _check_encoding(image_format: Format, quality: int, *, lossless: bool, max_bytes: int | None) -> None:
    if image_format not in OUTPUT_FORMATS:
        raise InputError(
            ErrorCode.IMAGE_FORMAT_UNSUPPORTED, f"{image_format.upper()} is only read; ask for png, jpeg, webp or avif."
        )
    if not 1 <= quality <= 100:
        raise InputError(ErrorCode.PARAMETER_INVALID, "The quality has to be between 1 and 100.")
    if max_bytes is not None and max_bytes < 1:
        raise InputError(ErrorCode.PARAMETER_INVALID, "max_bytes has to be at least 1.")
    if lossless and image_format not in {Format.PNG, Format.WEBP}:
        raise InputError(ErrorCode.PARAMETER_INVALID, f"{image_format.upper()} is lossy; ask for png or webp.")


def _encode_png(image: Pixels, _quality: int, _lossless: bool, metadata: bytes | None) -> bytes:
    encoded = cv2.imencode(".png", _blue_first(image))[1].tobytes()
    if metadata is None:
        return encoded
    chunk = b"eXIf" + metadata.removeprefix(_EXIF_HEADER)
    header_end = len(_PNG_SIGNATURE) + 25
    framed = (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    return encoded[:header_end] + framed + encoded[header_end:]


def _blue_first(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA), np.uint8)


def _encode_jpeg(image: Pixels, quality: int, _lossless: bool, metadata: bytes | None) -> bytes:
    turned = cv2.cvtColor(flatten(image), cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    if metadata is None:
        return encoded
    segment = _EXIF_HEADER + metadata.removeprefix(_EXIF_HEADER)
    if len(segment) > 0xFFFD:
        raise InputError(ErrorCode.PARAMETER_INVALID, "The metadata is too long for a JPEG; encode without it.")
    return encoded[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + encoded[2:]


def _encode_webp(image: Pixels, quality: int, lossless: bool, metadata: bytes | None) -> bytes:
    options = {"lossless": True, "exact": True, "quality": 50} if lossless else {"quality": quality}
    return _save(image, "WEBP", metadata, method=WEBP_METHOD, **options)


def _encode_avif(image: Pixels, quality: int, _lossless: bool, metadata: bytes | None) -> bytes:
    return _save(image, "AVIF", metadata, quality=quality, speed=AVIF_SPEED, max_threads=1)


def _save(image: Pixels, name: str, metadata: bytes | None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, name, exif=metadata or b"", **options)
    return buffer.getvalue()


_ENCODERS: Final[dict[Format, Callable[[Pixels, int, bool, bytes | None], bytes]]] = {
    Format.PNG: _encode_png,
    Format.JPEG: _encode_jpeg,
    Format.WEBP: _encode_webp,
    Format.AVIF: _encode_avif,
}


def _best_that_fits(
    at: Callable[[int], bytes],
    quality: int,
    max_bytes: int,
    image_format: Format,
    lossless: bool,
) -> bytes:
    best = at(quality)
    if len(best) <= max_bytes:
        return best
    smallest = best if lossless or image_format is Format.PNG else at(1)
    if len(smallest) > max_bytes:
        raise InputError(
            ErrorCode.SIZE_UNREACHABLE,
            f"The image cannot be encoded as {image_format} in {max_bytes} bytes, the smallest is {len(smallest)}; "
            "allow more bytes, make the picture smaller or ask for another format.",
        )
    return _search(at, smallest, 1, quality, max_bytes)


def _search(at: Callable[[int], bytes], fitting: bytes, low: int, high: int, max_bytes: int) -> bytes:
    """Bisect the quality: ``low`` fits (as ``fitting``), ``high`` does not."""
    while high - low > 1:
        middle = (low + high) // 2
        attempt = at(middle)
        if len(attempt) <= max_bytes:
            low, fitting = middle, attempt
        else:
            high = middle
    return fitting
