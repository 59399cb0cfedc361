"""What the documentation takes from the code itself, put in when the site is built (a hook of mkdocs).

A page says where: ``<!-- generated: errors -->``. So no table is kept twice, and who reads the code finds the text
beside what it is about: docstrings of settings and error codes, help texts of metrics and commands.
"""

import ast
import inspect
import itertools
import json
import os
import re
import textwrap
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path, PurePath
from typing import Any

import typer.main
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic_settings import BaseSettings
from typer.cli import get_docs_for_click

from api.metrics import FAMILIES
from api.problems import EXAMPLES, STATUS_OF_KIND, status_of
from api.settings import GatewaySettings
from darkroom.cli import app as commands
from darkroom.machine.settings import MachineSettings
from darkroom.stack import StackSettings
from docs.markdown import prose, table
from docs.routes import document, openapi
from tasks.app import app as celery
from tasks.errors import ErrorCode, error_of
from tasks.metrics import Source
from tasks.queues import Queue
from tasks.settings import Settings
from worker_profiles import ProfileName, load

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
BESIDE = {ROOT / "SECURITY.md": "security.md", ROOT / "CHANGELOG.md": "changelog.md"}
"""Pages that lie at the top of the repository, where people look for them."""

_MARK = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
_FENCE = re.compile(r"^```(\w+) .+$", re.MULTILINE)
_LINK = re.compile(r"\[([^]]*)\]\(([^)\s]+)\)")

# What a page may ask for


def settings() -> str:
    """Settings that every process reads."""
    return _settings(Settings)


def gateway_settings() -> str:
    """Settings that the gateway reads beside them."""
    return _settings(GatewaySettings)


def machine_settings() -> str:
    """Settings of ``darkroom machine``."""
    return _settings(MachineSettings)


def stack_settings() -> str:
    """Settings of ``make up``."""
    return _settings(StackSettings)


def errors() -> str:
    """Error codes with kind, status, meaning and an example of the sentence that comes with them."""
    lines = docstrings(ErrorCode)
    rows = []
    for code in ErrorCode:
        error = error_of(code, EXAMPLES.get(code, ""))
        kind = next(kind.__name__ for kind in STATUS_OF_KIND if isinstance(error, kind))
        example = f"<br>*“{error.detail}”*" if error.detail else ""
        rows.append((f"`{code}`", f"`{kind}`", status_of(error), lines[code.name] + example))
    return table(("code", "`error_type`", "HTTP", "what it means, and an example of `detail`"), rows)


_SOURCES: Mapping[Source, str] = {
    Source.REQUESTS: "this gateway",
    Source.TOLD: "all, counted",
    Source.LEDGER: "broker, now",
    Source.PRESENCE: "workers, now",
}


def metrics() -> str:
    """Everything that ``/metrics`` can show."""
    rows = [
        (
            f"`{each.shown}`",
            each.kind,
            ", ".join(f"`{label}`" for label in each.labels) or "–",
            _SOURCES[each.source],
            each.help,
        )
        for each in FAMILIES
    ]
    return table(("metric", "kind", "labels", "from", "what"), rows)


_QUEUES: Mapping[str, str] = {
    "tasks.workflows": Queue.IMAGE_UTILS,
    "tasks.image_utils": Queue.IMAGE_UTILS,
    "tasks.segmentation": f"{Queue.SEGMENTATION}, or {Queue.IMAGE_UTILS} for what needs no model",
    "tasks.generation": Queue.GENERATION,
    "tasks.housekeeping": Queue.JOBS,
    "tasks.webhooks": Queue.JOBS,
}
"""Where the tasks of a module are sent: by ``tasks.submission``, by their own ``apply_async``, or by default."""


def tasks() -> str:
    """Celery tasks by module: queue, arguments, what they do."""
    celery.loader.import_default_modules()
    parts = []
    for module, queue in _QUEUES.items():
        found = [task for name, task in sorted(celery.tasks.items()) if name.rpartition(".")[0] == module]
        rows = [(f"`{each.name.rpartition('.')[2]}`", _arguments(each.run), prose(each.run.__doc__)) for each in found]
        parts.append(f"## `{module}`\n\nQueue: {queue}.\n\n" + table(("task", "arguments", "what it does"), rows))
    return "\n\n".join(parts)


def pools() -> str:
    """Workers of each pool, with their limits."""
    rows = [
        (
            f"`{each.name}`",
            ", ".join(f"`{queue}`" for queue in each.queues),
            each.pool,
            each.concurrency or "one per core",
            f"{each.soft_time_limit} s, then killed at {each.time_limit} s" if each.time_limit else "–",
            each.max_tasks_per_child or "–",
            f"{each.drain_seconds} s",
            "yes" if each.may_sleep else "no",
        )
        for each in map(load, ProfileName)
    ]
    titles = ("profile", "queues", "Celery's pool", "tasks at once", "time limit of a task", "tasks per child")
    return table((*titles, "from SIGTERM to its end, at most", "may sleep"), rows)


def cli() -> str:
    """Every command with its arguments and options."""
    command = typer.main.get_command(commands)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="darkroom", title="darkroom")
    # The epilog is the same under every command; the page says it once.
    text = re.sub(r"\nExit status.*?(?=\n#|\Z)", "\n", text.partition("\n")[2], flags=re.DOTALL)
    return re.sub(r"\n{3,}", "\n\n", text)


_ALL = (settings, gateway_settings, machine_settings, stack_settings, errors, metrics, tasks, pools, cli, openapi)
GENERATED: Mapping[str, Callable[[], str]] = {each.__name__: each for each in _ALL}

# What mkdocs calls


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the decisions in the order of their numbers."""
    decisions = [str(path.relative_to(DOCS)) for path in sorted(DOCS.glob("decisions/*.md"))]
    next(entry["Explanations"] for entry in config.nav or () if "Explanations" in entry).append(
        {"Decisions": decisions}
    )
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from the top of the repository, and the OpenAPI document as it is."""
    for path, name in BESIDE.items():
        files.append(File.generated(config, name, content=path.read_text()))
    files.append(File.generated(config, "reference/openapi.json", content=json.dumps(document(), indent=1)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Put in what is generated; hide what only the tests of the blocks read; unlink what the site does not have."""
    text = _MARK.sub(lambda mark: GENERATED[mark[1]](), markdown)
    text = _FENCE.sub(r"```\1", text)
    written = next((path for path, name in BESIDE.items() if name == page.file.src_uri), DOCS / page.file.src_uri)
    return _LINK.sub(lambda link: _kept(link, written.parent, PurePath(page.file.src_uri).parent), text)


def _kept(link: re.Match[str], written: Path, shown: PurePath) -> str:
    """Return a link as it is right on the site: ``written`` is the folder of its page, ``shown`` its place there."""
    target, anchor, fragment = link[2].partition("#")
    place = DOCS / target[1:] if target.startswith("/") else (written / target).resolve()
    if not target or ":" in target or not place.exists():
        return link[0]
    if place not in BESIDE and (place.is_dir() or not place.is_relative_to(DOCS)):
        return link[1]
    on_site = BESIDE[place] if place in BESIDE else place.relative_to(DOCS)
    return f"[{link[1]}]({os.path.relpath(on_site, shown)}{anchor}{fragment})"


# How it is written


def docstrings(kind: type) -> dict[str, str]:
    """Return what stands beneath each name in a class's body, in one line of Markdown each."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0].body  # type: ignore[attr-defined]
    found = {}
    for statement, after in itertools.pairwise(body):
        name = getattr(statement, "target", None) or next(iter(getattr(statement, "targets", ())), None)
        match name, after:
            case ast.Name(id=identifier), ast.Expr(value=ast.Constant(value=str(text))):
                found[identifier] = prose(text)
    return found


def variable(kind: type[BaseSettings], name: str) -> str:
    """Return the environment variable of a setting."""
    given = kind.model_fields[name].validation_alias
    return str(given or f"{kind.model_config.get('env_prefix', '')}{name}".upper())


def _settings(kind: type[BaseSettings]) -> str:
    lines, fields = docstrings(kind), kind.model_fields
    own = [name for name in fields if name in kind.__annotations__]
    rows = [(f"`{variable(kind, name)}`", _default(fields[name].default), lines.get(name, "")) for name in own]
    return table(("variable", "default", "what it is, and why that"), rows)


def _default(value: Any) -> str:
    match value:
        case None | () | "":
            return "–"
        case bool():
            return "on" if value else "off"
        case Enum():
            return f"`{value.value}`"
        case tuple():
            return f"`{','.join(str(each) for each in value)}`"
        case Mapping():
            return f"`{','.join(f'{name}={each}' for name, each in value.items())}`" if value else "–"
        case float():
            return f"{value:g}"
        case int():
            return str(value)
        case _:
            return f"`{value}`"


def _arguments(function: Callable[..., Any]) -> str:
    shown = [each for each in inspect.signature(function).parameters.values() if each.name not in {"self", "owner"}]
    return ", ".join(f"`{'**' if each.kind is each.VAR_KEYWORD else ''}{each.name}`" for each in shown) or "–"
