"""The whole page: who can use it, on what, and what it keeps to itself."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from api.playground import POLICY
from tests.playground.conftest import Complaints, OpenPage, axe
from tests.playground.test_parts_history import ADD, entries

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


def welcome(page: Page) -> None:
    """As it opens."""
    expect(page.locator("#view-edit").get_by_role("button", name="Coffee cup")).to_be_visible()


def editor(page: Page) -> None:
    """A photo is open."""
    page.locator("#view-edit").get_by_role("button", name="Coffee cup").click()
    expect(page.locator("#canvas")).to_be_visible()


def result(page: Page) -> None:
    """An edit is done."""
    editor(page)
    page.get_by_role("radio", name="White balance").check(force=True)
    page.locator("#submit").click()
    expect(page.locator("#result-title")).to_be_visible()


def utilities(page: Page) -> None:
    """The other tab, with nothing on it."""
    page.get_by_role("tab", name="Utilities").click()
    expect(page.get_by_role("heading", name="Image utilities")).to_be_visible()


def utility_result(page: Page) -> None:
    """A utility has made something of a box on a photo."""
    utilities(page)
    page.locator("#view-utilities").get_by_role("button", name="Launch pad").click()
    page.get_by_role("radio", name="Fill").check(force=True)
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("link", name="Download")).to_be_visible()


def refused(page: Page) -> None:
    """A utility has refused what was asked for."""
    utilities(page)
    page.locator("#view-utilities").get_by_role("button", name="Launch pad").click()
    page.get_by_role("radio", name="Edges").check(force=True)
    page.get_by_label("Low threshold").fill("100")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("both thresholds")).to_be_visible()


def code(page: Page) -> None:
    """The code of an edit."""
    editor(page)
    page.locator("#show-code").click()
    expect(page.get_by_role("heading", name="This edit as code")).to_be_visible()


def history(page: Page) -> None:
    """Results of before."""
    page.evaluate(ADD, entries(1, 2, 3))
    page.get_by_role("button", name="History", exact=True).click()
    expect(page.get_by_role("button", name="Delete all")).to_be_visible()


VIEWS: tuple[Callable[[Page], None], ...] = (
    welcome,
    editor,
    result,
    utilities,
    utility_result,
    refused,
    code,
    history,
)


@pytest.mark.parametrize("view", VIEWS, ids=[view.__name__ for view in VIEWS])
def test_everybody_can_use_it(open_page: OpenPage, view: Callable[[Page], None]) -> None:
    """axe-core finds nothing in any view: light and dark, desktop and phone; a phone has nothing to scroll sideways."""
    page = open_page(viewport=DESKTOP, color_scheme="light")
    view(page)
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type] # a TypedDict, inferred as a dict
        for colours in ("light", "dark"):
            page.emulate_media(color_scheme=colours)  # type: ignore[arg-type] # a Literal, inferred as a str
            axe(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]


def test_the_page_works_on_a_phone(open_page: OpenPage) -> None:
    """Opened there, by touch, with a finger's width for everything that is touched."""
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    page.get_by_role("tab", name="Utilities").tap()
    page.locator("#view-utilities").get_by_role("button", name="Cat").tap()
    page.get_by_role("button", name="Apply").tap()
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    sizes = page.evaluate(
        """() => [...document.querySelectorAll("button, a.button, select, input[type=number]")]
            .filter((each) => each.checkVisibility()).map((each) => [each.outerHTML.slice(0, 80), each.offsetHeight])"""
    )
    assert [each for each in sizes if each[1] < 44] == []
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_the_policy_holds(page: Page, complaints: Complaints) -> None:
    """The browser has it, and keeps to it: no script or style that stands in the page, nothing to another origin."""
    complaints.tolerated = ["Content Security Policy", "asked somebody else: https://example.com/"]
    response = page.reload()
    assert response is not None
    assert response.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    done = page.evaluate(
        """async () => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
            const styled = "<p id='styled' style='color: rgb(1, 2, 3)' onclick='ran = true'>x</p>";
            document.body.insertAdjacentHTML("beforeend", styled);
            const element = document.getElementById("styled");
            element.click();
            const sent = await fetch("https://example.com/", { mode: "no-cors" }).then(() => true, () => false);
            return [window.ran === true, getComputedStyle(element).color === "rgb(1, 2, 3)", sent];
        }"""
    )
    assert done == [False, False, False]


def test_the_documentation_still_opens(open_page: OpenPage) -> None:
    """/docs has its own policy, under which its scripts run."""
    page = open_page("/docs")
    expect(page.get_by_text("Image utilities").or_(page.get_by_text("image-utils")).first).to_be_visible()
