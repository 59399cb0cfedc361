from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.engines import EngineName, Inputs, Report, load_generation_engine
from tasks.engines.opencv import create
from tasks.errors import ErrorCode, InputError, JobTaken
from tasks.imaging import canny, codec, extract, mae
from tasks.jobs import Edit, Operation
from tests.imaging.pictures import noise, psnr

DATA = Path(__file__).parent.parent / "data"
ID = "0" * 64


def photo(name: str) -> NDArray[np.uint8]:
    return codec.decode_rgb((DATA / name).read_bytes())


def mask(name: str) -> NDArray[np.uint8]:
    return codec.decode_mask((DATA / name).read_bytes())


def inputs(operation: Operation, picture: NDArray[np.uint8], area: NDArray[np.uint8] | None) -> Inputs:
    edit = Edit(operation=operation, photo=ID, mask=ID, reference=ID, prompt="a cat", seed=7)
    return Inputs(edit, picture, area, _conditions(operation, picture, area))


def _conditions(
    operation: Operation, picture: NDArray[np.uint8], area: NDArray[np.uint8] | None
) -> tuple[NDArray[np.uint8], ...]:
    if area is None:
        return picture, canny.canny(picture)
    background = extract.masked_background(picture, area)
    if operation is Operation.REMOVAL:
        return background, area, mae.mae(picture, area)
    return extract.extract(photo("astronaut.jpg"), mask("shuttle-mask.png")), area, background


def quiet(step: int, total_steps: int, message: str, *, preview: bytes | None = None) -> None:
    """A report that nobody reads."""


def edited(work: Inputs, report: Report = quiet) -> NDArray[np.uint8]:
    """What the engine makes of it."""
    return create(lambda _: None).edit(work, report).picture


def removal() -> Inputs:
    return inputs(Operation.REMOVAL, photo("launch-pad.jpg"), mask("removal-mask.png"))


Removed = tuple[NDArray[np.uint8], list[tuple[int, int]]]


@pytest.fixture(scope="module")
def removed() -> Removed:
    """The rocket removed, and the steps that were reported meanwhile."""
    steps: list[tuple[int, int]] = []
    picture = edited(removal(), lambda step, total_steps, message, *, preview=None: steps.append((step, total_steps)))
    return picture, steps


def test_removal_replaces_the_rocket_by_sky_and_keeps_the_rest(removed: Removed) -> None:
    work, (result, _) = removal(), removed
    assert work.mask is not None
    assert np.array_equal(result[work.mask == 0], work.photo[work.mask == 0])
    sky = work.photo[150:300, 360:420].reshape(-1, 3)
    was, now = (picture[150:300, 315:330].reshape(-1, 3).mean(axis=0) for picture in (work.photo, result))
    assert np.abs(was - sky.mean(axis=0)).max() > 60
    assert np.abs(now - sky.mean(axis=0)).max() < 15


def test_insertion_shows_the_object_inside_the_mask_only() -> None:
    work = inputs(Operation.INSERTION, photo("launch-pad.jpg"), mask("insertion-mask.png"))
    assert work.mask is not None
    result = edited(work)
    assert np.array_equal(result[work.mask == 0], work.photo[work.mask == 0])
    changed = (result != work.photo).any(axis=2)
    assert changed.sum() > 0.25 * (work.mask > 0).sum()


def test_white_balance_takes_most_of_a_colour_cast_away() -> None:
    neutral = photo("astronaut.jpg")
    tinted = np.rint(255 * np.clip((neutral / 255) ** 2.2 * (0.95, 0.62, 0.3), 0, 1) ** (1 / 2.2)).astype(np.uint8)
    result = edited(inputs(Operation.WHITE_BALANCE, tinted, None))

    def cast(picture: NDArray[np.uint8]) -> float:
        wall = picture[40:150, 200:330].reshape(-1, 3).mean(axis=0) - neutral[40:150, 200:330].reshape(-1, 3).mean(
            axis=0
        )
        return float(np.ptp(wall))

    assert cast(result) < 0.5 * cast(tinted)
    assert psnr(result, neutral) > psnr(tinted, neutral)


def test_the_same_seed_gives_the_same_picture(removed: Removed) -> None:
    assert np.array_equal(edited(removal()), removed[0])


def stopping_at(call: int) -> Report:
    calls = []

    def report(step: int, total_steps: int, message: str, *, preview: bytes | None = None) -> None:
        calls.append(step)
        if len(calls) == call:
            raise JobTaken

    return report


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_a_cancel_at_any_report_stops_a_removal(call: int) -> None:
    with pytest.raises(JobTaken):
        edited(removal(), stopping_at(call))


def test_reports_come_often_enough_to_notice_a_cancel_within_half_a_second() -> None:
    import time

    times = [time.monotonic()]
    edited(
        inputs(
            Operation.REMOVAL, noise(1000, 1300), np.pad(np.full((500, 600), 255, np.uint8), ((250, 250), (350, 350)))
        ),
        lambda step, total_steps, message, *, preview=None: times.append(time.monotonic()),
    )
    times.append(time.monotonic())
    assert max(np.diff(times)) < 1.0  # half a second on an idle core
    assert len(times) > 5


def test_steps_are_reported_in_order_and_end_at_the_total(removed: Removed) -> None:
    _, steps = removed
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]


@pytest.mark.parametrize(
    ("work", "code"),
    [
        (
            Inputs(Edit(operation=Operation.TEXT_TO_IMAGE, prompt="a cat"), noise(), None, ()),
            ErrorCode.ENGINE_UNSUPPORTED,
        ),
        (inputs(Operation.REMOVAL, noise(), None), ErrorCode.MASK_MISSING),
    ],
)
def test_what_the_engine_cannot_do_is_refused(work: Inputs, code: ErrorCode) -> None:
    with pytest.raises(InputError) as caught:
        edited(work)
    assert caught.value.code is code


def test_the_engine_is_loaded_by_its_name_and_tells_its_versions() -> None:
    engine = load_generation_engine(EngineName.OPENCV, lambda _: None)
    assert engine.name is EngineName.OPENCV
    assert set(engine.versions()) == {"opencv", "numpy"}
