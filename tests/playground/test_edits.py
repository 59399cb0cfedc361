"""The room where photos are edited, as somebody uses it who has never seen it: mask, submit, compare, keep."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests import lab
from tests.playground.conftest import PATIENCE_MILLISECONDS, Complaints, OpenPage, axe

expect.set_options(timeout=PATIENCE_MILLISECONDS)

DATA = Path(__file__).parents[1] / "data"
MARGIN = 16
"""CSS pixels around a photo that is shown whole."""
LAUNCH_PAD = (640, 427)
ROCKET = (0.504, 0.6)
"""Where it stands, as shares of the photo."""
Size = tuple[int, int]


def open_sample(page: Page, name: str = "Launch pad") -> None:
    """Choose a sample photo and wait for it."""
    page.get_by_role("button", name=name).click()
    expect(page.locator("#canvas")).to_be_visible()


def open_file(page: Page, name: str, data: bytes) -> None:
    """Choose a file."""
    page.locator("#file").set_input_files({"name": name, "mimeType": "image/jpeg", "buffer": data})


def point_at(page: Page, size: Size, share: tuple[float, float]) -> tuple[float, float]:
    """Return where on the page a place of the photo is, which is shown whole."""
    frame = page.locator("#canvas").bounding_box()
    assert frame is not None
    room = (frame["width"] - 2 * MARGIN, frame["height"] - 2 * MARGIN)
    zoom = min(room[0] / size[0], room[1] / size[1], 3)
    x = frame["x"] + (frame["width"] - size[0] * zoom) / 2 + share[0] * size[0] * zoom
    y = frame["y"] + (frame["height"] - size[1] * zoom) / 2 + share[1] * size[1] * zoom
    return x, y


def drag(page: Page, size: Size, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one place of the photo to another."""
    page.mouse.move(*point_at(page, size, start))
    page.mouse.down()
    page.mouse.move(*point_at(page, size, end), steps=4)
    page.mouse.up()


def select(page: Page) -> None:
    """Click the rocket, and wait until it is masked."""
    page.mouse.click(*point_at(page, LAUNCH_PAD, ROCKET))
    expect(page.locator("#hint")).to_contain_text("Selected")


def submitted(page: Page, press: Callable[[], None]) -> str:
    """Return the id of the job that pressing the button makes."""
    with page.expect_response("**/api/generate/async") as answer:
        press()
    return str(answer.value.json()["task_id"])


def parameters_of(http: httpx.Client, job_id: str) -> dict[str, Any]:
    """Return what the gateway was asked for, of a job that is done."""
    return dict(http.get(f"/api/generate/result/{job_id}").raise_for_status().json()["parameters_used"])


def mask_of(http: httpx.Client, image_id: str) -> NDArray[np.uint8]:
    """Return a mask that the page has sent: a grey PNG, black or white."""
    image = Image.open(io.BytesIO(http.get(f"/api/images/{image_id}").raise_for_status().content))
    assert (image.format, image.mode) == ("PNG", "L")
    mask = np.asarray(image)
    assert set(np.unique(mask)) <= {0, 255}
    return mask


def pixels(data: bytes) -> NDArray[np.int16]:
    """Decode a picture."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=np.int16)


def downloaded(page: Page, name: str) -> bytes:
    """Download the result by one of its buttons."""
    with page.expect_download() as download:
        page.get_by_role("group", name="Download").get_by_role("button", name=name).click()
    return Path(download.value.path()).read_bytes()


@pytest.fixture
def asleep(
    workers: dict[str, lab.WorkerProcess], environment: dict[str, str], tmp_path: Path
) -> Iterator[Callable[[], None]]:
    """Have nobody compute edits until the returned function wakes a worker."""
    workers["a100"].stop()

    def wake() -> None:
        if workers["a100"].process.poll() is not None:
            workers["a100"] = lab.WorkerProcess("a100", environment, tmp_path / "a100.log")
            workers["a100"].wait_until_ready()

    yield wake
    wake()


def test_an_object_is_removed_in_three_interactions(page: Page, http: httpx.Client) -> None:
    """A sample, a click, a button: the object is gone, nothing beside it has changed, and each format can be had."""
    open_sample(page)
    axe(page)
    select(page)
    job_id = submitted(page, page.get_by_role("button", name="Remove", exact=True).click)
    expect(page.get_by_role("heading", name="Removed")).to_be_focused()
    axe(page)
    mask = mask_of(http, parameters_of(http, job_id)["mask"])
    assert mask.shape == LAUNCH_PAD[::-1]
    before, after = pixels((DATA / "launch-pad.jpg").read_bytes()), pixels(downloaded(page, "PNG"))
    assert np.array_equal(before[mask == 0], after[mask == 0])
    assert np.abs(before - after)[mask == 255].mean() > 10
    assert [Image.open(io.BytesIO(downloaded(page, name))).format for name in ("WebP", "JPEG")] == ["WEBP", "JPEG"]


def test_a_result_is_edited_further_and_kept(page: Page) -> None:
    """White balance needs no mask; its result becomes the next photo, and the history opens it again."""
    open_sample(page, "Cat")
    page.get_by_role("radio", name="White balance").check()
    expect(page.locator("#tools")).to_be_hidden()
    page.get_by_role("button", name="Correct white balance").click()
    expect(page.get_by_role("heading", name="White balance corrected")).to_be_visible()
    page.get_by_role("button", name="Edit this further").click()
    expect(page.locator("#canvas")).to_be_focused()
    page.get_by_role("button", name="History").click()
    page.locator(".history-open").click()
    expect(page.get_by_role("heading", name="White balance corrected")).to_be_visible()


def test_an_object_comes_from_a_reference_with_a_mask_of_its_own(page: Page, http: httpx.Client) -> None:
    """A box says where, strokes on another photo say what; what was rubbed out or undone is not sent."""
    open_sample(page)
    page.get_by_role("radio", name="Insert").check()
    drag(page, LAUNCH_PAD, (0.1, 0.3), (0.4, 0.9))
    page.get_by_role("button", name="Choose a photo that shows it").click()
    page.get_by_role("button", name="Astronaut").click()
    expect(page.get_by_role("button", name="Object to insert")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Brush").click()
    page.get_by_role("slider", name="Size").fill("120")
    drag(page, (512, 512), (0.84, 0.15), (0.84, 0.45))
    drag(page, (512, 512), (0.1, 0.1), (0.2, 0.2))
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Eraser").click()
    drag(page, (512, 512), (0.84, 0.5), (0.84, 0.5))
    for _ in range(2):
        page.get_by_role("button", name="Invert the mask").click()
    job_id = submitted(page, page.locator("#submit").click)
    expect(page.get_by_role("heading", name="Inserted")).to_be_visible()
    sent = parameters_of(http, job_id)
    assert sent["mask_tool_type"] == "box"
    where = mask_of(http, sent["mask"])
    rows, columns = np.nonzero(where)
    corners = np.array([columns.min() / 640, rows.min() / 427, columns.max() / 640, rows.max() / 427])
    assert np.abs(corners - [0.1, 0.3, 0.4, 0.9]).max() < 0.01
    what = mask_of(http, sent["reference_mask"])
    assert what.shape == (512, 512)
    assert what[100, 430]
    assert not what[256, 430]
    assert not what[:100, :100].any()


def test_everything_goes_without_a_mouse(page: Page) -> None:
    """Sample, mark, undo, redo, submit and compare by keys alone."""
    page.get_by_role("button", name="Coffee cup").focus()
    page.keyboard.press("Enter")
    canvas = page.locator("#canvas")
    expect(canvas).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    undo, redo = page.get_by_role("button", name="Undo"), page.get_by_role("button", name="Redo")
    expect(undo).to_have_attribute("aria-disabled", "false")
    page.keyboard.press("Control+z")
    expect(undo).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Control+Shift+z")
    expect(redo).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Control+z")
    page.keyboard.press("r")
    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    expect(undo).to_have_attribute("aria-disabled", "false")
    page.locator("#submit").focus()
    page.keyboard.press("Enter")
    slider = page.get_by_role("slider", name="Compare before and after")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "51 % before, 49 % after")


def test_a_click_at_the_same_place_takes_the_next_match(page: Page) -> None:
    """Of several masks that a click can mean, a second click there gives the second; elsewhere it adds a point."""
    asked: list[dict[str, Any]] = []

    def with_two_candidates(route: Route) -> None:
        wanted = json.loads(route.request.post_data or "")
        asked.append(wanted)
        answer = route.fetch(post_data={**wanted, "candidate": 0}).json()
        candidates = answer["candidates"] * 2
        route.fulfill(json={**answer, "candidates": candidates, "candidate": wanted["candidate"]})

    page.route("**/api/smart-mask", with_two_candidates)
    open_sample(page)
    select(page)
    page.mouse.click(*point_at(page, LAUNCH_PAD, ROCKET))
    expect(page.get_by_role("button", name="Match 2 of 2")).to_be_visible()
    page.get_by_role("button", name="Grow the selection").click()
    expect(page.locator("#border")).to_have_text("Edge +6")
    page.get_by_role("button", name="Exclude").click()
    page.mouse.click(*point_at(page, LAUNCH_PAD, (0.2, 0.2)))
    expect(page.get_by_role("button", name="Match 1 of 2")).to_be_visible()
    assert [(each["candidate"], each["labels"], each["border_adjustment"]) for each in asked] == [
        (0, [1], 4),
        (1, [1], 4),
        (1, [1], 6),
        (0, [1, 0], 6),
    ]


@pytest.mark.parametrize(
    ("start", "end"), [(ROCKET, (ROCKET[0], 0.7)), ((-0.008, 0.6), (-0.008, 0.6))], ids=["a line", "beside the photo"]
)
def test_what_encloses_nothing_is_a_click(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A hand that slips along a line, or presses beside the photo, asks for what is nearest, not for an empty box."""
    open_sample(page)
    with page.expect_response("**/api/smart-mask") as answer:
        drag(page, LAUNCH_PAD, start, end)
    assert answer.value.ok
    assert {"points", "bbox"} & json.loads(answer.value.request.post_data or "").keys() == {"points"}


def test_what_is_wrong_is_said_at_its_control(page: Page) -> None:
    """A file that is no picture, a missing mask and a seed out of range: each in its place, in the API's words."""
    open_file(page, "photo.jpg", b"no picture at all")
    expect(page.locator("#problem-photo")).to_contain_text("image")
    open_sample(page)
    expect(page.locator("#problem-photo")).to_be_hidden()
    page.locator("#submit").click()
    expect(page.locator("#problem-mask")).to_contain_text("Mark the place")
    select(page)
    page.get_by_text("Advanced").click()
    page.get_by_label("Seed").fill("-1")
    page.locator("#submit").click()
    expect(page.locator("#problem-seed")).to_contain_text("greater than or equal to 0")
    expect(page.get_by_label("Seed")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("radio", name="Create").check()
    expect(page.locator("#operation-text")).to_contain_text("opencv engine")
    expect(page.locator("#submit")).to_be_disabled()


def test_a_turned_photo_gets_an_upright_mask(page: Page, http: httpx.Client) -> None:
    """A phone's photo lies on its side in the file; what is sent fits it as people see it."""
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.linear_gradient("L").resize((600, 400)).convert("RGB").save(file, "JPEG", exif=exif)
    open_file(page, "phone.jpg", file.getvalue())
    page.get_by_role("button", name="Box").click()
    drag(page, (400, 600), (0.25, 0.1), (0.75, 0.2))
    job_id = submitted(page, page.locator("#submit").click)
    expect(page.get_by_role("heading", name="Removed")).to_be_visible()
    mask = mask_of(http, parameters_of(http, job_id)["mask"])
    assert mask.shape == (600, 400)
    assert mask[90, 200]
    assert not mask[150:].any()


def test_a_job_is_picked_up_by_a_reload_and_a_second_tab(page: Page, asleep: Callable[[], None]) -> None:
    """While nobody computes, the page says so; whoever reloads or opens another tab sees the job and may cancel it."""
    open_sample(page)
    select(page)
    page.locator("#submit").click()
    expect(page.locator("#job-detail")).to_contain_text("asleep")
    axe(page)
    page.reload()
    expect(page.locator("#job-detail")).to_contain_text("asleep")
    other = page.context.new_page()
    other.goto("/")
    expect(other.locator("#job-detail")).to_contain_text("asleep")
    other.get_by_role("button", name="Cancel", exact=True).click()
    for each in (other, page):
        expect(each.locator("#hint")).to_contain_text("Cancelled")
    # A reload forgets what was drawn, and knows which photo it was.
    page.mouse.click(*point_at(page, LAUNCH_PAD, ROCKET))
    expect(page.locator("#hint")).to_contain_text("Selected")
    page.locator("#submit").click()
    page.get_by_role("button", name="Go on editing").click()
    expect(page.get_by_role("heading", name="Also running")).to_be_visible()
    page.get_by_role("button", name="Show launch-pad.jpg").click()
    asleep()
    expect(page.get_by_role("heading", name="Removed")).to_be_visible()


def test_a_gateway_that_is_away_is_waited_for(page: Page, complaints: Complaints) -> None:
    """Sent while nothing answers, an edit is said to wait, is sent again by itself, and is one job."""
    complaints.tolerated.append("ERR_INTERNET_DISCONNECTED")
    open_sample(page, "Cat")
    page.get_by_role("radio", name="White balance").check()
    page.context.set_offline(True)
    page.locator("#submit").click()
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator("#job-detail")).to_contain_text("does not answer")
    page.context.set_offline(False)
    expect(page.get_by_role("heading", name="White balance corrected")).to_be_visible()
    expect(page.locator("#offline")).to_be_hidden()


def test_a_key_is_asked_for_once(page: Page) -> None:
    """A gateway that asks for keys has the page ask for one, in its words, and every request then carries it."""

    def guard(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer dk_test_secret":
            route.fallback()
        else:
            problem = {"code": "key_missing", "detail": "Send your API key.", "status": 401}
            route.fulfill(status=401, json=problem, content_type="application/problem+json")

    page.route("**/api/**", guard)
    page.reload()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Send your API key.")
    axe(page)
    dialog.get_by_label("API key").fill("dk_test_secret")
    page.keyboard.press("Enter")
    expect(page.locator("#service")).to_contain_text("opencv")
    open_sample(page)
    select(page)


def test_a_phone_marks_by_touch(open_page: OpenPage) -> None:
    """On a narrow screen a tap selects, everything fits its width, and the button stays in sight."""
    phone = open_page(viewport={"width": 390, "height": 844}, color_scheme="dark", has_touch=True, is_mobile=True)
    open_sample(phone)
    phone.touchscreen.tap(*point_at(phone, LAUNCH_PAD, ROCKET))
    expect(phone.locator("#hint")).to_contain_text("Selected")
    axe(phone)
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    expect(phone.locator("#submit")).to_be_in_viewport(ratio=1)
