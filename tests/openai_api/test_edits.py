"""OpenAI's package edits photos with real workers."""

import asyncio
import base64
import io
from typing import Any

import httpx
import numpy as np
import pytest
from openai import AsyncOpenAI, OpenAI
from PIL import Image

from tests.api.servers import Server
from tests.openai_api.conftest import NO_KEY, talking_to
from tests.openai_api.drawing import HOLE, cut_out, format_of, mask, outside, photo, pixels

PHOTO = photo()


@pytest.fixture(scope="module")
def openai(darkroom: Server) -> Any:
    """OpenAI's client of a gateway with real workers."""
    with talking_to(darkroom.url) as opened:
        yield opened


def image_of(answer: Any) -> str:
    """Return an answer's first picture in base64."""
    text: str = answer.data[0].b64_json
    return text


@pytest.mark.parametrize("model", ["darkroom", "darkroom-removal"])
def test_the_transparent_area_is_removed_and_nothing_else_changes(openai: OpenAI, model: str) -> None:
    """A removal: the hole is filled, each pixel outside it is the photo's, the answer tells what made it."""
    answer = openai.images.edit(model=model, image=PHOTO, mask=mask(), prompt="the empty beach", size="auto")
    before, after = pixels(PHOTO), pixels(image_of(answer))
    assert np.array_equal(outside(before), outside(after))
    x0, y0, x1, y1 = HOLE
    assert not np.array_equal(before[y0:y1, x0:x1], after[y0:y1, x0:x1])
    assert (answer.output_format, answer.size, answer.background) == ("png", "160x120", "opaque")
    assert answer.data is not None
    assert answer.data[0].darkroom["model_used"] == "opencv"  # type: ignore[attr-defined]


def test_a_mask_that_shows_the_least_keeps_the_photo(openai: OpenAI) -> None:
    """Only an alpha of 0 may change: where one in the middle of the hole is 1, that pixel is the photo's."""
    drawn = Image.open(io.BytesIO(mask()))
    drawn.putpixel((55, 45), (255, 255, 255, 1))
    written = io.BytesIO()
    drawn.save(written, "PNG")
    answer = openai.images.edit(model="darkroom-removal", image=PHOTO, mask=written.getvalue(), prompt="")
    assert np.array_equal(pixels(PHOTO)[45, 55], pixels(image_of(answer))[45, 55])


def test_two_images_and_a_mask_are_an_insertion(openai: OpenAI) -> None:
    """The second image's object goes into the hole of the first; outside it nothing changes."""
    answer = openai.images.edit(image=[PHOTO, cut_out()], mask=mask(), prompt="a cushion", model="darkroom")
    before, after = pixels(PHOTO), pixels(image_of(answer))
    assert np.array_equal(outside(before), outside(after))
    assert not np.array_equal(before, after)


def test_a_white_balance_needs_no_mask(openai: OpenAI) -> None:
    """A model whose operation has no mask takes a photo alone, here as an async client sends it."""

    async def edit(base_url: str) -> Any:
        async with AsyncOpenAI(base_url=base_url, api_key=NO_KEY, max_retries=0) as client:
            return await client.images.edit(model="darkroom-white-balance", image=("photo.png", PHOTO), prompt="")

    answer = asyncio.run(edit(str(openai.base_url)))
    assert pixels(image_of(answer)).shape == (120, 160, 3)


@pytest.mark.parametrize(("output_format", "compression"), [("jpeg", 60), ("webp", 0)])
def test_a_picture_comes_by_address_in_its_format_and_size(
    openai: OpenAI, output_format: Any, compression: int
) -> None:
    """The address is absolute and opens without a key; the picture is scaled to the size asked for."""
    answer = openai.images.edit(
        model="darkroom-removal",
        image=PHOTO,
        mask=mask(),
        prompt="",
        n=2,
        size="320x240",  # type: ignore[arg-type]
        response_format="url",
        output_format=output_format,
        output_compression=compression,
    )
    assert answer.data is not None
    assert len(answer.data) == 2
    for each in answer.data:
        assert each.b64_json is None
        assert each.url is not None
        fetched = httpx.get(each.url)
        assert fetched.headers["content-type"] == f"image/{output_format}"
        assert format_of(fetched.content) == output_format.upper()
        assert pixels(fetched.content).shape == (240, 320, 3)


def test_a_stream_ends_with_the_picture(openai: OpenAI) -> None:
    """An engine without steps has no previews; the last event is the same picture as without a stream."""
    asked: dict[str, Any] = {"model": "darkroom-removal", "image": PHOTO, "mask": mask(), "prompt": ""}
    asked["extra_body"] = {"seed": 7}
    events = list(openai.images.edit(**asked, stream=True, partial_images=2))
    assert [event.type for event in events] == ["image_edit.completed"]
    plain = openai.images.edit(**asked)
    assert np.array_equal(pixels(events[-1].b64_json), pixels(image_of(plain)))


def test_json_names_images_by_data_url_and_by_id(darkroom: Server) -> None:
    """The API's JSON form: the photo uploaded before by its id, the mask as a data URL."""
    with httpx.Client(base_url=darkroom.url, timeout=60) as client:
        known = client.post("/api/images", content=PHOTO, headers={"Content-Type": "image/png"}).json()["image_id"]
        url = f"data:image/png;base64,{base64.b64encode(mask()).decode()}"
        body = {"images": [{"file_id": known}], "mask": {"image_url": url}, "prompt": "", "user": None, "n": 1}
        answer = client.post("/v1/images/edits", json=body)
    assert answer.status_code == 200, answer.text
    assert np.array_equal(outside(pixels(PHOTO)), outside(pixels(answer.json()["data"][0]["b64_json"])))
