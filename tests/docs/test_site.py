"""The documentation site: it builds, asks nobody else for anything, and holds what the code says."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from api.metrics import FAMILIES
from api.settings import GatewaySettings
from docs.routes import document
from docs.tables import variable
from tasks.errors import ErrorCode
from tests.docs.blocks import ROOT

LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "object": "data"}
"""Elements whose address a browser asks for by itself."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as ``make docs`` does; strictly, so that a link into nowhere is an error."""
    folder: Path = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Addresses(HTMLParser):
    """Notes what a page has a browser load."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element's address; one that only says where the page belongs is none."""
        attributes = dict(attrs)
        if tag in LOADED and attributes.get("rel") != "canonical":
            self.found.add(attributes.get(LOADED[tag]) or "")


def test_the_site_asks_nobody_else(site: Path) -> None:
    """Pages and styles load what lies beside them, so the site works where there is no internet."""
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        addresses = Addresses()
        addresses.feed(page.read_text())
        assert [each for each in addresses.found if re.match(r"(\w+:)?//", each)] == [], page
    for style in site.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import )[\"']?(?:https?:)?//", style.read_text()) == [], style


def test_what_the_code_says_is_there(site: Path) -> None:
    """Each setting, error code, metric and route has its place, and no page was left with a mark to fill."""
    settings = {variable(GatewaySettings, name) for name in GatewaySettings.model_fields}
    routes = {f"{method.upper()} {path}" for path, methods in document()["paths"].items() for method in methods}
    for name, expected in {
        "reference/settings.html": settings,
        "errors.html": {str(code) for code in ErrorCode},
        "reference/metrics.html": {family.shown for family in FAMILIES},
        "reference/openapi.html": routes,
        "reference/celery.html": {"removal", "smart_mask", "expire_images"},
        "reference/cli.html": {"darkroom edit", "--reference-mask", "darkroom jobs replay"},
    }.items():
        text = re.sub(r"</?(?:wbr|span)[^>]*>", "", (site / name).read_text())
        assert {each for each in expected if each not in text} == set(), name
    assert [page for page in site.rglob("*.html") if "<!-- generated:" in page.read_text()] == []
