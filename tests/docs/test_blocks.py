"""Every block of the documentation is run, or says why it cannot be."""

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer.main
import yaml

from darkroom.cli import app
from tests.docs.blocks import NEVER_RUN, ROOT, Block, blocks, pages
from tests.docs.stage import BROKER_OF_MAKE_UP, GATEWAY_OF_MAKE_UP, Stage, is_shown, missing_tools

BLOCKS = [block for page in pages() for block in blocks(page)]
NOT_RUN = [block for block in BLOCKS if block.language == "sh" and not block.runs]
ONLY_PARSED = [block for block in BLOCKS if block.language in NEVER_RUN and "tested" not in block.options]
PAGES = [page for page in pages() if any(block.runs for block in blocks(page))]

_ENDS_COMMAND = re.compile(r"^(?:[|&;()<>\n]+|[\d]?>.*)$")


def test_every_block_is_run_or_says_why_not() -> None:
    """No block is of an unknown kind, and a reason is one of those that are known."""
    assert {str(block): flaw for block in BLOCKS if (flaw := block.flaw())} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_pages_blocks_run(page: Path, gateway: str, environment: dict[str, str], tmp_path: Path) -> None:
    """Pasted one after the other beside a running Darkroom, they do what the page says."""
    found = blocks(page)
    running = [block for block in found if block.runs]
    if missing := missing_tools(running):
        assert "CI" not in os.environ, f"CI has to have {missing}"
        pytest.skip(f"this machine has no {', '.join(missing)}")
    stage = Stage(tmp_path, {GATEWAY_OF_MAKE_UP: gateway, BROKER_OF_MAKE_UP: environment["REDIS_URL"]})
    changes_code = any(block.language == "diff" or "file" in block.options for block in running)
    place = stage.checkout() if changes_code else stage.photos()
    for_shell = [block for block in running if block.language != "python" or "file" in block.options]
    for_python = [block for block in running if block not in for_shell]
    printed = dict(zip(map(str, for_shell), stage.shell(for_shell, place), strict=True))
    printed |= zip(map(str, for_python), stage.python(for_python, place), strict=True) if for_python else ()
    for before, after in itertools.pairwise(found):
        if "output" in after.words:
            assert is_shown(printed[str(before)], after.text), f"{after} shows another thing: {printed[str(before)]}"
    stage.require_sound_files(place)


@pytest.mark.parametrize("block", NOT_RUN, ids=str)
def test_what_cannot_run_here_is_at_least_a_command(block: Block) -> None:
    """A shell can read it, and each ``darkroom`` in it has the subcommand and the options that it is given."""
    subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
    for arguments in darkroom_commands(block.text):
        assert unknown_part(arguments) is None, arguments


@pytest.mark.parametrize("block", ONLY_PARSED, ids=str)
def test_what_is_never_run_is_well_formed(block: Block, tmp_path: Path) -> None:
    """JSON, YAML and TOML are; JavaScript is as Node.js reads it."""
    match block.language:
        case "json":
            json.loads(block.text)
        case "yaml":
            yaml.safe_load(block.text)
        case "toml":
            tomllib.loads(block.text)
        case "js" if shutil.which("node"):
            (tmp_path / "block.mjs").write_text(block.text)
            subprocess.run(["node", "--check", "block.mjs"], cwd=tmp_path, check=True)


def test_a_command_that_is_not_there_is_noticed() -> None:
    """The reader of commands finds them among others, and what is wrong with them."""
    text = (
        "export A=1; sudo ../bin/darkroom keys create x --scope admin > file  # darkroom nonsense\ndarkroom top --twice"
    )
    first, second = darkroom_commands(text)
    assert unknown_part(first) is None
    assert unknown_part(second) == "--twice"
    assert unknown_part(["fly"]) == "fly"


def test_another_output_is_noticed() -> None:
    """What a page shows has to be all that was printed, but for what it leaves out."""
    assert is_shown("opencv\n600 × 400\n", "opencv\n… × 400\n")
    assert not is_shown("opencv\n600 × 400\n", "opencv\n")
    assert not is_shown("error\n", "done\n")


def darkroom_commands(text: str) -> Iterator[list[str]]:
    """Yield the arguments of each ``darkroom`` that a script calls."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        commands = itertools.groupby(words, lambda word: _ENDS_COMMAND.match(word) is None)
        for command in (list(group) for is_command, group in commands if is_command):
            for place, word in enumerate(command):
                if word.rpartition("/")[2] == "darkroom":
                    yield command[place + 1 :]
                    break


def unknown_part(arguments: list[str]) -> str | None:
    """Return the first subcommand or option that there is not."""
    command: click.Command = typer.main.get_command(app)  # type: ignore[assignment] # typer's own classes are click's
    words = iter(arguments)
    while isinstance(command, click.Group) or hasattr(command, "commands"):
        name = next(words, None)
        if name is None or name not in command.commands:
            return name
        command = command.commands[name]
    options = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"--help"}
    return next((word for word in words if word.startswith("-") and word.partition("=")[0] not in options), None)
