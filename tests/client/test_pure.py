"""What the client makes of images, events, errors and answers, without a gateway."""

import hashlib
import inspect
import io
import itertools
import json
import pickle
import subprocess
import sys
import typing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image

from api.schemas import GenerateRequest
from darkroom import AsyncClient, Client
from darkroom.client import ApiError, AsyncJob, ImageId, Job, Picture, Status, answers, errors, images, parameters
from darkroom.client.asynchronous import AsyncUtilities
from darkroom.client.blocking import Utilities
from darkroom.client.errors import error_of
from darkroom.client.events import EventParser, ServerEvent
from darkroom.client.requests import posted
from darkroom.client.retries import Retries
from darkroom.client.steps import Reply
from tasks import errors as of_the_server, options
from tests.tasks import pictures

PIXELS = pictures.photo(40, 30)
FILE = pictures.encoded(PIXELS)


def pixels(image: Any) -> Any:
    data = images.read(image).data
    assert data is not None
    return pictures.decoded(data)


def test_files_are_sent_as_they_are(tmp_path: Path) -> None:
    """A path, its text, bytes and an open file are the same image, whose id is the sha256 of its bytes."""
    path = tmp_path / "photo.png"
    path.write_bytes(FILE)
    with path.open("rb") as opened:
        sources = [images.read(each) for each in (path, str(path), FILE, bytearray(FILE), io.BytesIO(FILE), opened)]
    assert {(each.id, each.data) for each in sources} == {(hashlib.sha256(FILE).hexdigest(), FILE)}


def test_arrays_and_pil_images_keep_their_pixels() -> None:
    """Colour, grey, one channel, alpha, Booleans and views come out as they went in."""
    grey, alpha, chosen = PIXELS[..., 0], np.dstack([PIXELS, PIXELS[..., :1]]), PIXELS[..., 0] > 100
    for array in (PIXELS, grey, alpha, PIXELS[::-1, ::2]):
        assert np.array_equal(pixels(array), array)
        assert np.array_equal(pixels(Image.fromarray(np.ascontiguousarray(array))), array)
    assert np.array_equal(pixels(grey[..., None]), grey)
    assert np.array_equal(pixels(chosen), chosen * np.uint8(255))


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "I;16"]
)
def test_every_mode_of_pil_becomes_a_file(mode: str) -> None:
    """Those that PNG lacks are converted; none is refused that has an agreed range."""
    made = Image.new(mode, (8, 6))
    assert Image.open(io.BytesIO(images.read(made).data or b"")).size == (8, 6)


def test_a_pil_image_is_sent_upright() -> None:
    """The camera's orientation is applied, as for a file: coordinates of a click mean the same in both."""
    turned = pictures.with_orientation(PIXELS, 6)
    assert pixels(Image.open(io.BytesIO(turned))).shape == (40, 30, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        PIXELS / 255,
        PIXELS.astype(np.int64),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros(16, np.uint8),
        Image.new("F", (4, 4)),
        io.StringIO("text"),
        None,
        7,
    ],
    ids=["floats", "wide", "two channels", "flat", "mode F", "text file", "None", "number"],
)
def test_what_is_no_image_says_what_would_be(wrong: Any) -> None:
    """The sentence names what is expected, before anything is sent."""
    with pytest.raises((TypeError, ValueError), match=r"image|binary"):
        images.read(wrong)


def test_an_id_is_told_from_a_file() -> None:
    """An id is its own type; a text that looks like one gets a hint."""
    name = "0" * 64
    assert images.read(ImageId(name)) == images.Source(ImageId(name), None)
    with pytest.raises(FileNotFoundError) as missing:
        images.read(name)
    assert "ImageId" in missing.value.__notes__[0]


def test_a_picture_is_named_and_saved(tmp_path: Path) -> None:
    """What came from Darkroom goes back by its id; its file keeps each byte unless another format is asked for."""
    picture = Picture(id=ImageId("1" * 64), data=FILE)
    assert posted("/", {"image": images.read(picture)}, {}, {picture.id}, {}).json == {"image": "1" * 64}
    assert picture.save(tmp_path / "same.png").read_bytes() == FILE
    assert picture.save(tmp_path / "other.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert repr(picture) == "<Picture 40 × 30, png>"
    shown = (picture._repr_jpeg_(), picture._repr_png_())
    assert shown[0] is not None
    assert shown[1] is None
    drawn = Picture(id=ImageId("2" * 64), data=pictures.encoded(pictures.mask()))
    assert Image.open(io.BytesIO(drawn._repr_png_() or b"")).size == (320, 240)


@given(st.lists(st.integers(0, 200), max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
def test_events_are_the_same_however_they_are_cut(cuts: list[int], end: str) -> None:
    """Bytes may arrive in any pieces, with any of the three line ends."""
    lines = [
        *("\ufeffretry: 1500", ": heartbeat", ""),
        *("data: one", "id: 1-0", "", "event: other", "data:two", "data:  lines ü", ""),
        *("id: 2-0", "", "data", "nobody: knows", "", "data: never ends"),
    ]
    stream = end.join(lines).encode()
    places = sorted({0, *(cut % len(stream) for cut in cuts), len(stream)})
    parser = EventParser()
    pieces = [stream[start:stop] for start, stop in itertools.pairwise(places)]
    events = [event for piece in pieces for event in parser.feed(piece)]
    assert events == [ServerEvent("1-0", "one"), ServerEvent("1-0", "two\n lines ü"), ServerEvent("2-0", "")]
    assert parser.retry_seconds == 1.5


def test_what_a_newer_gateway_adds_breaks_nothing() -> None:
    """Fields, states and kinds of errors that this version does not know are left out or told by their status."""
    status = Status.parse(json.dumps({"task_id": "a", "status": "paused", "progress": 0.5, "mood": 1, "message": None}))
    assert (status.state, status.is_final, status.progress) == ("paused", False, 0.5)
    result = {"task_id": "a", "image_id": "1" * 64, "image": "", "model_used": "m", "generation_time": 1.0, "new": {}}
    assert answers.edited(json.dumps(result).encode()).told["new"] == {}
    problem = {"code": "too_wet", "detail": "It rains.", "error_type": "WeatherError", "errors": [{"field": "x"}, 7]}
    headers = {"content-type": "application/problem+json"}
    raised = error_of(Reply(409, headers, json.dumps(problem).encode()), "GET /")
    assert (type(raised), str(raised)) == (errors.ConflictError, "It rains. (too_wet)")
    assert raised.errors[0].field == "x"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"detail": 7}'])
def test_any_answer_can_be_an_error(body: bytes) -> None:
    """What a proxy writes is told by its status, with what was asked."""
    for headers in ({}, {"content-type": "application/problem+json"}):
        assert isinstance(error_of(Reply(502, headers, body), "GET /api/health"), errors.UnavailableError)
    assert "GET /api/health" in str(error_of(Reply(599, {}, b""), "GET /api/health"))


def test_errors_have_the_names_of_the_servers() -> None:
    """Who goes from tasks to the client catches the same names; an error survives the way to another process."""
    kinds = {kind.__name__ for kind in of_the_server.DarkroomError.__subclasses__()}
    assert kinds == {kind.__name__ for kind in ApiError.__subclasses__()}
    sent = pickle.loads(pickle.dumps(errors.InputError(422, "mask_empty", "No white.", job_id="a")))  # noqa: S301 - ours
    assert (type(sent), sent.code, sent.job_id) == (errors.InputError, "mask_empty", "a")


def test_how_long_a_retry_waits() -> None:
    """As long as the gateway says, in seconds or until a date; else longer each time; not beyond patience or number."""
    retries = Retries(most=3)

    def asked(text: str) -> Reply:
        return Reply(503, {"retry-after": text}, b"")

    assert 7 <= (retries.after_answer(0, asked("7")) or 0) <= 7.7
    soon = datetime.now(UTC) + timedelta(seconds=30)
    assert 25 <= (retries.after_answer(0, asked(format_datetime(soon, usegmt=True))) or 0) <= 33
    assert retries.after_answer(0, asked("3600")) is None
    assert retries.after_answer(3, asked("1")) is None
    assert retries.after_silence(3) is None
    for attempt, longest in ((0, 0.5), (1, 1.0), (2, 2.0)):
        assert longest / 2 <= (retries.after_silence(attempt) or 0) <= longest
        assert longest / 2 <= (retries.after_answer(attempt, asked("soon")) or 0) <= longest
    assert (Retries(most=99).after_silence(50) or 0) <= 8
    problem = {"content-type": "application/problem+json"}
    final = [Reply(500, problem, b""), Reply(404, {}, b""), Reply(409, problem, b""), Reply(422, problem, b"")]
    assert [retries.after_answer(0, reply) for reply in final] == [None] * 4
    assert retries.after_answer(0, Reply(500, {}, b"")) is not None


@pytest.mark.parametrize(
    ("typed", "model", "images_of_it"),
    [
        (parameters.EditParameters, GenerateRequest, set(GenerateRequest(prompt="").images()) | {"task_type"}),
        (parameters.SmartMaskParameters, options.SmartMaskOptions, {"points", "labels", "bbox", "auto_detect"}),
        (parameters.ResizeParameters, options.ResizeOptions, set()),
        (parameters.CropParameters, options.CropOptions, set()),
        (parameters.EncodeParameters, options.EncodeOptions, set()),
        (parameters.ExtractParameters, options.ExtractOptions, set()),
        (parameters.MaeParameters, options.MaeOptions, set()),
        (parameters.CannyParameters, options.CannyOptions, set()),
        (parameters.ShadowParameters, options.ShadowOptions, set()),
    ],
)
def test_the_clients_parameters_are_the_gateways(typed: type, model: Any, images_of_it: set[str]) -> None:
    """Neither knows one that the other does not; images are parameters of the methods."""
    of_images = {"conditional_images", "input_image", "reference_image", "reference_mask_R"}
    named = set(model.model_fields) - images_of_it - of_images
    assert set(typing.get_type_hints(typed)) - {"request_id"} == named


@pytest.mark.parametrize(("blocking", "awaited"), [(Client, AsyncClient), (Job, AsyncJob), (Utilities, AsyncUtilities)])
def test_both_clients_have_the_same_calls(blocking: type, awaited: type) -> None:
    """The same names, parameters and defaults."""

    def calls(of: type) -> dict[str, list[tuple[str, Any]]]:
        found: dict[str, Callable[..., Any]] = dict(inspect.getmembers(of, inspect.isfunction))
        return {
            name.removeprefix("a") if name == "aclose" else name: [
                (each.name, each.default) for each in inspect.signature(call).parameters.values()
            ]
            for name, call in found.items()
            if not name.startswith("_") or name == "__init__"
        }

    assert calls(blocking) == calls(awaited)


def test_the_client_needs_no_package_of_the_server() -> None:
    """In a process that has only what ``pip install darkroom[client]`` brings, everything of the client is there."""
    code = (
        "import sys\n"
        "from importlib.abc import MetaPathFinder\n"
        "brought = {'darkroom', 'anyio', 'certifi', 'h11', 'httpcore', 'httpx', 'idna', 'PIL', 'typing_extensions'}\n"
        "class Absent(MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        top = name.partition('.')[0]\n"
        "        if top not in brought and top not in sys.stdlib_module_names:\n"
        "            raise ModuleNotFoundError(name, name=top)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from darkroom import AsyncClient, Client\n"
        "from darkroom.client import images\n"
        "from PIL import Image\n"
        "images.read(Image.new('RGB', (8, 8)))\n"
        "import asyncio\n"
        "with Client(): pass\n"
        "asyncio.run(AsyncClient().aclose())\n"
        "sys.argv = ['darkroom', 'up']\n"
        "from darkroom.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().endswith("pip install 'darkroom[server]'"), done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("imported", "absent"), [("darkroom", ("httpx", "PIL", "darkroom.client")), ("darkroom.cli", ("darkroom.client",))]
)
def test_the_client_comes_when_it_is_asked_for(imported: str, absent: tuple[str, ...]) -> None:
    """No command pays for it at its start, but the one that edits."""
    code = f"import {imported}, sys; print([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
