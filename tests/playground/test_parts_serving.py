"""The page in a browser."""

from playwright.sync_api import Page

from tests.playground.conftest import axe


def test_the_page_opens(page: Page) -> None:
    """The front door is a page: no error on its console, nothing asked of anybody else, nobody left out."""
    assert page.title() == "Darkroom"
    axe(page)
