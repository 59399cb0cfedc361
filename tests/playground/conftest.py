"""A real browser on a real gateway, in front of the session's workers."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.end_to_end.conftest import gateway, http

__all__ = ["gateway", "http"]

CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OWN_SCHEMES = {"blob", "data"}
"""Addresses of what a page has already."""
PATIENCE_MILLISECONDS = 60_000.0
"""For a machine that runs other tests beside this one."""

OpenPage = Callable[..., Page]
"""Opens a page in a context of its own; takes the options of a Playwright context."""


class Complaints:
    """What a browser has to say against a page: errors on its console, and requests to anybody else.

    An answer of the API that is an error is not one of them, although a browser writes it there.
    """

    def __init__(self, origin: str) -> None:
        """Nothing was heard yet."""
        self.origin = origin
        self.heard: list[str] = []
        self.tolerated: list[str] = []
        """Parts of messages that a test provokes."""

    def listen(self, context: BrowserContext) -> None:
        """Hear what happens in all pages of a context."""
        context.on("console", self._console)
        context.on("weberror", lambda error: self.heard.append(f"uncaught: {error.error}"))
        context.on("request", self._request)

    def unexpected(self) -> list[str]:
        """Return what no test has provoked."""
        return [each for each in self.heard if not any(part in each for part in self.tolerated)]

    def _console(self, message: ConsoleMessage) -> None:
        address = message.location.get("url", "")
        answered = message.text.startswith("Failed to load resource: the server responded with")
        if message.type in {"error", "warning"} and not (answered and address.startswith(f"{self.origin}/api/")):
            self.heard.append(f"{message.type}: {message.text} ({address})")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in OWN_SCHEMES and f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.heard.append(f"asked somebody else: {request.url}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out of account here what the tests before these have left open.

    To load Playwright makes so many objects that the garbage of others is collected meanwhile, and told of here.
    """
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Start the Chromium of this machine.

    It ends with this folder's tests: while Playwright runs, nothing else in its thread can run an event loop.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        assert "CI" not in os.environ, "CI has to run these tests with a Chromium"
        pytest.skip("no Chromium is installed")
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_ARGUMENTS))
        yield started
        started.close()


@pytest.fixture
def complaints(gateway: str) -> Iterator[Complaints]:
    """Fail the test when its pages gave reason to complain."""
    complaints = Complaints(gateway)
    yield complaints
    assert not complaints.unexpected(), "\n".join(complaints.unexpected())


@pytest.fixture
def open_page(browser: Browser, complaints: Complaints) -> Iterator[OpenPage]:
    """Open pages like people on machines of their own, at the gateway's front door unless told otherwise."""
    contexts: list[BrowserContext] = []

    def opened(path: str = "/", **options: Any) -> Page:
        context = browser.new_context(base_url=complaints.origin, reduced_motion="reduce", **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        complaints.listen(context)
        page = context.new_page()
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """One page on a desktop, in light colours."""
    return open_page(viewport={"width": 1280, "height": 900}, color_scheme="light")


def axe(page: Page, context: str | None = None) -> None:
    """Fail where axe-core finds that people with a screen reader, a keyboard or weak eyes are left out."""
    found = Axe().run(page, context)
    assert found.violations_count == 0, found.generate_report()
