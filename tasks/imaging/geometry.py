"""Resizing and cropping of H × W × 3 and H × W × 4 uint8 images."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from tasks.errors import ErrorCode, InputError
from tasks.imaging.probe import DEFAULT_LIMITS
from tasks.jobs import MAX_SIDE

Image = NDArray[np.uint8]

PAD: Final = 255
"""Level of the bars that ``Fit.PAD`` adds to an image without alpha: white. With alpha they are transparent."""


class Fit(StrEnum):
    """How an image is brought to a size of another aspect ratio."""

    INSIDE = "inside"
    """Keep all of the image and its aspect ratio; the result fits into the size."""
    COVER = "cover"
    """Fill the size's aspect ratio; what sticks out is cut off evenly."""
    PAD = "pad"
    """Keep all of the image in the middle of a canvas of exactly the size."""
    EXACT = "exact"
    """Exactly the size, stretched if need be, enlarged even without ``upscale``."""


@dataclass(frozen=True, slots=True)
class ResizePlan:
    """What ``resize`` will do: scale the image, then cut or pad it to the result. Sizes are (width, height) pixels."""

    scaled: tuple[int, int]
    result: tuple[int, int]

    @property
    def offset(self) -> tuple[int, int]:
        """Where the scaled image's corner comes to lie in the result; negative where it is cut off."""
        return (self.result[0] - self.scaled[0]) // 2, (self.result[1] - self.scaled[1]) // 2


def plan_resize(
    photo_width: int,
    photo_height: int,
    *,
    width: int | None,
    height: int | None,
    fit: Fit = Fit.INSIDE,
    upscale: bool = False,
) -> ResizePlan:
    """Decide the sizes of a resize; a missing side follows from the photo's aspect ratio.

    Without ``upscale`` no pixel is enlarged (except by ``exact``): ``inside`` and ``pad`` keep the photo's own size,
    ``cover`` returns the largest picture of the wanted aspect ratio.
    Raises ``InputError(parameter_invalid)`` when no size is given, or a side of the result leaves 1–``MAX_SIDE``, or
    the result exceeds 40 megapixels.
    """
    target = _target(photo_width, photo_height, width, height)
    ratios = target[0] / photo_width, target[1] / photo_height
    if fit is Fit.EXACT:
        return _checked(target, target)
    scale = max(ratios) if fit is Fit.COVER else min(ratios)
    if scale > 1 and not upscale:
        if fit is Fit.COVER:
            target = max(1, int(target[0] / scale)), max(1, int(target[1] / scale))
        scale = 1.0
    scaled = max(1, round(photo_width * scale)), max(1, round(photo_height * scale))
    if fit is Fit.INSIDE:
        target = scaled
    elif fit is Fit.COVER:
        scaled = max(scaled[0], target[0]), max(scaled[1], target[1])
    return _checked(scaled, target)


def resize(
    image: Image,
    *,
    width: int | None = None,
    height: int | None = None,
    fit: Fit = Fit.INSIDE,
    upscale: bool = False,
) -> Image:
    """Resize to a size in pixels; see ``plan_resize`` for the rules and errors. Channels are kept."""
    plan = plan_resize(image.shape[1], image.shape[0], width=width, height=height, fit=fit, upscale=upscale)
    return _place(scale(image, *plan.scaled), plan)


def scale(image: Image, width: int, height: int) -> Image:
    """Stretch to exactly ``width`` × ``height``: averaging down, Lanczos up; alpha is premultiplied meanwhile."""
    if image.shape[1::-1] == (width, height):
        return image.copy()
    if image.ndim == 3 and image.shape[2] == 4 and image[..., 3].min() < 255:
        return _scale_with_alpha(image, width, height)
    return np.asarray(_filter(image, width, height), np.uint8)


def crop(
    image: Image,
    *,
    box: tuple[int, int, int, int] | None = None,
    aspect: tuple[float, float] | None = None,
) -> Image:
    """Cut out a box x0, y0, x1, y1 (pixels; x1, y1 exclusive), or the largest centred part of an aspect ratio.

    Raises ``InputError``: ``crop_outside`` if the box is empty or leaves the photo, ``parameter_invalid`` if not
    exactly one of the two is given or the aspect ratio is not two positive numbers.
    """
    height, width = image.shape[:2]
    if (box is None) == (aspect is None):
        raise InputError(ErrorCode.PARAMETER_INVALID, "Give either a box [x0, y0, x1, y1] or an aspect ratio [w, h].")
    x0, y0, x1, y1 = _aspect_box(width, height, aspect) if aspect else _checked_box(width, height, box)
    return np.ascontiguousarray(image[y0:y1, x0:x1])


def _target(photo_width: int, photo_height: int, width: int | None, height: int | None) -> tuple[int, int]:
    if width is None and height is None:
        raise InputError(ErrorCode.PARAMETER_INVALID, "Give a width, a height or both, in pixels.")
    for side in (width, height):
        if side is not None and not 1 <= side <= MAX_SIDE:
            raise InputError(ErrorCode.PARAMETER_INVALID, f"Width and height go from 1 to {MAX_SIDE} pixels.")
    if width is None:
        width = round(photo_width * (height or 1) / photo_height)
    elif height is None:
        height = round(photo_height * width / photo_width)
    return max(width, 1), max(height or 1, 1)


def _checked(scaled: tuple[int, int], result: tuple[int, int]) -> ResizePlan:
    for width, height in (scaled, result):
        if max(width, height) > MAX_SIDE or width * height > DEFAULT_LIMITS.max_pixels:
            raise InputError(
                ErrorCode.PARAMETER_INVALID,
                f"This size would make a picture of {width} × {height} pixels; no side may exceed {MAX_SIDE} and the "
                f"picture {DEFAULT_LIMITS.max_pixels / 1e6:g} megapixels: ask for less.",
            )
    return ResizePlan(scaled, result)


def _place(image: Image, plan: ResizePlan) -> Image:
    if plan.scaled == plan.result:
        return image
    (x, y), (width, height) = plan.offset, plan.result
    cut = image[max(-y, 0) : max(-y, 0) + height, max(-x, 0) : max(-x, 0) + width]
    if cut.shape[1::-1] == plan.result:
        return np.ascontiguousarray(cut)
    canvas = np.full((height, width, *image.shape[2:]), 0 if image.shape[2] == 4 else PAD, np.uint8)
    canvas[y : y + cut.shape[0], x : x + cut.shape[1]] = cut
    return canvas


def _filter(image: MatLike, width: int, height: int) -> MatLike:
    # INTER_AREA averages only when it shrinks; a side that grows is done apart.
    down = min(width, image.shape[1]), min(height, image.shape[0])
    if down != image.shape[1::-1]:
        image = cv2.resize(image, down, interpolation=cv2.INTER_AREA)
    if down != (width, height):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LANCZOS4)
    return image


def _scale_with_alpha(image: Image, width: int, height: int) -> Image:
    # 16 bits hold half of colour × alpha and half of 255 × alpha, and leave room for Lanczos's overshoot.
    weight = cv2.cvtColor(image[..., 3], cv2.COLOR_GRAY2RGB)
    colour = _filter(_product(image[..., :3], weight), width, height)
    alpha = _filter(_product(image[..., 3], np.full_like(image[..., 3], 255)), width, height)
    straight = cv2.divide(colour, cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), scale=255, dtype=cv2.CV_8U)
    opacity = cv2.convertScaleAbs(alpha, alpha=2 / 255)
    return np.asarray(cv2.merge((straight, opacity)), np.uint8)


def _product(a: MatLike, b: MatLike) -> MatLike:
    return cv2.multiply(a, b, scale=0.5, dtype=cv2.CV_16U)


def _aspect_box(width: int, height: int, aspect: tuple[float, float]) -> tuple[int, int, int, int]:
    across, down = aspect
    if not (across > 0 and down > 0 and np.isfinite(across / down) and np.isfinite(down / across)):
        raise InputError(ErrorCode.PARAMETER_INVALID, "An aspect ratio is two positive numbers, such as [16, 9].")
    new_width = min(width, max(1, round(height * (across / down))))
    new_height = min(height, max(1, round(width * (down / across))))
    x, y = (width - new_width) // 2, (height - new_height) // 2
    return x, y, x + new_width, y + new_height


def _checked_box(width: int, height: int, box: tuple[int, int, int, int] | None) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = box or (0, 0, 0, 0)
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise InputError(
            ErrorCode.CROP_OUTSIDE,
            f"The box [{x0}, {y0}, {x1}, {y1}] is empty or leaves the photo, which is {width} × {height} pixels; "
            "give [x0, y0, x1, y1] inside it.",
        )
    return x0, y0, x1, y1
