import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tasks.errors import ErrorCode, InputError
from tasks.imaging import masks
from tests.imaging.pictures import disc


@settings(max_examples=100, deadline=None)
@given(st.integers(20, 200), st.integers(20, 200), st.floats(0.2, 5))
def test_a_mask_of_the_same_aspect_fits_and_stays_black_and_white(height: int, width: int, factor: float) -> None:
    mask = disc(height, width, min(height, width) / 3)
    big_height, big_width = max(1, round(height * factor)), max(1, round(width * factor))
    try:
        fitted = masks.fit_mask(mask, big_height, big_width)
    except InputError as error:
        assert error.code is ErrorCode.MASK_MISMATCH  # noqa: PT017 - rounding of a small size bent the aspect ratio
        assert abs(big_width / big_height - width / height) * height > 0.9
        return
    assert fitted.shape == (big_height, big_width)
    assert set(np.unique(fitted)) <= {0, 255}
    assert abs(fitted.mean() - mask.mean()) < 30


def test_a_mask_of_another_aspect_ratio_is_refused_with_both_sizes() -> None:
    with pytest.raises(InputError) as caught:
        masks.fit_mask(disc(100, 150, 20), 300, 300)
    assert caught.value.code is ErrorCode.MASK_MISMATCH
    assert "150 × 100" in caught.value.detail
    assert "300 × 300" in caught.value.detail


def test_an_empty_mask_is_refused() -> None:
    for call in (masks.require_non_empty, masks.bounding_box):
        with pytest.raises(InputError) as caught:
            call(np.zeros((4, 4), np.uint8))
        assert caught.value.code is ErrorCode.MASK_EMPTY


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 39), st.integers(0, 49), st.floats(0, 30))
def test_dilation_grows_a_point_to_a_disc_of_the_radius(y: int, x: int, radius: float) -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[y, x] = 255
    ys, xs = np.mgrid[0:40, 0:50]
    distance = np.hypot(ys - y, xs - x)
    grown = masks.dilate(mask, radius)
    assert (grown[distance <= radius - 0.01] == 255).all()
    assert (grown[distance > radius + 0.01] == 0).all()


def test_the_bounding_box_is_tight_and_grows_within_the_picture() -> None:
    mask = np.zeros((30, 40), np.uint8)
    mask[5:9, 7:20] = 255
    assert masks.bounding_box(mask) == (7, 5, 20, 9)
    assert masks.grow((7, 5, 20, 9), 10, mask.shape) == (0, 0, 30, 19)
