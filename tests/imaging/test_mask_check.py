"""What the gateway tells of a mask is what the worker will find."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image

from tasks.errors import InputError
from tasks.imaging.codec import decode_mask
from tasks.imaging.mask_check import is_blank, require_same_aspect
from tasks.imaging.masks import fit_mask
from tasks.jobs import MaskArea

MODES = ("1", "L", "LA", "P", "RGB", "RGBA")


def file(pixels: np.ndarray, mode: str) -> bytes:
    """Encode H × W × 4 as a PNG of a mode."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, "PNG")
    return buffer.getvalue()


@given(
    st.sampled_from(MODES),
    st.sampled_from([0, 60, 127, 128, 200, 255]),
    st.sampled_from([0, 60, 127, 128, 200, 255]),
    st.sampled_from([0, 1, 127, 128, 255]),
    st.sampled_from([0, 255]),
)
def test_a_mask_is_blank_when_the_worker_finds_no_white(
    mode: str, ground: int, spot: int, alpha: int, ground_alpha: int
) -> None:
    """For every mode, grey and opacity, the check without cv2 agrees with the decoded mask."""
    pixels = np.full((6, 8, 4), ground, np.uint8)
    pixels[..., 3] = ground_alpha
    pixels[2:4, 2:5] = (spot, spot, spot, alpha)
    data = file(pixels, mode)
    assert is_blank(data) is not decode_mask(data).any()


@given(st.sampled_from(MODES), st.integers(0, 255), st.sampled_from([0, 1, 255]), st.sampled_from([0, 1, 255]))
def test_a_mask_hides_nothing_when_the_worker_finds_nothing_transparent(
    mode: str, grey: int, alpha: int, ground_alpha: int
) -> None:
    """Where transparency marks, the check agrees too; an alpha of 0 marks, and no other, whatever the colour."""
    pixels = np.full((6, 8, 4), grey, np.uint8)
    pixels[..., 3] = ground_alpha
    pixels[2:4, 2:5, 3] = alpha
    data = file(pixels, mode)
    marked = decode_mask(data, area=MaskArea.TRANSPARENT)
    assert is_blank(data, area=MaskArea.TRANSPARENT) is not marked.any()
    if mode == "RGBA":
        assert np.array_equal(marked == 255, pixels[..., 3] == 0)


def test_only_the_worker_judges_sixteen_bits() -> None:
    """A mask whose conversion is not plain is never refused by the gateway."""
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(buffer, "PNG")
    assert not is_blank(buffer.getvalue())


@given(*[st.integers(1, 400)] * 4)
def test_the_gateway_and_the_worker_agree_on_the_aspect(
    mask_width: int, mask_height: int, width: int, height: int
) -> None:
    """Both refuse the same pairs of sizes."""

    def refused(check: Callable[[], object]) -> bool:
        try:
            check()
        except InputError:
            return True
        return False

    mask = np.full((mask_height, mask_width), 255, np.uint8)
    gateway = refused(lambda: require_same_aspect((mask_width, mask_height), (width, height)))
    same = (mask_width, mask_height) == (width, height)
    assert gateway is (refused(lambda: fit_mask(mask, height, width)) and not same)


def test_a_damaged_mask_is_truncated() -> None:
    """What cannot be decoded is an input error."""
    data = file(np.full((50, 50, 4), 255, np.uint8), "L")
    with pytest.raises(InputError):
        is_blank(data[: len(data) // 2])
