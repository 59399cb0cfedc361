"""What the documentation says is so."""

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from api.settings import GatewaySettings
from darkroom.machine.settings import MachineSettings
from darkroom.stack import StackSettings
from docs.tables import docstrings
from tasks.errors import ErrorCode
from tasks.imaging import structure
from tasks.jobs import MAX_SIDE
from tasks.settings import Settings
from tests.docs.blocks import ROOT


@pytest.mark.parametrize("kind", [Settings, GatewaySettings, MachineSettings, StackSettings])
def test_every_setting_says_what_it_is(kind: type[BaseSettings]) -> None:
    """The table of settings is made of these lines."""
    assert set(kind.__annotations__) - {"model_config"} - docstrings(kind).keys() == set()


def test_every_error_code_says_what_it_means() -> None:
    """The table of error codes is made of these lines."""
    assert docstrings(ErrorCode).keys() == set(ErrorCode.__members__)


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")), ids=lambda page: str(page.name))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link and picture of the top pages exists; those of docs/ are checked as the site is built."""
    text = page.read_text()
    targets = re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'src="([^"]+)"', text)
    assert [each for each in targets if "://" not in each and not (ROOT / each).exists()] == []


def test_limits_are_documented_with_their_values() -> None:
    """docs/limits.md has the default of each setting that it names, and what files may be made of as it is checked."""
    text = (ROOT / "docs/limits.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| (\d+) \|([^|]*)\|", text, re.MULTILINE)
    named = {setting[1]: int(value) for _, value, cell in rows if (setting := re.match(r" `DARKROOM_([A-Z_]+)`", cell))}
    assert len(named) >= 10
    fields = GatewaySettings.model_fields
    assert named == {name: fields[name.lower()].default for name in named}
    checked = {what: int(value) for what, value, cell in rows if not cell.strip()}
    assert checked["side of a picture, pixels"] == MAX_SIDE
    assert checked["chunks of a PNG without pixels"] == structure.MAX_CHUNKS
    assert checked["segments of a JPEG before its first scan"] == structure.MAX_SEGMENTS
    assert checked["scans of a JPEG"] == structure.MAX_SCANS
    assert checked["numbers in a tag of a TIFF"] == structure.MAX_NUMBERS
    assert checked["pixels of a tile of a TIFF"] == structure.MAX_TILE_PIXELS
