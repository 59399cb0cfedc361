"""Row 11: each image utility as its task computes it, from bytes to bytes, against the quickest way with one library.

The peers get the same files and write the same format at the same quality and encoder settings; they are free of all
that a service has to look at: profiles, orientation, transparency, limits, options. Where two libraries can do it, the
quicker one of a round counts.
"""

import io
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.harness import Measure, Scale, at_least, number, ratios, rounds, seconds
from benchmarks.stand import MASK, photo
from tasks import image_utils
from tasks.imaging import canny, codec, extract, mae, shadow

Pixels = NDArray[np.uint8]
Way = Callable[[], bytes]

WIDTH = 512
BOX = (400, 200, 1424, 1224)
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "resize": {"width": WIDTH},
    "crop": {"box": BOX},
    "encode": {"format": "webp"},
    "extract-object": {"background": "white"},
    "mae": {"mask_tool_type": "box"},
    "canny": {},
    "add-shadow-preview": {},
}
_TASKS = {
    "resize": image_utils.resize,
    "crop": image_utils.crop,
    "encode": image_utils.encode,
    "extract-object": image_utils.extract_object,
    "mae": image_utils.mae,
    "canny": image_utils.canny,
    "add-shadow-preview": image_utils.add_shadow_preview,
}
_MASKED = {"extract-object", "mae"}


@dataclass
class Desk:
    """Stands in for a task's own object: reads and keeps in this process, without a store."""

    files: dict[str, bytes] = field(default_factory=dict)

    def open(self, name: str) -> bytes:
        """Return a file."""
        return self.files[name]

    def keep(self, data: bytes, _: str) -> bytes:
        """Return what was made."""
        return data


def measure(scale: Scale, _: set[int]) -> Iterator[Measure]:
    """Yield the measures."""
    cv2.setNumThreads(1)
    data, mask = photo(), MASK.read_bytes()
    cutout = _ours("extract-object", data, mask)()
    for name, peers in _peers(data, mask, cutout).items():
        ours = _ours(name, cutout if name == "add-shadow-preview" else data, mask)
        sides = {"": ours, **peers}
        for each in sides.values():
            each()
        took = rounds({side: partial(seconds, way) for side, way in sides.items()}, scale.pick(full=15, quick=3))
        best = [min(times) for times in zip(*(took[side] for side in peers), strict=True)]
        detail = f"{number(1000 * statistics.median(took['']))} ms : {number(1000 * statistics.median(best))} ms"
        yield Measure(11, f"{name}: {' or '.join(peers)}", ratios(best, took[""]), at_least(0.95), detail)


def _ours(name: str, data: bytes, mask: bytes) -> Way:
    desk = Desk({"photo": data, "mask": mask})
    body = _TASKS[name].run.__func__  # the function, which the task has bound to itself
    ids = ("photo", "mask") if name in _MASKED else ("photo",)
    return lambda: body(desk, *ids, **OPTIONS[name])


def _peers(data: bytes, mask: bytes, cutout: bytes) -> dict[str, dict[str, Way]]:
    return {
        "resize": {"cv2": lambda: _resize(data), "Pillow": lambda: _resize_pillow(data)},
        "crop": {"cv2": lambda: _jpeg(_crop(_read(data))), "Pillow": lambda: _crop_pillow(data)},
        "encode": {"Pillow": lambda: _webp(data), "cv2": lambda: _webp_cv2(data)},
        "extract-object": {"cv2": lambda: _extract(data, mask)},
        "mae": {"cv2": lambda: _mae(data, mask)},
        "canny": {"cv2": lambda: _canny(data)},
        "add-shadow-preview": {"cv2": lambda: _shadow(cutout)},
    }


def _read(data: bytes, flags: int = cv2.IMREAD_COLOR) -> Any:
    return cv2.imdecode(np.frombuffer(data, np.uint8), flags)


def _jpeg(pixels: Any) -> bytes:
    return bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, codec.DEFAULT_QUALITY])[1])


def _png(pixels: Any) -> bytes:
    return bytes(cv2.imencode(".png", pixels)[1])


def _resize(data: bytes) -> bytes:
    pixels = _read(data, cv2.IMREAD_REDUCED_COLOR_2)
    height = round(pixels.shape[0] * WIDTH / pixels.shape[1])
    return _jpeg(cv2.resize(pixels, (WIDTH, height), interpolation=cv2.INTER_AREA))


def _resize_pillow(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        picture.thumbnail((WIDTH, WIDTH))
        return _saved(picture, "JPEG")


def _crop(pixels: Any) -> Any:
    x0, y0, x1, y1 = BOX
    return pixels[y0:y1, x0:x1]


def _crop_pillow(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        return _saved(picture.crop(BOX), "JPEG")


def _webp(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        return _saved(picture, "WEBP", method=codec.WEBP_METHOD)


def _webp_cv2(data: bytes) -> bytes:
    return bytes(cv2.imencode(".webp", _read(data), [cv2.IMWRITE_WEBP_QUALITY, codec.DEFAULT_QUALITY])[1])


def _saved(picture: Image.Image, name: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, name, quality=codec.DEFAULT_QUALITY, **options)
    return file.getvalue()


def _mask_of(mask: bytes, pixels: Any) -> Any:
    small = _read(mask, cv2.IMREAD_GRAYSCALE)
    return cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def _around(mask: Any, margin: int) -> tuple[slice, slice]:
    x, y, width, height = cv2.boundingRect(mask)
    return slice(max(y - margin, 0), y + height + margin), slice(max(x - margin, 0), x + width + margin)


def _mixed(above: Any, alpha: Any, below: Any) -> Any:
    weight = cv2.cvtColor(alpha, cv2.COLOR_GRAY2BGR)
    ours = cv2.multiply(above, weight, scale=1 / 255, dtype=cv2.CV_32F)
    return cv2.add(ours, cv2.multiply(below, 255 - weight, scale=1 / 255, dtype=cv2.CV_32F), dtype=cv2.CV_8U)


def _extract(data: bytes, mask: bytes) -> bytes:
    pixels = _read(data)
    area = _mask_of(mask, pixels)
    box = _around(area, 2)
    cut, alpha = pixels[box], cv2.erode(area[box], cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    alpha = np.minimum(cv2.GaussianBlur(alpha, (0, 0), extract.FEATHER), area[box])
    longer = max(alpha.shape)
    room = int(extract.SMALL_CANVAS * (1 - 2 * extract.MARGIN))
    side = extract.SMALL_CANVAS if longer <= room else extract.LARGE_CANVAS
    room = int(side * (1 - 2 * extract.MARGIN))
    if longer > room:
        size = round(alpha.shape[1] * room / longer), round(alpha.shape[0] * room / longer)
        cut, alpha = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (cut, alpha))
    canvas = np.full((side, side, 3), 255, np.uint8)
    y, x = (side - alpha.shape[0]) // 2, (side - alpha.shape[1]) // 2
    place = np.s_[y : y + alpha.shape[0], x : x + alpha.shape[1]]
    canvas[place] = _mixed(cut, alpha, canvas[place])
    return _png(canvas)


def _mae(data: bytes, mask: bytes) -> bytes:
    pixels = _read(data)
    area = _mask_of(mask, pixels)
    scale = min(1.0, (mae.MAX_HOLE / cv2.countNonZero(area)) ** 0.5)
    box = _around(area, round(mae.CONTEXT / scale))
    hole = area[box]
    size = round(hole.shape[1] * scale), round(hole.shape[0] * scale)
    small = cv2.resize(pixels[box], size, interpolation=cv2.INTER_AREA)
    touched = np.where(cv2.resize(hole, size, interpolation=cv2.INTER_AREA) > 0, np.uint8(255), np.uint8(0))
    filled = cv2.inpaint(small, touched, mae.RADIUS, cv2.INPAINT_TELEA)
    cv2.copyTo(cv2.resize(filled, hole.shape[::-1], interpolation=cv2.INTER_CUBIC), hole, pixels[box])
    return _png(pixels)


def _canny(data: bytes) -> bytes:
    grey = cv2.cvtColor(_read(data), cv2.COLOR_BGR2GRAY)
    smooth = cv2.bilateralFilter(grey, canny.BILATERAL_DIAMETER, canny.BILATERAL_SIGMA, canny.BILATERAL_SIGMA)
    median = float(np.median(smooth))
    return _png(cv2.Canny(smooth, median * (1 - canny.SPREAD), min(255.0, median * (1 + canny.SPREAD))))


def _shadow(cutout: bytes) -> bytes:
    pixels = _read(cutout)
    white = cv2.inRange(pixels, (extract.WHITE_LEVEL,) * 3, (255,) * 3)
    framed = cv2.copyMakeBorder(white, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(255,))
    cv2.floodFill(framed, None, (0, 0), (128,))
    solid = cv2.compare(framed[1:-1, 1:-1], 128, cv2.CMP_NE)
    alpha = cv2.erode(solid, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    alpha = np.minimum(cv2.GaussianBlur(alpha, (0, 0), extract.FEATHER), solid)
    moved = cv2.warpAffine(alpha, np.array([[1, 0, 3], [0, 1, 5]], np.float32), alpha.shape[::-1])
    level = shadow.BACKGROUND
    ground = cv2.convertScaleAbs(cv2.GaussianBlur(moved, (21, 21), 0), alpha=-0.4 * level / 255, beta=level)
    return _png(_mixed(pixels, alpha, cv2.cvtColor(ground, cv2.COLOR_GRAY2BGR)))
