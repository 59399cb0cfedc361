"""The gateway's pure functions."""

import binascii
import io
import json
from base64 import b64encode

import pytest
from hypothesis import given, strategies
from PIL import Image
from starlette.datastructures import QueryParams

from api import negotiation
from api.completeness import is_complete
from api.eta import eta_seconds, retry_seconds
from api.inputs import Body, fields_of
from api.json_bodies import decode_base64
from api.problems import FieldsError
from api.prompts import SmartMaskRequest, require_inside, smart_mask_request
from tasks.errors import ErrorCode, InputError
from tasks.imaging.probe import Format
from tasks.ledger import QueueDepth
from tasks.options import SmartMaskOptions
from tasks.queues import Queue


@pytest.mark.parametrize(
    ("position", "busy", "slots", "typical", "progress", "expected"),
    [
        (1, 0, 1, None, 0, None),  # never seen such a job
        (1, 0, 0, 10, 0, None),  # asleep: nobody knows how long a machine takes to start
        (1, 0, 1, 10, 0, 10),  # an idle slot
        (2, 0, 2, 10, 0, 10),  # two idle slots
        (1, 1, 1, 10, 0, 15),  # one job is half done
        (3, 1, 1, 10, 0, 35),  # and two more before
        (3, 2, 2, 10, 0, 25),  # the same on two slots
        (None, 1, 1, 10, 0.75, 2.5),  # running
    ],
)
def test_the_estimate_counts_the_jobs_before(
    position: int | None, busy: int, slots: int, typical: float | None, progress: float, expected: float | None
) -> None:
    """Waiting time is the work before this job, spread over the slots."""
    assert (
        eta_seconds(position=position, busy=busy, slots=slots, typical_seconds=typical, progress=progress) == expected
    )


@pytest.mark.parametrize(
    ("waiting", "oldest", "expected"), [(500, 0, 1), (500, 1000, 2), (520, 1040, 42), (900, 90_000, 120)]
)
def test_a_full_queue_tells_when_to_come_back(waiting: int, oldest: float, expected: float) -> None:
    """A line of N whose head waited T moves up each T/N seconds; the answer stays between 1 s and 2 min."""
    depth = QueueDepth(Queue.GENERATION, 0, waiting, oldest, waiting)
    assert retry_seconds(depth, 500) == expected


OFFERS = ("image/png", "image/webp", "image/jpeg")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("*/*", "image/png"),
        ("", "image/png"),
        ("image/*", "image/png"),
        ("image/webp", "image/webp"),
        ("image/jpeg;q=0.8, image/webp;q=0.9", "image/webp"),
        ("image/*;q=0.5, image/jpeg", "image/jpeg"),
        ("image/png;q=0, */*;q=0.1", "image/webp"),
        ("text/html, image/avif", None),
        ("image/png;q=0", None),
        ("IMAGE/WEBP;Q=1", "image/webp"),
        ("nonsense, image/webp;q=x", "image/png"),
        ("text/html,application/xhtml+xml,image/webp,*/*;q=0.8", "image/webp"),
    ],
)
def test_the_client_s_favourite_wins(accept: str, chosen: str | None) -> None:
    """The most precise range says a type's weight; among equals the first offer wins; 0 is a refusal."""
    assert negotiation.choose(accept, OFFERS) == chosen


@pytest.mark.parametrize(
    ("accept", "by_default", "answered"),
    [
        ("*/*", True, True),
        ("*/*", False, False),
        ("image/*", True, False),
        ("application/json", False, True),
        ("application/json;q=0.5, image/png", True, False),
        ("image/png;q=0, */*", False, True),
        ("text/html, */*;q=0.1", True, True),
        ("text/html", True, None),
        ("image/webp", False, None),
    ],
)
def test_json_or_an_image(accept: str, by_default: bool, answered: bool | None) -> None:
    """The client's preference decides, then the route's default; who takes neither is told so."""
    if answered is None:
        with pytest.raises(InputError) as raised:
            negotiation.prefers_json(accept, ["image/png"], by_default=by_default)
        assert raised.value.code is ErrorCode.NOT_ACCEPTABLE
    else:
        assert negotiation.prefers_json(accept, ["image/png"], by_default=by_default) is answered


sides = strategies.integers(1, 10_000)
places = strategies.tuples(strategies.floats(-20_000, 20_000), strategies.floats(-20_000, 20_000))


@given(sides, sides, strategies.lists(places, min_size=1, max_size=5))
def test_prompts_are_inside_or_named(width: int, height: int, points: list[tuple[float, float]]) -> None:
    """Exactly the points that are more than a pixel outside are named, all at once."""
    outside = [index for index, (x, y) in enumerate(points) if max(-x, x - width) > 1 or max(-y, y - height) > 1]
    options = SmartMaskOptions(points=tuple(points))
    if not outside:
        require_inside(options, width, height)
        return
    with pytest.raises(FieldsError) as raised:
        require_inside(options, width, height)
    assert [error.field for error in raised.value.errors] == [f"points.{index}" for index in outside]
    assert raised.value.code is ErrorCode.PROMPT_OUTSIDE


@given(strategies.lists(strategies.tuples(strategies.integers(-9, 999), strategies.integers(-9, 999)), min_size=1))
def test_points_mean_the_same_however_they_are_written(points: list[tuple[int, int]]) -> None:
    """Pairs in JSON, a list of numbers in the query, and JSON as a form's text are the same points."""
    points = points[:100]
    flat = ",".join(f"{x},{y}" for x, y in points)
    written = (
        fields_of(Body("json", {"points": [list(point) for point in points]}), QueryParams(), SmartMaskRequest),
        fields_of(Body("image", {}), QueryParams({"points": flat}), SmartMaskRequest),
        fields_of(Body("form", {"points": json.dumps(points)}), QueryParams(), SmartMaskRequest),
    )
    for fields in written:
        assert smart_mask_request({**fields, "image_id": "0" * 64}).options().points == tuple(points)


def encoded(image_format: str, **options: object) -> bytes:
    """A picture with some detail."""
    picture = Image.effect_noise((64, 48), 50).convert("RGB")
    written = io.BytesIO()
    picture.save(written, image_format, **options)
    return written.getvalue()


def with_thumbnail() -> bytes:
    """A JPEG whose EXIF block holds a whole JPEG."""
    return encoded("JPEG", exif=b"Exif\x00\x00" + b"MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00" + encoded("JPEG"))


FILES = {
    "png": (encoded("PNG"), Format.PNG),
    "jpeg": (encoded("JPEG"), Format.JPEG),
    "progressive jpeg": (encoded("JPEG", progressive=True), Format.JPEG),
    "jpeg with a thumbnail": (with_thumbnail(), Format.JPEG),
    "webp": (encoded("WEBP"), Format.WEBP),
    "gif": (encoded("GIF"), Format.GIF),
    "bmp": (encoded("BMP"), Format.BMP),
    "avif": (encoded("AVIF"), Format.AVIF),
}


@pytest.mark.parametrize("name", FILES)
def test_a_cut_file_is_told_from_a_whole_one(name: str) -> None:
    """A file that was cut anywhere in its pixels is incomplete; the whole one, also with bytes behind it, is not."""
    data, image_format = FILES[name]
    assert is_complete(data, image_format)
    if image_format is not Format.AVIF:
        assert is_complete(data + b"\x00" * 10, image_format)
    for cut in (len(data) * 2 // 3, len(data) - 20):
        assert not is_complete(data[:cut], image_format), cut


@given(strategies.binary(max_size=200), strategies.sampled_from(list(Format)))
def test_no_bytes_break_the_check(data: bytes, image_format: Format) -> None:
    """Whatever the bytes are, there is an answer."""
    assert is_complete(data, image_format) in {True, False}


@pytest.mark.parametrize(
    "prefix", ["", "data:image/png;base64,", "data:;base64,", "data:image/svg+xml;charset=x;base64,"]
)
@pytest.mark.parametrize("size", [0, 1, 2, 3, 100, 786_431, 786_432, 786_433, 2_000_000])
def test_base64_in_pieces_is_base64(prefix: str, size: int) -> None:
    """Decoding piece by piece gives what decoding at once gives, at every boundary."""
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert decode_base64(prefix + b64encode(data).decode()) == data


@given(strategies.text(max_size=60))
def test_only_base64_is_decoded(text: str) -> None:
    """What the strict decoder of the standard library refuses is refused with our code, the rest is decoded alike."""
    try:
        expected = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        with pytest.raises(InputError) as raised:
            decode_base64(text)
        assert raised.value.code is ErrorCode.BASE64_INVALID
    else:
        assert decode_base64(text) == expected


def test_padding_in_the_middle_is_refused() -> None:
    """Two files behind each other are no file, also where a piece ends between them."""
    one = b64encode(bytes(786_431)).decode()
    assert len(one) == 1_048_576
    with pytest.raises(InputError):
        decode_base64(one + one)


def test_a_field_in_the_body_and_in_the_query_is_refused() -> None:
    """Neither is silently dropped; null in the body is the same as absent."""
    with pytest.raises(InputError, match=r"points: .* send it once"):
        fields_of(Body("json", {"points": [[1, 2]]}), QueryParams({"points": "3,4"}), SmartMaskRequest)
    kept = fields_of(Body("json", {"points": None}), QueryParams({"points": "3,4"}), SmartMaskRequest)
    assert kept["points"] == ["3", "4"]
