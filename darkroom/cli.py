"""The `darkroom` command."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from darkroom import acl, jobs, models, profiles, stack, webhooks
from darkroom.acl import Server
from darkroom.environment import open_secrets
from darkroom.errors import EXIT_STATUSES, CommandError, UsageError
from darkroom.keys import keys_app, require_door
from darkroom.output import LinePrinter
from darkroom.stack import free_ports, read_settings
from darkroom.supervisor import Supervisor
from tasks.jobs import Operation
from tasks.keys import AccessMode
from worker_profiles import ProfileName, load

if TYPE_CHECKING:
    from darkroom.client import Status
    from darkroom.client.parameters import Format
    from darkroom.edit import Order, Report

_DOWNLOAD_COLUMNS = (
    SpinnerColumn(),
    TextColumn("{task.description}"),
    BarColumn(),
    DownloadColumn(),
    TransferSpeedColumn(),
)
_INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""

app = typer.Typer(
    help="Darkroom edits photos: removes and inserts objects, corrects the white balance, paints from a prompt.",
    epilog=EXIT_STATUSES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

models_app = typer.Typer(help="Model weights of the fastsam and qwen engines.", no_args_is_help=True)
app.add_typer(models_app, name="models")
app.add_typer(jobs.app, name="jobs")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(keys_app, name="keys")
profiles.add_to(app)

ModelsFolder = Annotated[
    Path | None, typer.Option(file_okay=False, help="Models folder; DARKROOM_MODELS_FOLDER, .darkroom/models.")
]
ImageFile = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, readable=True)]


def main() -> None:
    """Run the command line: errors are sentences on stderr, and the exit status is documented in --help."""
    console = Console(stderr=True)
    try:
        open_secrets(os.environ)
        app()
    except CommandError as error:
        console.print(f"[bold red]Error:[/] {_escaped(error)}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_status)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(_INTERRUPTED)


@app.command(epilog=EXIT_STATUSES)
def up(
    port: Annotated[int | None, typer.Option(help="Gateway's port; PORT, 8000.")] = None,
    flower_port: Annotated[int | None, typer.Option(help="Flower's port; FLOWER_PORT, 5555.")] = None,
) -> None:
    """Start everything on this machine; Ctrl-C or SIGTERM stops it.

    Data live in .darkroom/ and survive a restart. REDIS_URL, IMAGE_CACHE_URL and IMAGE_STORE_URL name servers to
    use instead of the embedded ones; BROKER_PORT and CACHE_PORT move those.
    """
    chosen = {"port": port, "flower_port": flower_port}
    settings = read_settings(**{name: value for name, value in chosen.items() if value is not None})
    asyncio.run(stack.up(settings, LinePrinter()))


@app.command(epilog=EXIT_STATUSES)
def worker(profile: Annotated[ProfileName, typer.Argument(help="The pool that this worker belongs to.")]) -> None:
    """Run the worker of one pool in this process (containers, systemd). REDIS_URL names the broker."""
    environment = {**os.environ, "DARKROOM_PROFILE": profile}
    os.execve(sys.executable, stack.worker_arguments(load(profile)), environment)  # noqa: S606 - signals have to reach Celery itself, not a parent


@app.command(epilog=EXIT_STATUSES)
def machine(
    profile: Annotated[ProfileName, typer.Argument(help="The pool that this machine belongs to.")],
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes; one per GPU, or one.")] = None,
) -> None:
    """Run a whole machine of a pool: fetch its weights, run a worker per GPU, start again what ends.

    DARKROOM_MODELS_URL names the weights (s3://bucket/prefix), DARKROOM_MACHINE_GROUP the autoscaling group of AWS.
    Exit status 78: a worker says that its configuration has to be mended.
    """
    from darkroom.machine import life, settings  # noqa: PLC0415 - loads clients of stores and servers
    from tasks import logs  # noqa: PLC0415 - as above

    logs.configure()
    sys.exit(asyncio.run(life.run(load(profile), settings.read_settings(), workers)))


@app.command(epilog=EXIT_STATUSES)
def gateway(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", envvar="PORT")] = 8000,
) -> None:
    """Run the gateway in this process (containers, systemd). REDIS_URL names the broker.

    It listens beyond this machine only where DARKROOM_ACCESS is keys and there is a key (`darkroom keys create`).
    """
    require_door(host)
    os.execv(sys.executable, stack.gateway_arguments(host, port))  # noqa: S606 - signals have to reach it


@app.command(epilog=EXIT_STATUSES)
def flower(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", envvar="FLOWER_PORT")] = 5555,
    history: Annotated[Path, typer.Option(dir_okay=False, help="Keeps its tasks over a restart.")] = Path("flower.db"),
) -> None:
    """Run Flower in this process, read-only. FLOWER_BASIC_AUTH holds its login, FLOWER_COOKIE_SECRET signs cookies."""
    os.execv(sys.executable, stack.flower_arguments(host, port, history))  # noqa: S606 - signals have to reach it


@app.command("acl", epilog=EXIT_STATUSES)
def print_acl(
    server: Annotated[Server, typer.Argument(help="Whose users: the broker's or the image cache's.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", dir_okay=False, help="A file; else it is printed.")] = None,
    rules: Annotated[bool, typer.Option("--rules", help="Rules alone, as JSON; no password is needed.")] = False,
) -> None:
    """Print the ACL file of a Valkey server: its users, with hashes of their passwords.

    DARKROOM_GATEWAY_PASSWORD, DARKROOM_WORKER_PASSWORD, DARKROOM_FLOWER_PASSWORD (broker) and
    DARKROOM_IMAGES_PASSWORD (cache) hold the passwords; DARKROOM_OPERATOR_PASSWORD adds a user who may do everything.
    """
    try:
        text = acl.rules_of(server) + "\n" if rules else acl.file_of(server, os.environ)
    except KeyError as error:
        raise UsageError(f"The {server} has a user whose password is not set: {error.args[0]}.") from None
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text)


@app.command("openapi", epilog=EXIT_STATUSES)
def print_openapi(
    out: Annotated[Path | None, typer.Option("--out", "-o", dir_okay=False, help="A file; else it is printed.")] = None,
) -> None:
    """Print the gateway's OpenAPI document, from which clients make their types.

    It is the one of a gateway that asks for no key, whatever DARKROOM_ACCESS says: keys are optional in it, so it is
    true of both kinds of gateways, and the same on every machine.
    """
    from api import app as gateway_app, settings  # noqa: PLC0415 - loads the whole gateway, which few commands need

    document = gateway_app.build(settings.GatewaySettings(access=AccessMode.OPEN)).openapi()
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text)


@app.command(epilog=EXIT_STATUSES)
def edit(
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the result goes; .png, .jpg or .webp.")],
    operation: Annotated[Operation, typer.Option(help="What to do.")],
    photo: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, readable=True, help="The photo to edit.")
    ] = None,
    mask: ImageFile = None,
    reference: ImageFile = None,
    reference_mask: ImageFile = None,
    prompt: Annotated[str | None, typer.Option(help="What the result should show.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="The same seed gives the same result.")] = None,
    url: Annotated[str, typer.Option(help="Where Darkroom runs.", envvar="DARKROOM_URL")] = "http://127.0.0.1:8000",
    key: Annotated[str | None, typer.Option(help="API key, where it asks for one.", envvar="DARKROOM_API_KEY")] = None,
    local: Annotated[bool, typer.Option("--local", help="Start Darkroom for this one edit.")] = False,
) -> None:
    """Edit a photo. Ctrl-C cancels the edit.

    --mask is white where the photo may change (removal, insertion); --reference holds the object to insert and
    --reference-mask isolates it.
    """
    from darkroom.edit import Order, format_of  # noqa: PLC0415 - loads the client, which no other command needs

    wanted = format_of(out)
    order = Order(operation, photo, mask, reference, reference_mask, prompt, seed)
    if photo is None and operation is not Operation.TEXT_TO_IMAGE:
        raise UsageError(f"{operation} needs a photo to edit.")
    if not out.parent.is_dir():
        raise UsageError(f"There is no folder {out.parent} to write {out.name} into.")
    content = asyncio.run(_edit(order, wanted, url, key, local=local))
    try:
        out.write_bytes(content)
    except OSError as error:
        raise UsageError(f"Cannot write {out}: {error.strerror}.") from error
    typer.echo(str(out))


@models_app.command("pull", epilog=EXIT_STATUSES)
def pull_models(
    names: Annotated[list[str], typer.Argument(help=f"What to fetch: {', '.join(models.MODELS)}.")],
    folder: ModelsFolder = None,
) -> None:
    """Fetch model weights and check that they are the right ones. A model that is there already is only checked."""
    unknown = [name for name in names if name not in models.MODELS]
    if unknown:
        raise UsageError(f"There is no model {unknown[0]}; there are {', '.join(models.MODELS)}.")
    for name in names:
        typer.echo(str(_pulled(name, folder or _models_folder())))


@models_app.command("fetch", epilog=EXIT_STATUSES)
def fetch_models(
    url: Annotated[str, typer.Argument(help="Where they are: s3://bucket/prefix.")],
    folder: ModelsFolder = None,
) -> None:
    """Fetch model weights from an object store of your own, many ranges at once; what is there already stays."""
    from darkroom import weights  # noqa: PLC0415 - loads the store's client, which few commands need

    place = folder or _models_folder()
    with Progress(*_DOWNLOAD_COLUMNS, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(url, total=None)
        fetched = weights.fetch(url, place, lambda done, total: progress.update(bar, completed=done, total=total))
    typer.echo(f"{place}: {fetched.files} files fetched, {fetched.skipped} were there")


def _pulled(name: str, folder: Path) -> Path:
    with Progress(*_DOWNLOAD_COLUMNS, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(name, total=None)
        return models.pull(
            models.MODELS[name], folder, lambda done, total: progress.update(bar, completed=done, total=total)
        )


@models_app.command("list", epilog=EXIT_STATUSES)
def list_models(folder: ModelsFolder = None) -> None:
    """Show what can be pulled, and what is there."""
    table = Table("model", "there", "GB", "licence", "for", box=None)
    for model in models.MODELS.values():
        there = "yes" if models.is_pulled(model, folder or _models_folder()) else "no"
        table.add_row(model.name, there, f"{model.gigabytes:g}", model.licence, model.purpose)
    Console().print(table)


@app.command(epilog=EXIT_STATUSES)
def top(
    once: Annotated[
        bool, typer.Option("--once", help="Print it once; so it is where nobody watches, as in a pipe.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it once, as JSON.")] = False,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks.")] = 2.0,
) -> None:
    """Watch pools, queues, jobs and what went wrong; Ctrl-C ends it. REDIS_URL names the broker.

    It asks the broker itself, as the user that gateways have, so it also works while no gateway does.
    """
    from darkroom import top as view  # noqa: PLC0415 - loads the gateway's health, which no other command needs

    view.run(once=once, as_json=as_json, seconds=every)


@app.command("doctor", epilog=EXIT_STATUSES)
def run_doctor() -> None:
    """Check this machine and the running Darkroom, and say how to mend what is wrong."""
    from darkroom import doctor  # noqa: PLC0415 - loads clients of stores and servers, which no other command needs

    findings = asyncio.run(doctor.examine(read_settings()))
    console = Console()
    colours = {doctor.Verdict.OK: "green", doctor.Verdict.WARN: "yellow", doctor.Verdict.FAIL: "bold red"}
    for finding in findings:
        console.print(
            f"[{colours[finding.verdict]}]{finding.verdict:<4}[/] {_escaped(finding.text)}",
            highlight=False,
            soft_wrap=True,
        )
    if any(finding.verdict is doctor.Verdict.FAIL for finding in findings):
        raise typer.Exit(1)


async def _edit(order: "Order", wanted: "Format", url: str, key: str | None, *, local: bool) -> bytes:
    from darkroom.edit import connect, edit as carry_out  # noqa: PLC0415 - as above

    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - this is a coroutine
    # Like Ctrl-C: the job is cancelled, and a stack of our own is stopped.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with _progress() as report:
        if not local:
            async with connect(url, key) as client:
                return await carry_out(client, order, wanted, report)
        async with _own_stack() as its_url, connect(its_url) as client:
            return await carry_out(client, order, wanted, report)


@contextlib.asynccontextmanager
async def _own_stack() -> AsyncIterator[str]:
    """Run a stack of our own on free ports and a folder that is removed with it; yields its address."""
    ports = dict(zip(("port", "flower_port", "broker_port", "cache_port"), free_ports(4), strict=True))
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        settings = read_settings(**ports, data=Path(folder), access=AccessMode.OPEN)
        lines: list[str] = []
        try:
            async with Supervisor(lambda name, line: lines.append(f"{name} │ {line}")) as supervisor:
                await stack.start(settings, supervisor)
                yield settings.gateway_url
        except CommandError:
            typer.echo("\n".join(lines[-20:]), err=True)
            raise


@contextlib.contextmanager
def _progress() -> "Iterator[Report]":
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("sending", total=1.0)
        yield lambda status: progress.update(bar, completed=status.progress, description=describe(status))


def describe(status: "Status") -> str:
    """Return the words beside the progress bar."""
    if status.loading_message:
        return status.loading_message
    if status.queue_position:
        return f"{status.state}, {status.queue_position - 1} before it"
    return status.state


def _models_folder() -> Path:
    return read_settings().models


def _escaped(text: object) -> str:
    return str(text).replace("[", r"\[")
