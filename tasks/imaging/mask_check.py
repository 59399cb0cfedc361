"""What can be told of a mask without cv2: the gateway refuses with it what a worker would refuse later."""

from contextlib import closing
from typing import Final

from PIL import Image, ImageChops

from tasks.errors import ErrorCode, InputError
from tasks.imaging.probe import DEFAULT_LIMITS, PILLOW_ERRORS, Limits, open_image
from tasks.imaging.structure import truncated
from tasks.jobs import MaskArea

THRESHOLD: Final = 128
"""From this grey on, a pixel of a mask counts as white."""
_HOW_TO_MARK: Final = {
    MaskArea.WHITE: "paint the area to change in white",
    MaskArea.TRANSPARENT: "make the area to change fully transparent (alpha 0) and send a PNG",
}
ASPECT_TOLERANCE: Final = 0.01
"""How far the aspect ratios of a mask and its photo may differ, as a fraction: rounding of a smaller preview."""


def require_same_aspect(mask: tuple[int, int], photo: tuple[int, int]) -> None:
    """Compare two sizes, (width, height) in pixels.

    Raises ``InputError(mask_mismatch)`` if the aspect ratios differ by more than ``ASPECT_TOLERANCE`` and by more
    than a pixel of the mask.
    """
    slack = max(ASPECT_TOLERANCE * mask[0], 1)
    if abs(mask[0] - mask[1] * photo[0] / photo[1]) > slack:
        raise InputError(
            ErrorCode.MASK_MISMATCH,
            f"The mask is {mask[0]} × {mask[1]} pixels but the photo is {photo[0]} × {photo[1]}; "
            "send a mask of the photo's size or of its aspect ratio.",
        )


def is_blank(data: bytes, limits: Limits = DEFAULT_LIMITS, *, area: MaskArea = MaskArea.WHITE) -> bool:
    """Whether ``codec.decode_mask`` would find nothing in these bytes; False where only a full decode could tell.

    Holds the picture in memory: at most 5 bytes a pixel. Raises ``InputError`` as ``probe`` does.
    """
    with closing(open_image(data, limits)) as image:
        if area is MaskArea.TRANSPARENT:
            return _hides_nothing(image)
        if image.mode[0] in "IF" or image.info.get("icc_profile"):
            return False  # 16 bits or another colour space: the worker's conversion decides
        try:
            return _is_blank(image)
        except PILLOW_ERRORS as error:
            raise truncated() from error


def marks_nothing(area: MaskArea = MaskArea.WHITE) -> InputError:
    """Build the error for a mask that marks nothing."""
    return InputError(ErrorCode.MASK_EMPTY, f"The mask marks nothing; {_HOW_TO_MARK[area]}.")


def _hides_nothing(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return True
    try:
        return image.convert("RGBA").getchannel("A").getextrema()[0] != 0
    except PILLOW_ERRORS as error:
        raise truncated() from error


def _is_blank(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return _brightest(image.convert("L")) < THRESHOLD
    with_alpha = image.convert("RGBA")
    grey, alpha = with_alpha.convert("L"), with_alpha.getchannel("A")
    visible = [count for count in grey.histogram(mask=alpha) if count]
    if len(visible) <= 1:  # one colour only: the mask is in the alpha channel
        return _brightest(alpha) < THRESHOLD
    return _brightest(ImageChops.multiply(grey, alpha)) < THRESHOLD


def _brightest(band: Image.Image) -> float:
    low_high = band.getextrema()
    return float(low_high[1]) if isinstance(low_high[1], int | float) else 255.0
