"""Files of too many pieces are told from their structure, before a decoder opens them; others are left alone."""

import time

import pytest

from tasks.errors import ErrorCode, InputError
from tasks.imaging import structure
from tasks.imaging.codec import decode
from tasks.imaging.probe import probe
from tests import corpus
from tests.corpus import chunk, gif, gif_frame, jpeg, png, sample, segment
from tests.imaging.pictures import gradient, save

FLOODS = (
    "png 3000 profiles inflate to 1 MB each",
    "png a million private chunks",
    "png a million private chunks behind the pixels",
    "png 300,000 texts",
    "png a pixel chunk for each byte",
    "jpeg 5000 scans of 4 MP",
    "jpeg a million empty segments",
    "jpeg a million empty comments",
    "gif comment in ten million pieces",
    "gif pixels in ten million pieces",
    "tiff tile of 20000 x 20000",
    "tiff a million strips",
    "tiff two million numbers in a tag",
)


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_refused(name: str) -> None:
    """Each way to make a file of very many pieces is image_invalid."""
    with pytest.raises(InputError) as caught:
        structure.require_plain(sample(name).data)
    assert caught.value.code is ErrorCode.IMAGE_INVALID


@pytest.mark.parametrize(
    "data",
    [
        png(before=[chunk(b"prVt")] * (structure.MAX_CHUNKS - 2)),
        jpeg(*[segment(0xEA, b"")] * (structure.MAX_SEGMENTS - 20)),
        corpus.scans(structure.MAX_SCANS - 20, 64),
        gif(4, 4, b"!\xfe" + (b"\xff" + b"a" * 255) * 10_000 + b"\0", gif_frame()),
        gif(4, 4, gif_frame() * 5000),
        corpus.tile_tiff(2048),
        jpeg(behind=b"\xff\xda" * 10_000),
    ],
    ids=["chunks", "segments", "scans", "comment", "frames", "tile", "film behind a picture"],
)
def test_what_stays_within_the_limits_is_read(data: bytes) -> None:
    """Just under each limit, and with pieces behind the picture's end, a file is opened as before."""
    assert probe(data)


def test_a_flood_is_told_in_a_part_of_the_time_of_opening_it() -> None:
    """The check stops at its limit: it does not get slower with the flood."""
    few, many = (b"GIF89a" + bytes(7) + b"!\xfe" + b"\1a" * count for count in (2_000_000, 20_000_000))
    # The limit grows with the file, a piece for each hundred bytes.
    took = [min(_seconds(data) for _ in range(3)) for data in (few, many)]
    assert took[1] < 40 * took[0]


def _seconds(data: bytes) -> float:
    began = time.perf_counter()
    with pytest.raises(InputError):
        structure.require_plain(data)
    return time.perf_counter() - began


def test_a_jpeg_of_far_too_few_bytes_is_truncated() -> None:
    """A kilobyte that says it holds 36 megapixels, which decoders would make up, is refused by both sides."""
    with pytest.raises(InputError) as caught:
        probe(sample("jpeg says 6000 x 6000").data)
    assert caught.value.code is ErrorCode.IMAGE_TRUNCATED


def test_scans_behind_the_whole_picture_cost_nothing() -> None:
    """They are not counted in a sequential JPEG whose first scan holds all components, so no decoder may read them."""
    plain = save(gradient(), "JPEG")
    scan, end = plain.rindex(b"\xff\xda"), plain.rindex(b"\xff\xd9")
    flood = plain[:end] + plain[scan:end] * 20_000 + plain[end:]
    structure.require_plain(flood)

    def seconds(data: bytes) -> float:
        began = time.process_time()
        for _ in range(3):
            decode(data)
        return time.process_time() - began

    seconds(plain)
    assert seconds(flood) < 200 * max(seconds(plain), 1e-3)
    assert (decode(flood) == decode(plain)).all()
