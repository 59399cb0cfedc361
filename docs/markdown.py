"""How the generated parts of the documentation are written. A link from the top of docs/ begins with a slash."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_PAGE_NAMED = re.compile(r"\(?docs/([\w/-]+)\.md\)?")


def prose(text: str | None) -> str:
    """Return a docstring's text on one line, as Markdown."""
    line = " ".join((text or "").split()).replace("``", "`")
    return _PAGE_NAMED.sub(_page_named, line).replace("|", "\\|")


def _page_named(match: re.Match[str]) -> str:
    link = f"[{Path(match[1]).name}](/{match[1]}.md)"
    return f"({link})" if match[0].startswith("(") else link


def table(titles: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return a table; what is in a cell has to be on one line."""
    lines = [tuple(titles), *(tuple(map(str, row)) for row in rows)]
    lines.insert(1, ("---",) * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
