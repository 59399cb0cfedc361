"""The fenced blocks of the documentation, and what the words behind their language mean.

::

    ```sh                      runs, with the page's other blocks, beside a running Darkroom
    ```sh needs=docker         cannot run in a test: NEEDS says why; it is parsed, and its commands have to exist
    ```python                  runs in one process with the page's other Python
    ```python file=PATH        is a file of a copy of the repository, in which the page's sh blocks run
    ```diff                    is applied to that copy
    ```python tested=PATH      is what that test is about
    ```ts                      is type-checked and run by the tests of the TypeScript client
    ```text output             is what the block before it prints; … stands for anything
    ```text drawing            is no code
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

NEEDS: Mapping[str, str] = {
    "aws": "an account of AWS",
    "docker": "a Docker engine",
    "gpu": "a GPU",
    "install": "an installation of minutes",
    "logs": "the logs of a deployment",
    "network": "servers of others",
    "quiet": "a machine with nothing else on it for a quarter of an hour",
    "root": "a machine of its own, as root",
    "stays": "a terminal: it runs until somebody stops it",
    "weights": "weights of gigabytes",
}
"""What a block can need that a test does not have."""

NEVER_RUN = frozenset({"json", "yaml", "toml", "js", "http"})
"""Languages of blocks that nothing runs; each is parsed but HTTP, of which there are excerpts only."""
RUN = frozenset({"sh", "python", "diff"})
TEXT = frozenset({"output", "drawing"})
TYPESCRIPT = ROOT / "clients" / "typescript" / "scripts" / "examples.mjs"
"""Takes the TypeScript out of the pages that it names."""

_BLOCK = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    page: Path
    line: int
    language: str
    words: frozenset[str]
    options: Mapping[str, str]
    text: str

    def __str__(self) -> str:
        """Where it is, as editors jump to it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def runs(self) -> bool:
        """Whether it is run with its page."""
        return self.language in RUN and not self.options.keys() & {"needs", "tested"}

    def flaw(self) -> str | None:
        """Return what is wrong with how it is marked; None if nothing is."""
        match self:
            case Block(options={"needs": need}) if need not in NEEDS:
                return f"nothing is known of a need of {need}"
            case Block(options={"tested": test}) if self.page.name not in (ROOT / test).read_text():
                return f"{test} does not mention {self.page.name}"
            case Block(options={"needs": _} | {"tested": _}):
                return None
            case Block(language="ts") if self.page.name in TYPESCRIPT.read_text():
                return None
            case Block(language="text") if len(self.words & TEXT) == 1:
                return None
            case Block(language=language) if language in RUN | NEVER_RUN:
                return None
            case _:
                return f"a block of the language {self.language!r} with {sorted(self.words)} is neither run nor marked"


def pages() -> list[Path]:
    """Return every page whose blocks have to hold: decisions are history."""
    found = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if page.parent.name != "decisions"]


def blocks(page: Path) -> list[Block]:
    """Return a page's blocks in their order."""
    text = page.read_text()
    return [_block(page, text, found) for found in _BLOCK.finditer(text)]


def _block(page: Path, text: str, found: re.Match[str]) -> Block:
    language, *rest = found["info"].split() or [""]
    return Block(
        page=page,
        line=text.count("\n", 0, found.start()) + 1,
        language=language,
        words=frozenset(word for word in rest if "=" not in word),
        options=dict(word.split("=", 1) for word in rest if "=" in word),
        text=re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE),
    )
