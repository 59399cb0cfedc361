"""The tab of the image utilities."""

import io
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from tests.lab import DATA

PHOTO = DATA / "launch-pad.jpg"
BOX = [128, 85, 512, 342]
"""What the page proposes for this photo: a fifth of each side is left out."""

MADE = {
    "Resize": ("resize", {"width": 512}),
    "Crop": ("crop", {"aspect": "1,1"}),
    "Convert": ("encode", {"format": "webp"}),
    "Cut out": ("extract-object", {}),
    "Fill": ("mae", {"mask_tool_type": "box"}),
    "Edges": ("canny", {}),
    "Shadow": ("add-shadow-preview", {}),
}


@pytest.fixture
def utilities(page: Page) -> Page:
    """The tab with a sample photo on it."""
    page.get_by_role("tab", name="Image utilities").click()
    page.locator("#view-utilities").get_by_role("button", name="Launch pad").click()
    expect(page.get_by_text("640 × 427 pixels · 57 kB")).to_be_visible()
    return page


def apply(page: Page) -> Image.Image:
    """Carry out what is chosen, and download it."""
    page.get_by_role("button", name="Apply").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    image = Image.open(download.value.path())
    image.load()
    return image


def problem(page: Page, text: str) -> None:
    """Carry out what is chosen, and expect these words."""
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#view-utilities").get_by_role("alert").filter(has_text=text)).to_be_visible()


def box_mask() -> bytes:
    """The mask of the proposed box."""
    pixels = np.zeros((427, 640), np.uint8)
    pixels[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_each_utility_gives_what_the_api_gives(utilities: Page, http: httpx.Client) -> None:
    """As they are proposed, all seven make the API's own picture, and say how large it is."""
    for title, (name, fields) in MADE.items():
        utilities.get_by_role("radio", name=title, exact=True).check(force=True)
        made = apply(utilities)
        files = {"image": PHOTO.read_bytes(), **({"mask": box_mask()} if name == "mae" else {})}
        answer = http.post(f"/api/image-utils/{name}", data=fields, files=files, headers={"Accept": "image/*"})
        asked = Image.open(io.BytesIO(answer.content))
        assert made.format == asked.format, name
        assert np.array_equal(np.asarray(made), np.asarray(asked)), name
        expect(utilities.locator("#utility-facts")).to_contain_text(f"{made.width} × {made.height} pixels · ")


def test_the_page_knows_the_parameters_of_the_api(page: Page, http: httpx.Client) -> None:
    """Names, limits, choices and standards in the page's table are those of the OpenAPI document, none is left out."""
    table: list[dict[str, Any]] = page.evaluate(
        "async () => JSON.parse(JSON.stringify((await import('/playground/js/utilities/table.js')).UTILITIES))"
    )
    document = http.get("/openapi.json").json()
    assert [each["name"] for each in table] == [name for name, _ in MADE.values()]
    for utility in table:
        operation = document["paths"][f"/api/image-utils/{utility['name']}"]["post"]
        known = operation["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
        # A box is drawn, a mask and how it was drawn have a place of their own.
        assert {field["name"] for field in utility["fields"]} == set(known) - {"image", "mask", "box", "mask_tool_type"}
        assert (utility["mask"] != "none") == ("mask" in known)
        for field in utility["fields"]:
            text = json.dumps(known[field["name"]])
            for limit, word in (("min", "minimum"), ("max", "maximum")):
                assert limit not in field or f'"{word}": {field[limit]}' in text, field
                assert field["kind"] == "choice" or limit in field or f'"{word}"' not in text, field
            chosen = [value for value, _ in field.get("options", []) if value and field["name"] != "aspect"]
            assert all(f'"{value}"' in text for value in chosen), field
            if "default" in known[field["name"]] and known[field["name"]]["default"] is not None:
                assert field["standard"] == known[field["name"]]["default"], field


def test_a_box_is_drawn_or_typed(utilities: Page) -> None:
    """A drag on the photo fills the four numbers, typing changes them, and the photo is cut there."""
    utilities.get_by_role("radio", name="Crop").check(force=True)
    utilities.locator("#view-utilities").get_by_label("Shape").select_option("A box")
    area = utilities.get_by_role("img", name="The photo").bounding_box()
    assert area is not None
    for share, act in ((0.25, utilities.mouse.down), (0.5, utilities.mouse.up)):
        utilities.mouse.move(area["x"] + area["width"] * share, area["y"] + area["height"] * share)
        act()
    drawn = [int(utilities.get_by_label(side).input_value()) for side in ("Left", "Top", "Right", "Bottom")]
    assert np.allclose(drawn, [160, 107, 320, 213], atol=2)
    utilities.get_by_label("Right").fill("170")
    assert apply(utilities).size == (170 - drawn[0], drawn[3] - drawn[1])


def test_errors_stand_where_they_belong(utilities: Page) -> None:
    """What the API refuses is told in its words: at the mask, at the parameter, or above the button; then forgotten."""
    utilities.get_by_role("radio", name="Fill").check(force=True)
    utilities.get_by_label("Mask", exact=True).first.select_option("From a file")
    problem(utilities, "Send a mask")
    utilities.locator("#view-utilities input[aria-label=Mask]").set_input_files(PHOTO.with_name("coffee.jpg"))
    expect(utilities.locator("#utility-mask-problem")).to_be_hidden()
    utilities.locator("#view-utilities input[aria-label=Mask]").set_input_files(DATA / "shuttle-mask.png")
    problem(utilities, "mask")
    expect(utilities.locator("#utility-mask-problem")).to_be_visible()
    utilities.get_by_role("radio", name="Edges").check(force=True)
    utilities.get_by_label("Low threshold").fill("100")
    problem(utilities, "both thresholds")
    utilities.get_by_label("High threshold").fill("200")
    expect(utilities.locator("#view-utilities").get_by_role("alert").filter(visible=True)).to_have_count(0)


def test_a_file_that_is_no_photo(utilities: Page) -> None:
    """It is refused in words, and the next one works."""
    chooser = utilities.locator("#view-utilities input[aria-label='Another photo']")
    chooser.set_input_files(FilePayload(name="notes.txt", mimeType="text/plain", buffer=b"no picture"))
    expect(utilities.get_by_text("This browser cannot show it")).to_be_visible()
    problem(utilities, "image")
    chooser.set_input_files(PHOTO)
    assert apply(utilities).width == 512


def test_by_keyboard_from_photo_to_photo(utilities: Page) -> None:
    """Enter in a field applies; the result can be the next photo."""
    utilities.get_by_label("Width").fill("100")
    utilities.get_by_label("Width").press("Enter")
    expect(utilities.locator("#utility-facts")).to_contain_text("100 × 67 pixels")
    utilities.get_by_role("button", name="Use as the photo").press("Enter")
    expect(utilities.get_by_text("launch-pad-resize.jpg", exact=True)).to_be_visible()
    utilities.get_by_role("radio", name="Resize").focus()
    utilities.keyboard.press("ArrowRight")
    expect(utilities.get_by_role("radio", name="Crop")).to_be_checked()
    assert apply(utilities).size == (67, 67)


def test_a_photo_is_dropped(page: Page) -> None:
    """A dropped file is taken as a chosen one is, and its name is text whatever is in it."""
    page.get_by_role("tab", name="Image utilities").click()
    name = "<img src=x onerror=alert(1)>.jpg"
    transfer = page.evaluate_handle(
        """async ([address, name]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([await (await fetch(address)).blob()], name, { type: "image/jpeg" }));
            return transfer;
        }""",
        ["/playground/samples/coffee.jpg", name],
    )
    page.locator(".utility-stage").dispatch_event("drop", {"dataTransfer": transfer})
    expect(page.get_by_text(name, exact=True)).to_be_visible()
    expect(page.get_by_text("600 × 400 pixels")).to_be_visible()


def test_photo_and_mask_come_from_the_editor(page: Page) -> None:
    """What is open in the editor is taken from there."""
    page.get_by_role("tab", name="Image utilities").click()
    page.get_by_role("button", name="of the editor").click()
    expect(page.locator("#announcer")).to_have_text("Nothing is open in the editor.")
    page.get_by_role("tab", name="Edit", exact=True).click()
    page.locator("#view-edit").get_by_role("button", name="Coffee cup").click()
    expect(page.locator("#canvas")).to_be_visible()
    page.get_by_role("tab", name="Image utilities").click()
    page.get_by_role("button", name="of the editor").click()
    expect(page.get_by_text("600 × 400 pixels")).to_be_visible()


def test_samples_are_those_of_the_list(page: Page) -> None:
    """Both tabs offer each sample, with what is on it for who cannot see it."""
    listed = json.loads((Path(__file__).parents[2] / "api/playground/samples/samples.json").read_text())
    page.get_by_role("tab", name="Image utilities").click()
    for sample in listed:
        expect(page.locator("#view-utilities").get_by_role("img", name=sample["alt"])).to_be_visible()
