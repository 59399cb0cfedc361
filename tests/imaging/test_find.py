"""The main object of a photo that nobody marked."""

import cv2
import numpy as np
import pytest

from tasks.errors import ErrorCode, InputError
from tasks.imaging.codec import decode_rgb
from tasks.imaging.find import main_object
from tests.tasks import pictures


def overlap(found: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks."""
    return float(((found > 0) & (truth > 0)).sum() / ((found > 0) | (truth > 0)).sum())


@pytest.mark.parametrize("size", [(120, 160), (600, 900)])
def test_a_disc_on_a_textured_ground_is_found(size: tuple[int, int]) -> None:
    """What differs from the border is found, at the photo's size."""
    height, width = size
    photo = np.random.default_rng(0).integers(90, 130, (height, width, 3), np.uint8)
    truth = np.zeros(size, np.uint8)
    cv2.circle(truth, (width // 2, height // 2), height // 4, (255,), cv2.FILLED)
    photo[truth > 0] = (220, 40, 30)
    found = main_object(photo)
    assert found.shape == size
    assert set(np.unique(found)) <= {0, 255}
    assert overlap(found, truth) > 0.9


def test_a_person_is_found_with_her_head() -> None:
    """Of the sample portrait, face and suit are the object; flag and model rocket are not."""
    found = main_object(decode_rgb(pictures.sample("astronaut.jpg")))
    face, suit, flag, rocket = (110, 225), (400, 200), (100, 20), (100, 420)
    assert [int(found[place]) for place in (face, suit, flag, rocket)] == [255, 255, 0, 0]


def test_transparency_tells_the_object() -> None:
    """A cut-out with an alpha channel is taken as it was cut."""
    cutout = np.zeros((60, 80, 4), np.uint8)
    cutout[10:50, 20:60] = 255
    assert np.array_equal(main_object(cutout), cutout[..., 3])


@pytest.mark.parametrize("shape", [(50, 70, 3), (1, 1, 3), (2, 300, 3)])
def test_an_even_photo_has_no_main_object(shape: tuple[int, ...]) -> None:
    """Where nothing stands out, the error asks for a mask."""
    with pytest.raises(InputError) as caught:
        main_object(np.full(shape, 90, np.uint8))
    assert caught.value.code is ErrorCode.MASK_MISSING
