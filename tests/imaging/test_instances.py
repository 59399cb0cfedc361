"""Instances as they are kept, and the choice among them; no model, masks drawn by hand."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tasks.imaging.instances import Bits, DamagedInstances, Instances
from tasks.imaging.selection import Prompt, choose, main_objects

GRID = (48, 64)
PHOTO = (96, 128)


def rectangle(x0: int, y0: int, x1: int, y1: int, grid: tuple[int, int] = GRID) -> Bits:
    """A mask on the grid."""
    mask = np.zeros(grid, np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


def blobs(seed: int, grid: tuple[int, int] = GRID, count: int = 6) -> list[Bits]:
    """Ragged masks of all sizes, with holes and single pixels, some at the grid's edge."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        x0, y0 = rng.integers(-8, grid[1] - 1), rng.integers(-8, grid[0] - 1)
        x1, y1 = x0 + rng.integers(1, grid[1]), y0 + rng.integers(1, grid[0])
        mask = rectangle(max(x0, 0), max(y0, 0), max(x1, 1), max(y1, 1), grid)
        made.append(mask & (rng.random(grid) > rng.choice([0.0, 0.05, 0.6])))
    return [mask for mask in made if mask.any()]


def kept(masks: list[Bits], scores: list[float] | None = None, photo: tuple[int, int] = PHOTO) -> Instances:
    """Masks as instances of a photo, by default twice as large as the grid."""
    return Instances.of(masks, scores or [0.5] * len(masks), grid=masks[0].shape, photo=photo)


def interpolated(mask: Bits, photo: tuple[int, int]) -> np.ndarray:
    """The mask at the photo's size, in integers: above 0 is white, and 0 is exactly half."""

    def axis(grid: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        place = np.maximum((2 * np.arange(size) + 1) * grid - size, 0)
        low = np.minimum(place // (2 * size), grid - 1)
        return low, np.minimum(low + 1, grid - 1), place - low * 2 * size

    (y0, y1, fy), (x0, x1, fx) = axis(mask.shape[0], photo[0]), axis(mask.shape[1], photo[1])
    whole_y, whole_x, m = 2 * photo[0], 2 * photo[1], mask.astype(np.int64)
    above = m[np.ix_(y0, x0)] * (whole_x - fx) + m[np.ix_(y0, x1)] * fx
    below = m[np.ix_(y1, x0)] * (whole_x - fx) + m[np.ix_(y1, x1)] * fx
    return 2 * (above * (whole_y - fy)[:, None] + below * fy[:, None]) - whole_x * whole_y


@pytest.mark.parametrize("photo", [(96, 128), (48, 64), (301, 401), (20, 27), (480, 640), (47, 640)])
def test_everything_known_of_a_mask_is_true_of_its_picture(photo: tuple[int, int]) -> None:
    """Area, box, overlap and membership, which nobody draws the mask for, are those of the drawn mask."""
    rng = np.random.default_rng(1)
    instances = kept(blobs(0), photo=photo)
    points = np.stack([rng.integers(0, photo[1], 300), rng.integers(0, photo[0], 300)], axis=1)
    membership = instances.containing(points)
    for index in range(len(instances)):
        drawn = instances.mask([index]) > 0
        rows, columns = np.nonzero(drawn.any(axis=1))[0], np.nonzero(drawn.any(axis=0))[0]
        assert instances.areas[index] == np.count_nonzero(drawn)
        assert instances.box(index) == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        assert np.array_equal(membership[index], drawn[points[:, 1], points[:, 0]])
        for _ in range(10):
            x0, x1 = sorted(rng.integers(0, photo[1] + 1, 2).tolist())
            y0, y1 = sorted(rng.integers(0, photo[0] + 1, 2).tolist())
            assert instances.overlap(index, (x0, y0, x1, y1)) == np.count_nonzero(drawn[y0:y1, x0:x1])


@pytest.mark.parametrize("photo", [(97, 131), (301, 401), (20, 27)])
def test_a_mask_is_interpolated(photo: tuple[int, int]) -> None:
    """A drawn mask is the bilinear interpolation of its bits above one half; what is exactly half may round."""
    masks = blobs(2)
    for mask in masks:
        instances = kept([mask], photo=photo)
        drawn = instances.mask([0]) > 0 if len(instances) else np.zeros(photo, np.bool_)
        exact = interpolated(mask, photo)
        assert np.array_equal(drawn[exact != 0], exact[exact != 0] > 0)


def test_what_is_kept_is_what_was_found() -> None:
    """To bytes and back changes nothing, and the bytes are fewer than the bits."""
    instances = kept(blobs(3, (480, 640), 40), photo=(960, 1280))
    data = instances.to_bytes()
    again = Instances.from_bytes(data)
    assert again.to_bytes() == data
    assert len(again) == len(instances)
    assert all(np.array_equal(again.mask([i]), instances.mask([i])) for i in range(0, len(instances), 7))
    assert np.array_equal(again.scores, instances.scores)
    assert len(kept([rectangle(100, 100, 500, 400, (480, 640))] * 10).to_bytes()) < 480 * 640 / 8 / 10


def test_masks_that_a_small_photo_does_not_show_are_left_out() -> None:
    """A single sample that falls between the pixels of a smaller photo is no instance of it; the others keep order."""
    masks = [rectangle(5, 5, 6, 6), rectangle(0, 0, 30, 30), np.zeros(GRID, np.bool_), rectangle(30, 0, 64, 48)]
    instances = kept(masks, [0.1, 0.2, 0.3, 0.4], photo=(12, 16))
    assert instances.scores.tolist() == pytest.approx([0.2, 0.4])
    assert len(Instances.from_bytes(kept([masks[2]]).to_bytes())) == 0


HEADER = 24


def signed(data: bytes) -> bytes:
    """The same bytes with the checksum that fits them."""
    return data[: HEADER - 4] + struct.pack("<I", zlib.crc32(data[HEADER:])) + data[HEADER:]


@given(st.data())
def test_damaged_bytes_are_refused(data: st.DataObject) -> None:
    """Bytes that were cut or changed are no instances."""
    whole = bytearray(kept(blobs(4)).to_bytes())
    at = data.draw(st.integers(HEADER, len(whole) - 1))
    if data.draw(st.booleans()):
        whole[at] ^= data.draw(st.integers(1, 255))
    else:
        del whole[at:]
    with pytest.raises(DamagedInstances):
        Instances.from_bytes(bytes(whole))


@given(st.data())
def test_forged_bytes_do_no_harm(data: st.DataObject) -> None:
    """Whatever is written into a table and signed is refused, at the latest when a mask is read, or makes some mask."""
    whole = bytearray(kept(blobs(4)).to_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        instances = Instances.from_bytes(signed(bytes(whole)))
        choose(instances, Prompt(include=[(0, 0), (instances.width - 1, instances.height - 1)]))
        choose(instances, Prompt(box=(0, 0, instances.width, instances.height)))
        assert all(instances.bits(index).any() is not None for index in range(len(instances)))
    except DamagedInstances:
        pass


def test_bytes_that_claim_much_are_refused() -> None:
    """A small file cannot make a reader unpack a large one: a mask has the size of its frame or is refused."""
    [packed] = kept([rectangle(0, 0, 64, 48)]).packed
    data = kept([rectangle(0, 0, 64, 48)]).to_bytes()
    bomb = zlib.compress(bytes(10_000_000))
    forged = data[: -len(packed) - 4] + struct.pack("<I", len(bomb)) + bomb
    with pytest.raises(DamagedInstances, match="frame"):
        Instances.from_bytes(signed(forged)).bits(0)
    for nonsense in (b"", b"\x80\x04" + bytes(40), data[:HEADER], data + b"x"):
        with pytest.raises(DamagedInstances):
            Instances.from_bytes(nonsense)


WHEEL, CAR, STREET, HOUSE = 0, 1, 2, 3
SCENE = [rectangle(10, 30, 14, 34), rectangle(8, 20, 30, 36), rectangle(0, 16, 64, 48), rectangle(40, 2, 60, 20)]


def test_a_click_means_the_smallest_and_can_mean_the_larger() -> None:
    """Candidates are all masks around a click, smallest first."""
    assert choose(kept(SCENE), Prompt(include=[(24, 64)])) == [(WHEEL,), (CAR,), (STREET,)]
    assert choose(kept(SCENE), Prompt(include=[(100, 10)])) == [(HOUSE,)]
    assert choose(kept(SCENE), Prompt(include=[(2, 2)])) == []


def test_clicks_narrow_each_other_down() -> None:
    """All included points have to be inside and no excluded one, in whatever order they come."""
    two, other = [(24, 64), (50, 50)], [(50, 50), (24, 64)]
    assert choose(kept(SCENE), Prompt(include=two)) == choose(kept(SCENE), Prompt(include=other))
    assert choose(kept(SCENE), Prompt(include=two)) == [(CAR,), (STREET,)]
    assert choose(kept(SCENE), Prompt(include=[(50, 50)], exclude=[(24, 64)])) == []
    assert choose(kept(SCENE), Prompt(include=[(24, 64)], exclude=[(120, 90)])) == [(WHEEL,), (CAR,)]


def test_clicks_on_two_objects_give_both() -> None:
    """Where no mask holds all points, the smallest around each make one; a point on nothing adds nothing."""
    assert choose(kept(SCENE), Prompt(include=[(24, 64), (100, 10), (2, 2)])) == [(WHEEL, HOUSE)]
    assert choose(kept(SCENE), Prompt(include=[(100, 10), (24, 64)], exclude=[(20, 50)])) == [(WHEEL, HOUSE)]
    union = kept(SCENE).mask((WHEEL, HOUSE))
    assert np.array_equal(union, kept(SCENE).mask([WHEEL]) | kept(SCENE).mask([HOUSE]))


def test_an_object_found_twice_is_one_candidate() -> None:
    """Masks that are all but equal are not stepped through one by one; similar ones are."""
    twice = [rectangle(8, 20, 30, 36), rectangle(8, 20, 30, 36), rectangle(8, 20, 30, 40)]
    assert choose(kept(twice), Prompt(include=[(40, 60)])) == [(0,), (2,)]


def test_a_box_means_what_fills_it_best() -> None:
    """Candidates go by intersection over union with the box, and points narrow them down."""
    assert choose(kept(SCENE), Prompt(box=(16, 40, 60, 72)))[0] == (CAR,)
    assert choose(kept(SCENE), Prompt(box=(0, 30, 128, 96)))[0] == (STREET,)
    assert choose(kept(SCENE), Prompt(box=(0, 30, 128, 96), exclude=[(100, 80)]))[0] == (CAR,)
    assert choose(kept(SCENE), Prompt(box=(16, 40, 60, 72), include=[(22, 62)]))[0] == (CAR,)
    assert choose(kept(SCENE), Prompt(box=(16, 40, 60, 72), include=[(100, 10), (2, 2)]))[0] == (CAR,)


def test_a_box_beside_everything_means_nothing() -> None:
    """No mask is made up for a box that meets none."""
    assert choose(kept(SCENE), Prompt(box=(0, 0, 10, 10))) == []


@given(st.integers(0, 50), st.tuples(*[st.integers(0, 128)] * 2), st.tuples(*[st.integers(0, 96)] * 2))
def test_the_best_box_is_not_missed(seed: int, x: tuple[int, int], y: tuple[int, int]) -> None:
    """The bounds that spare counting most masks leave out none that is better."""
    box = min(x), min(y), max(x) + 1, max(y) + 1
    instances = kept(blobs(seed, count=12))
    drawn = [instances.mask([index]) > 0 for index in range(len(instances))]
    window = np.zeros(PHOTO, np.bool_)
    window[box[1] : box[3], box[0] : box[2]] = True
    box = box[0], box[1], min(box[2], PHOTO[1]), min(box[3], PHOTO[0])
    if box[0] == box[2] or box[1] == box[3]:
        return
    fits = [np.float32(np.count_nonzero(m & window)) / np.float32(np.count_nonzero(m | window)) for m in drawn]
    choices = choose(instances, Prompt(box=box))
    assert choices == [] if max(fits, default=0) == 0 else choices[0] == (int(np.argmax(fits)),)


def test_strokes_mean_what_they_cover() -> None:
    """A scribble over the car means the car, not the wheel that its middle lies on, although it spills over."""
    strokes = np.zeros(PHOTO, np.uint8)
    strokes[60:68, 20:68] = 255
    assert choose(kept(SCENE), Prompt(strokes=strokes)) == [(CAR,), (STREET,)]
    wheel = np.zeros(PHOTO, np.uint8)
    wheel[62:66, 22:26] = 255
    assert choose(kept(SCENE), Prompt(strokes=wheel))[0] == (WHEEL,)


def test_strokes_over_two_objects_give_both() -> None:
    """Where no mask holds enough of the strokes, those under them make one."""
    strokes = np.zeros(PHOTO, np.uint8)
    strokes[44:70, 50:56] = 255
    strokes[6:26, 90:110] = 255
    assert choose(kept([SCENE[CAR], SCENE[HOUSE]]), Prompt(strokes=strokes)) == [(0, 1)]


def test_a_slip_of_the_brush_adds_nothing() -> None:
    """An object that a single sample of strokes over others lies on is not one of them."""
    strokes = np.zeros(PHOTO, np.uint8)
    strokes[10:14, 4:36] = strokes[10:14, 84:116] = strokes[84:88, 62:66] = 255
    masks = [rectangle(0, 0, 20, 20), rectangle(40, 0, 60, 20), rectangle(30, 41, 34, 45)]
    assert choose(kept(masks), Prompt(strokes=strokes)) == [(0, 1)]


def test_thin_strokes_on_a_large_photo_are_seen() -> None:
    """A line of one pixel does not vanish when strokes are sampled at a reduced size."""
    instances = kept([rectangle(0, 0, 32, 48), rectangle(0, 0, 64, 48)], photo=(3000, 4000))
    strokes = np.zeros((3000, 4000), np.uint8)
    strokes[1500, 200:1800] = 255
    assert choose(instances, Prompt(strokes=strokes)) == [(0,), (1,)]


def test_without_a_prompt_the_main_object_is_meant() -> None:
    """Large and central wins over large and cut by the edges, and over small; the whole photo is no object."""
    masks = [rectangle(0, 0, 64, 48), rectangle(0, 0, 64, 14), rectangle(22, 14, 44, 40), rectangle(30, 20, 34, 24)]
    assert main_objects(kept(masks))[0] == 2
    assert choose(kept(masks), Prompt())[0] == (2,)
    assert 0 not in main_objects(kept(masks))
    assert choose(kept(masks), Prompt(exclude=[(50, 40)]))[0] != (2,)


def test_nothing_found_means_nothing() -> None:
    """A photo without instances answers every prompt with no candidate."""
    nothing = Instances.of([], [], grid=GRID, photo=PHOTO)
    strokes = np.full(PHOTO, 255, np.uint8)
    for prompt in (Prompt(), Prompt(include=[(1, 1)]), Prompt(box=(1, 1, 5, 5)), Prompt(strokes=strokes)):
        assert choose(nothing, prompt) == []
