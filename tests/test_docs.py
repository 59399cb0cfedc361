"""What the documentation says is so."""

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from api.settings import GatewaySettings
from darkroom.machine.settings import MachineSettings
from tasks.errors import ErrorCode, error_of
from tasks.imaging import structure
from tasks.jobs import MAX_SIDE
from tasks.settings import Settings

ROOT = Path(__file__).parent.parent
KINDS = {
    "input": "InputError",
    "access": "AccessError",
    "not found": "NotFoundError",
    "conflict": "ConflictError",
    "limit": "LimitError",
    "unavailable": "UnavailableError",
    "processing": "ProcessingError",
}


def test_every_error_code_is_documented_with_its_kind() -> None:
    """docs/errors.md lists exactly the codes of the enum, each with the kind of its class."""
    rows = re.findall(r"^\| `(\w+)` \| ([\w ]+) \|", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    assert {code: KINDS[kind] for code, kind in rows} == {
        str(code): type(error_of(code, "")).__name__ for code in ErrorCode
    }


@pytest.mark.parametrize(
    "page", sorted(path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]), ids=str
)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link and picture of every page exists."""
    text = (ROOT / page).read_text()
    targets = re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'src="([^"]+)"', text)
    missing = [t for t in targets if "://" not in t and not (ROOT / page).parent.joinpath(t).exists()]
    assert missing == []


@pytest.mark.parametrize("settings", [Settings, MachineSettings])
def test_every_setting_is_documented_with_its_default(settings: type[BaseSettings]) -> None:
    """docs/operations.md has a row for each setting that processes share, and for a machine's, with its default."""
    text = (ROOT / "docs/operations.md").read_text()
    rows = dict(re.findall(r"^\| `([A-Z0-9_]+)` \| ([^|]+) \|", text, re.MULTILINE))
    for name, field in settings.model_fields.items():
        variable = str(field.validation_alias or f"DARKROOM_{name.upper()}")
        assert variable in rows
        if isinstance(field.default, bool):
            assert rows[variable] == ("on" if field.default else "off")
        elif isinstance(field.default, int | float):
            assert float(rows[variable]) == field.default


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
