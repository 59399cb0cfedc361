import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.imaging.white_balance import gains_for, illuminant, white_balance
from tests.imaging.pictures import gradient


def cast(photo: NDArray[np.uint8], factors: tuple[float, float, float]) -> NDArray[np.uint8]:
    """The photo as lit by coloured light; gamma 2.2 is close enough to sRGB here."""
    return np.rint(255 * np.clip((photo / 255) ** 2.2 * factors, 0, 1) ** (1 / 2.2)).astype(np.uint8)


def grey_ramp() -> NDArray[np.uint8]:
    return np.repeat(gradient(100, 200)[..., :1], 3, axis=2) // 2 + 60


@pytest.mark.parametrize("factors", [(1.0, 0.7, 0.4), (0.5, 0.8, 1.0), (0.8, 1.0, 0.7)])
def test_a_grey_picture_under_coloured_light_becomes_grey_again(factors: tuple[float, float, float]) -> None:
    balanced = white_balance(cast(grey_ramp(), factors)).astype(int)
    assert np.ptp(balanced, axis=2).max() <= 6


def test_a_neutral_picture_is_left_as_it_is() -> None:
    assert np.abs(white_balance(grey_ramp()).astype(int) - grey_ramp()).max() <= 1


def test_the_luminance_of_the_light_is_kept() -> None:
    light = np.array([0.6, 0.4, 0.2])
    assert np.isclose((gains_for(light) * light) @ [0.2126, 0.7152, 0.0722], light @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("level", [0, 255])
def test_pictures_that_tell_nothing_of_the_light_are_left_as_they_are(level: int) -> None:
    flat = np.full((20, 30, 3), level, np.uint8)
    assert np.array_equal(white_balance(flat), flat)


def test_clipped_highlights_do_not_decide_the_light() -> None:
    photo = cast(grey_ramp(), (1.0, 0.7, 0.4))
    blown = photo.copy()
    blown[:20] = 255
    assert np.allclose(
        illuminant(blown) / illuminant(blown).sum(), illuminant(photo) / illuminant(photo).sum(), atol=0.01
    )
