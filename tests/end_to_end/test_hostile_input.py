"""Hostile pictures through every route that takes one, with real workers behind a real gateway.

An answer is the picture in its right size, or a 4xx problem with a code that says what is wrong with the file.
"""

import asyncio
import base64
import io
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from api.routes.image_utils import UTILITIES
from tests import corpus
from tests.corpus import HEIGHT, SIZE, TRUNCATED, WIDTH, Sample, sample
from tests.imaging.pictures import gradient, save
from tests.lab import WorkerProcess

AT_ONCE = 8
PHOTO = save(gradient(HEIGHT, WIDTH), "PNG")
MASK = save(np.pad(np.full((16, 16), 255, np.uint8), ((16, 16), (20, 28))), "PNG")

LEAKS = ("Traceback", "site-packages", '.py"', "File \\", "/tmp/", "/home/", str(Path.cwd()))  # noqa: S108 - looked for
"""What no answer may hold."""

OF_PAIRS = frozenset({"mask_mismatch", "mask_empty", "mask_missing", "nothing_found", "prompt_outside"})
"""Codes of requests whose pictures are sound, but do not go together."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request with one hostile picture."""

    path: str
    place: str
    arguments: dict[str, Any]
    has_size: bool = True
    """Whether what comes back has the picture's size."""
    is_decoded: bool = True
    """Whether somebody looks at its pixels."""
    also: frozenset[str] = field(default=frozenset())
    """Codes with which it may be refused whatever the picture is."""


def text(data: bytes) -> str:
    """As base64."""
    return base64.b64encode(data).decode()


def as_json(path: str, place: str, data: bytes, others: dict[str, Any], **more: Any) -> Sent:
    """Send it as JSON."""
    sent = {name: text(value) if isinstance(value, bytes) else value for name, value in {**others, place: data}.items()}
    return Sent(path, f"json {place}", {"json": sent}, **more)


def as_form(path: str, place: str, data: bytes, others: dict[str, Any], **more: Any) -> Sent:
    """Send it as a form."""
    given = {**others, place: data}
    files = {name: (f"\x1b{name}\r\n.php", value) for name, value in given.items() if isinstance(value, bytes)}
    fields = {name: str(value) for name, value in given.items() if not isinstance(value, bytes)}
    return Sent(
        path, f"form {place}", {"files": files, "data": fields, "headers": {"Accept": "application/json"}}, **more
    )


def as_body(path: str, data: bytes, query: dict[str, Any], **more: Any) -> Sent:
    """Send it as the body, under a media type that may be a lie."""
    return Sent(path, "body", {"content": data, "params": query, "headers": {"Content-Type": "image/png"}}, **more)


def to_utilities(data: bytes) -> Iterable[Sent]:
    """Every utility in all three forms, with the picture as photo and as mask."""
    options: dict[str, dict[str, Any]] = {
        "resize": {"width": 8, "height": 8, "fit": "exact", "format": "png"},
        "crop": {"aspect": [1, 1], "format": "png"},
        "encode": {"format": "png"},
        "canny": {},
        "mae": {"method": "ns"},
        "extract_object": {"background": "white"},
        "add_shadow_preview": {"opacity": 0.5},
    }
    for each in UTILITIES:
        path = f"/api/image-utils{each.path}"
        given = options[each.task]
        keeps_size = each.task in {"encode", "canny", "mae"}
        mask = {"mask": MASK} if each.needs_mask else {}
        more = {"has_size": keeps_size, "also": OF_PAIRS if each.takes_mask else frozenset[str]()}
        yield as_json(path, "image", data, {**given, **mask}, **more)
        form = {name: "1,1" if isinstance(value, list) else value for name, value in given.items()}
        yield as_form(path, "image", data, {**form, **mask}, **more)
        if not mask:
            yield as_body(path, data, form, **more)
        if each.takes_mask:
            yield as_json(path, "mask", data, {**given, "image": PHOTO}, has_size=False, also=OF_PAIRS)
            yield as_form(path, "mask", data, {**form, "image": PHOTO}, has_size=False, also=OF_PAIRS)


def to_clicks(data: bytes) -> Iterable[Sent]:
    """Smart masks, with the picture as photo and as strokes."""
    click = {"points": [[1, 1]]}
    yield as_json("/api/smart-mask", "image", data, click, has_size=False, also=OF_PAIRS)
    yield as_json("/api/smart-mask/detect", "image", data, {}, has_size=False, also=OF_PAIRS)
    yield as_json("/api/smart-mask", "mask", data, {"image": PHOTO}, has_size=False, also=OF_PAIRS)
    yield as_form("/api/smart-mask", "mask", data, {"image": PHOTO}, has_size=False, also=OF_PAIRS)
    yield as_body("/api/smart-mask", data, {"points": "1,1"}, has_size=False, also=OF_PAIRS)


def to_images(data: bytes) -> Iterable[Sent]:
    """Uploads."""
    yield as_json("/api/images", "image", data, {}, is_decoded=False)
    yield as_form("/api/images", "image", data, {}, is_decoded=False)
    yield as_body("/api/images", data, {}, is_decoded=False)


def to_edits(data: bytes) -> Iterable[Sent]:
    """Edits that are waited for, with the picture in each of its places."""
    path = "/api/generate"
    removal = {"task_type": "removal", "input_image": PHOTO}
    insertion = {**removal, "task_type": "insertion", "mask": MASK}
    yield as_json(path, "input_image", data, {"task_type": "white-balance"})
    yield as_form(path, "input_image", data, {"task_type": "white-balance"})
    yield as_json(path, "mask", data, removal, has_size=False, also=OF_PAIRS)
    yield as_form(path, "mask", data, removal, has_size=False, also=OF_PAIRS)
    yield as_json(path, "reference_image", data, insertion, has_size=False, also=OF_PAIRS)
    with_reference = {**insertion, "reference_image": PHOTO}
    yield as_json(path, "reference_mask_R", data, with_reference, has_size=False, also=OF_PAIRS)


def to_one_route(data: bytes) -> Iterable[Sent]:
    """The cheapest way through a worker's decoder."""
    yield as_body("/api/image-utils/resize", data, {"width": 16_384, "height": 8, "format": "png"}, has_size=False)


HARD = (
    "png 60000 x 60000",
    "png palette that is missing",
    "png wrong checksum of the pixels",
    "png a million private chunks",
    "png 1 x 16384",
    "png 16 bits",
    "png palette with alpha",
    "png with HTML behind",
    "png text with control characters",
    "jpeg CMYK",
    "jpeg 5000 scans of 4 MP",
    "jpeg huge EXIF with loops",
    "jpeg profile of noise",
    "jpeg says 6000 x 6000",
    "jpeg with two views",
    "jpeg with a ZIP behind",
    "gif animated",
    "gif that is a script",
    "webp animated",
    "webp lossless 6000 x 6000 of nothing",
    "tiff tile of 20000 x 20000",
    "tiff 6300 x 6300 of few pixels",
    "tiff rows that turn",
    "avif with alpha",
    "bmp run-length that jumps",
    "svg with an external entity",
)
"""Samples for every route: of each kind, and each way to fail."""


async def send_all(url: str, requests: Iterable[tuple[str, Sample, Sent]]) -> str:
    """Send them, several at once; return what is wrong with the answers, a line each."""
    turns = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(base_url=url, timeout=100) as client:

        async def ask(name: str, given: Sample, sent: Sent) -> str:
            async with turns:
                answer = await client.post(sent.path, **sent.arguments)
                while answer.status_code == 503 and "Retry-After" in answer.headers:
                    # The gateway holds as many large bodies as it may, as it should; its clients do as they are told.
                    await asyncio.sleep(float(answer.headers["Retry-After"]))
                    answer = await client.post(sent.path, **sent.arguments)
            flaw = flaw_of(answer, given, sent)
            return flaw and f"{name} -> {sent.path} {sent.place}: {flaw}"

        asked: list[Awaitable[str]] = [ask(*each) for each in requests]
        return "\n".join(flaw for flaw in await asyncio.gather(*asked) if flaw)


def flaw_of(answer: httpx.Response, given: Sample, sent: Sent) -> str:
    """Say what is wrong with an answer; nothing if it is as it should be."""
    if any(leak in answer.text for leak in LEAKS):
        return f"leaks: {answer.text[:300]}"
    if answer.status_code in {200, 201}:
        return _flaw_of_picture(answer, given, sent)
    if not 400 <= answer.status_code < 500 or answer.headers["content-type"] != "application/problem+json":
        return f"{answer.status_code}: {answer.text[:300]}"
    code = answer.json()["code"]
    return "" if code in {*given.codes, *sent.also} else f"{code}: {answer.json()['detail']}"


def _flaw_of_picture(answer: httpx.Response, given: Sample, sent: Sent) -> str:
    if not sent.is_decoded and TRUNCATED in given.codes:
        return ""
    if given.size is None:
        return f"was taken: {answer.text[:100]}"
    if not sent.has_size:
        return ""
    size = _size_of(answer)
    return "" if size == given.size else f"came back as {size}, not {given.size}"


def _size_of(answer: httpx.Response) -> tuple[int, int]:
    if answer.headers["content-type"].startswith("image/"):
        return Image.open(io.BytesIO(answer.content)).size
    told = answer.json()
    if "image" in told:
        assert Image.open(io.BytesIO(base64.b64decode(told["image"]))).size == (told["width"], told["height"])
    return told["width"], told["height"]


@pytest.fixture
def unharmed(workers: dict[str, WorkerProcess]) -> Iterable[None]:
    """The workers go on, and none of their children died or met an error that nobody foresaw."""
    read = {name: len(worker.log.read_text()) for name, worker in workers.items()}
    yield
    for name, worker in workers.items():
        assert worker.process.poll() is None
        lines = worker.log.read_text()[read[name] :].splitlines()
        assert [line for line in lines if "WorkerLostError" in line or _is_unforeseen(line)] == [], name


def _is_unforeseen(line: str) -> bool:
    if not line.startswith("{"):
        return False
    told = json.loads(line)
    return told.get("event") == "task.raised" and told.get("code") not in {"time_limit", "out_of_memory"}


@pytest.mark.usefixtures("unharmed")
def test_every_sample_ends_well_on_one_route(gateway: str) -> None:
    """The whole corpus as bodies: each is taken or refused as it may be, and no worker is harmed."""
    requests = [(name, sample(name), sent) for name in corpus.CORPUS for sent in to_one_route(sample(name).data)]
    assert asyncio.run(send_all(gateway, requests)) == ""


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("requests", [to_utilities, to_clicks, to_images, to_edits])
def test_hard_samples_end_well_on_every_route(gateway: str, requests: Callable[[bytes], Iterable[Sent]]) -> None:
    """Each place of each route takes or refuses the same pictures, with the size of the picture in the answer."""
    asked = [(name, sample(name), sent) for name in HARD for sent in requests(sample(name).data)]
    assert asyncio.run(send_all(gateway, asked)) == ""


@pytest.mark.usefixtures("unharmed")
def test_a_file_that_ends_early_is_refused_wherever_it_ends(gateway: str) -> None:
    """Cut at every tenth byte, a picture of each format is refused, or was whole without its last bytes."""
    cut = [
        (f"{name} {len(each)}", Sample(each, (16, 16), corpus.UNREADABLE), sent)
        for name in corpus.FORMATS
        for each in [b"", *corpus.cuts(corpus.plain(name))]
        for sent in [as_body("/api/image-utils/encode", each, {"format": "png"})]
    ]
    assert asyncio.run(send_all(gateway, cut)) == ""


def test_sizes_of_the_samples_are_those_of_the_photo() -> None:
    """The pictures beside the hostile ones fit the samples, or no mask would ever be looked at."""
    assert Image.open(io.BytesIO(PHOTO)).size == Image.open(io.BytesIO(MASK)).size == SIZE
