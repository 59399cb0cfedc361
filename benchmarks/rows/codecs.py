"""Row 10: how the product reads and writes pictures, against Pillow as it comes, at equal quality; one thread."""

import io
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.harness import Goal, Measure, Scale, at_least, at_most, number, ratios, rounds, seconds
from benchmarks.stand import photo
from tasks.imaging import codec, geometry
from tasks.imaging.probe import Format

Pixels = NDArray[np.uint8]

CAMERA_SIZE = (4000, 3000)
CAMERA_QUALITY = 90
THUMBNAIL = 512
SIDE = 1024
"""Of the photo that is written."""
ALIKE_DB = 0.5
"""How far two pictures of equal quality may lie apart."""

OURS, HALVED = "ours", "ours, decoded at half its size"
PILLOW, THUMBNAILER = "Pillow", "Pillow's thumbnail()"


@dataclass(frozen=True, slots=True)
class Made:
    """What one way of doing it came to."""

    size: int
    """Bytes of a file, 0 for pixels."""
    psnr: float
    """dB; infinite without loss."""


def measure(scale: Scale, _: set[int]) -> Iterator[Measure]:
    """Yield the measures."""
    cv2.setNumThreads(1)
    with Image.open(io.BytesIO(photo())) as picture:
        large = picture.convert("RGB").resize(CAMERA_SIZE, Image.Resampling.LANCZOS)
        small = np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    yield from thumbnails(scale, large)
    yield from written(scale, small, Format.PNG, at_least(4), at_most(1.05))
    yield from written(scale, small, Format.WEBP, at_least(1.8), at_most(1.03))


def thumbnails(scale: Scale, picture: Image.Image) -> Iterator[Measure]:
    """Time a JPEG of 12 megapixels to a thumbnail's pixels.

    The truth is the picture before JPEG under a triangle filter, which is nobody's here: ours averages, Pillow's is
    cubic, and each would win by its own. ``resize`` decodes at a quarter of the size, which is softer; so the same
    is timed from half the size too, where the two are alike.
    """
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=CAMERA_QUALITY)
    data = file.getvalue()
    height = THUMBNAIL * picture.height // picture.width
    truth = np.asarray(picture.resize((THUMBNAIL, height), Image.Resampling.BILINEAR))
    ways: dict[str, Callable[[], Pixels]] = {
        OURS: lambda: geometry.resize(codec.decode(data, shrink_to=THUMBNAIL), width=THUMBNAIL),
        HALVED: lambda: geometry.resize(codec.decode(data, shrink_to=2 * THUMBNAIL), width=THUMBNAIL),
        PILLOW: lambda: _resized(data),
        THUMBNAILER: lambda: _thumbnail(data),
    }
    made = {name: Made(0, _psnr(way(), truth)) for name, way in ways.items()}
    if abs(made[HALVED].psnr - made[PILLOW].psnr) > ALIKE_DB or made[OURS].psnr < made[PILLOW].psnr - ALIKE_DB:
        raise RuntimeError(f"not of equal quality: {made}")
    took = rounds({name: lambda way=way: seconds(way) for name, way in ways.items()}, scale.pick(full=15, quick=3))
    naive = f"12 MP JPEG to {THUMBNAIL} px: Pillow, open and resize"
    yield _faster(f"{naive}, from half the size", HALVED, PILLOW, took, made, at_least(3.3))
    yield _faster(f"{naive}, as the resize utility does it", OURS, PILLOW, took, made, None)
    yield _faster(f"12 MP JPEG to {THUMBNAIL} px: {THUMBNAILER}", OURS, THUMBNAILER, took, made, None)


def written(scale: Scale, pixels: Pixels, form: Format, speed: Goal, size: Goal) -> Iterator[Measure]:
    """Time the writing of a photo of a megapixel in a format, and weigh what came out."""
    picture = Image.fromarray(pixels)
    quality = {} if form is Format.PNG else {"quality": codec.DEFAULT_QUALITY}
    ways: dict[str, Callable[[], bytes]] = {
        OURS: lambda: codec.encode(pixels, form),
        PILLOW: lambda: _saved(picture, form, quality),
    }
    files = {name: way() for name, way in ways.items()}
    made = {name: Made(len(file), _psnr(_opened(file), pixels)) for name, file in files.items()}
    took = rounds({name: lambda way=way: seconds(way) for name, way in ways.items()}, scale.pick(full=15, quick=3))
    if abs(_gap(made)) > ALIKE_DB:
        raise RuntimeError(f"not of equal quality: {made}")
    yield _faster(f"{form.upper()} of a photo of 1 MP: Pillow's default", OURS, PILLOW, took, made, speed)
    sizes = [made[name].size for name in (OURS, PILLOW)]
    detail = " : ".join(f"{number(each / 1000)} KB" for each in sizes)
    yield Measure(
        10, f"{form.upper()} of a photo of 1 MP, bytes: Pillow's default", (sizes[0] / sizes[1],), size, detail
    )


def _gap(made: dict[str, Made]) -> float:
    ours, theirs = made[OURS].psnr, made[PILLOW].psnr
    return 0.0 if ours == theirs else ours - theirs


def _faster(
    what: str, side: str, peer: str, took: dict[str, list[float]], made: dict[str, Made], goal: Goal | None
) -> Measure:
    times = " : ".join(f"{number(1000 * statistics.median(took[name]))} ms" for name in (side, peer))
    lossless = made[side].psnr == made[peer].psnr == inf
    quality = "lossless" if lossless else f"PSNR {made[side].psnr:.1f} : {made[peer].psnr:.1f} dB"
    return Measure(10, what, ratios(took[peer], took[side]), goal, f"{times}, {quality}")


def _resized(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as picture:
        height = THUMBNAIL * picture.height // picture.width
        return np.asarray(picture.convert("RGB").resize((THUMBNAIL, height)))


def _thumbnail(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as picture:
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
        return np.asarray(picture.convert("RGB"))


def _saved(picture: Image.Image, form: Format, options: dict[str, int]) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def _opened(file: bytes) -> Pixels:
    with Image.open(io.BytesIO(file)) as picture:
        return np.asarray(picture.convert("RGB"))


def _psnr(made: Pixels, truth: NDArray[np.float32] | Pixels) -> float:
    error = float(np.mean((made.astype(np.float32) - truth.astype(np.float32)) ** 2))
    return inf if error == 0 else float(10 * np.log10(255**2 / error))
