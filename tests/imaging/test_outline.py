"""Outlines from clicks, boxes and strokes, against masks that were traced by hand (tests/data/masks)."""

import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.imaging.codec import decode_rgb
from tasks.imaging.masks import Mask, bounding_box
from tasks.imaging.outline import outline, refine
from tests.imaging.pictures import disc, noise
from tests.lab import DATA

MEGAPIXEL = 1_000_000
LIMIT = 0.5
"""Seconds of one core for a photo of 1 MP."""


def sample(name: str) -> tuple[NDArray[np.uint8], Mask]:
    """A photo at 1 MP and the mask of an object in it."""
    photo = decode_rgb((DATA / f"{name.rpartition('-')[0]}.jpg").read_bytes())
    mask = cv2.imdecode(np.frombuffer((DATA / "masks" / f"{name}.png").read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    factor = np.sqrt(MEGAPIXEL / mask.size)
    size = round(mask.shape[1] * factor), round(mask.shape[0] * factor)
    smooth = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR)
    return cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC), np.where(smooth > 127, 255, 0).astype(np.uint8)


def overlap(found: Mask, truth: Mask) -> float:
    """Intersection over union."""
    return float(((found > 0) & (truth > 0)).sum() / max(1, ((found > 0) | (truth > 0)).sum()))


def clicks(truth: Mask) -> list[tuple[int, int]]:
    """Where people click: near the middle, and 15 % of the object's box beside it, well inside the object."""
    depth = cv2.distanceTransform(np.pad(truth, 1, mode="edge"), cv2.DIST_L2, 5)[1:-1, 1:-1]
    x0, y0, x1, y1 = bounding_box(truth)
    middle = np.argwhere(truth).mean(axis=0)
    points = []
    for down, right, deep in ((0, 0, 0.5), (0, -0.15, 0.25), (0, 0.15, 0.25), (-0.15, 0, 0.25), (0.15, 0, 0.25)):
        allowed = np.argwhere(depth >= deep * depth.max())
        aim = middle + np.array([down * (y1 - y0), right * (x1 - x0)])
        y, x = allowed[np.linalg.norm(allowed - aim, axis=1).argmin()]
        points.append((int(x), int(y)))
    return points


def boxes(truth: Mask) -> list[tuple[int, int, int, int]]:
    """The object's box, and the same drawn 4 % too large, too small, and shifted."""
    x0, y0, x1, y1 = bounding_box(truth)
    right, down = 0.04 * (x1 - x0), 0.04 * (y1 - y0)
    moves = ((0, 0, 0, 0), (-1, -1, 1, 1), (1, 1, -1, -1), (-1, 1, -1, 1), (1, -1, 1, -1))
    height, width = truth.shape
    return [
        (
            max(0, round(x0 + a * right)),
            max(0, round(y0 + b * down)),
            min(width, round(x1 + c * right)),
            min(height, round(y1 + d * down)),
        )
        for a, b, c, d in moves
    ]


@pytest.mark.parametrize(
    ("name", "exact", "mean"),
    [
        ("coffee-set", 0.8, 0.8),
        ("chelsea-cat", 0.8, 0.8),
        ("astronaut-person", 0.8, 0.75),
        ("astronaut-shuttle", 0.8, 0.8),
        ("launch-pad-rocket", 0.8, 0.75),
        ("coffee-cup", 0.75, 0.75),
    ],
)
def test_a_box_gives_the_object(name: str, exact: float, mean: float) -> None:
    """The object's own box gives it; boxes drawn 4 % wrong cost little on average."""
    photo, truth = sample(name)
    found = [overlap(outline(photo, box=box), truth) for box in boxes(truth)]
    assert found[0] >= exact
    assert np.mean(found) >= mean


@pytest.mark.parametrize(
    ("name", "middling"),
    [
        ("coffee-set", 0.7),
        ("chelsea-cat", 0.7),
        ("astronaut-person", 0.7),
        ("launch-pad-rocket", 0.7),
    ],
)
def test_one_click_gives_the_main_object(name: str, middling: float) -> None:
    """The median over five places near the object's middle: none of them was chosen for its result."""
    photo, truth = sample(name)
    assert np.median([overlap(outline(photo, include=[click]), truth) for click in clicks(truth)]) >= middling


@pytest.mark.parametrize("prompt", ["click", "box"])
def test_a_megapixel_takes_half_a_second_of_one_core(prompt: str) -> None:
    """CPU time of this thread, best of three, with one thread for OpenCV."""
    photo, truth = sample("astronaut-person")
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        ask: dict[str, Callable[[], Mask]] = {
            "click": lambda: outline(photo, include=clicks(truth)[:1]),
            "box": lambda: outline(photo, box=bounding_box(truth)),
        }

        def seconds() -> float:
            started = time.thread_time()
            ask[prompt]()
            return time.thread_time() - started

        assert any(seconds() <= LIMIT for _ in range(3))
    finally:
        cv2.setNumThreads(threads)


def test_a_second_click_adds_what_the_first_one_missed() -> None:
    """The dark nose of the rocket joins the rest, and nothing of that is lost."""
    photo, truth = sample("launch-pad-rocket")
    body, nose = clicks(truth)[0], (round(0.503 * photo.shape[1]), round(0.323 * photo.shape[0]))
    once, twice = (outline(photo, include=points) for points in ([body], [body, nose]))
    assert truth[nose[1], nose[0]]
    assert not once[nose[1], nose[0]]
    assert twice[nose[1], nose[0]]
    assert overlap(twice, truth) > overlap(once, truth)


@pytest.mark.parametrize("lying", [False, True], ids=["upright", "lying"])
def test_a_click_on_something_long_leaves_what_stands_beside_its_foot(lying: bool) -> None:
    """A mast is masked without the low shed at its foot; a lollipop keeps its head."""
    sky = (noise(240, 320, seed=3) // 16) + np.uint8(40)
    mast, shed, lollipop = (np.zeros((240, 320), np.uint8) for _ in range(3))
    mast[20:220, 150:170] = 255
    shed[195:220, 120:200] = 255
    lollipop[20:220, 154:166] = 255
    cv2.circle(lollipop, (160, 54), 34, (255,), -1)
    for shown, truth in ((mast | shed, mast), (lollipop, lollipop)):
        photo = np.where(shown[..., None] > 0, np.uint8(215), sky)
        if lying:
            photo, truth = np.ascontiguousarray(photo.transpose(1, 0, 2)), np.ascontiguousarray(truth.T)
        click = (130, 160) if lying else (160, 130)
        assert overlap(outline(photo, include=[click]), truth) >= 0.8


def two_discs() -> tuple[NDArray[np.uint8], Mask, Mask]:
    """A red disc left and a blue one right on grey texture."""
    photo = np.random.default_rng(0).integers(90, 130, (240, 360, 3), np.uint8)
    left, right = (np.zeros((240, 360), np.uint8) for _ in range(2))
    cv2.circle(left, (100, 120), 60, (255,), cv2.FILLED)
    cv2.circle(right, (260, 120), 60, (255,), cv2.FILLED)
    photo[left > 0], photo[right > 0] = (210, 40, 30), (40, 60, 200)
    return photo, left, right


def test_clicks_say_which_and_how_many() -> None:
    """One click gives the disc under it, two clicks both."""
    photo, left, right = two_discs()
    assert overlap(outline(photo, include=[(110, 130)]), left) > 0.9
    assert overlap(outline(photo, include=[(250, 110)]), right) > 0.9
    assert overlap(outline(photo, include=[(110, 130), (250, 110)]), left | right) > 0.9


def test_an_excluded_point_takes_its_disc_out_of_a_box() -> None:
    photo, left, right = two_discs()
    around = (35, 55, 325, 185)
    assert overlap(outline(photo, box=around), left | right) > 0.8
    assert overlap(outline(photo, box=around, exclude=[(260, 120)]), left) > 0.8


def test_strokes_are_painted_on_the_object() -> None:
    """A rough stroke across a disc gives the disc, with all of the stroke that lies on it."""
    photo, left, _ = two_discs()
    strokes = np.zeros_like(left)
    cv2.line(strokes, (70, 100), (130, 145), (255,), 12)
    found = outline(photo, strokes=strokes)
    assert overlap(found, left) > 0.9
    assert found[strokes > 0].all()


def test_without_prompts_it_is_the_main_object() -> None:
    photo = np.random.default_rng(0).integers(90, 130, (200, 300, 3), np.uint8)
    truth = disc(200, 300, 50)
    photo[truth > 0] = (220, 40, 30)
    assert overlap(outline(photo), truth) > 0.9
    assert not outline(np.full((50, 60, 3), 90, np.uint8)).any()


def test_the_same_prompt_gives_the_same_mask() -> None:
    """Whatever state OpenCV's random numbers are in."""
    photo, truth = sample("astronaut-person")
    click = clicks(truth)[3]
    masks = []
    for seed in (1, 2, 3):
        cv2.setRNGSeed(seed)
        masks.append(outline(photo, include=[click]))
    assert all(np.array_equal(mask, masks[0]) for mask in masks)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 300), (300, 1), (5, 7), (40, 900)])
@pytest.mark.parametrize("even", [True, False])
def test_no_size_and_no_prompt_crashes(shape: tuple[int, int], even: bool) -> None:
    """Borders, points and boxes outside, contradictions: always a mask of the photo's size."""
    height, width = shape
    photo = np.full((*shape, 3), 90, np.uint8) if even else noise(height, width)
    everything = np.full(shape, 255, np.uint8)
    corner, beyond = (width - 1, height - 1), (width + 50, -9)
    for found in (
        outline(photo),
        outline(photo, include=[corner]),
        outline(photo, include=[beyond]),
        outline(photo, exclude=[(0, 0)]),
        outline(photo, include=[(0, 0)], exclude=[(0, 0)]),
        outline(photo, include=[(0, 0)], exclude=[corner]),
        outline(photo, box=(0, 0, width, height)),
        outline(photo, box=(-5, -5, width + 9, height + 9)),
        outline(photo, box=(width // 2, height // 2, width // 2, height // 2)),
        outline(photo, strokes=everything),
        refine(photo, everything),
    ):
        assert found.shape == shape
        assert found.dtype == np.uint8
        assert set(np.unique(found)) <= {0, 255}


def test_refining_moves_a_rough_edge_to_the_photo_edge() -> None:
    """A mask as coarse as FastSAM's gains on a clear edge, and stays empty where it is empty."""
    photo = np.random.default_rng(0).integers(90, 130, (600, 900, 3), np.uint8)
    truth = disc(600, 900, 200)
    photo[truth > 0] = (220, 40, 30)
    coarse = cv2.resize(cv2.resize(truth, (45, 30)), (900, 600), interpolation=cv2.INTER_NEAREST)
    rough = np.where(coarse > 64, 255, 0).astype(np.uint8)
    refined = refine(photo, rough)
    assert overlap(rough, truth) < 0.97
    assert overlap(refined, truth) > 0.99
    assert not refine(photo, np.zeros_like(truth)).any()
