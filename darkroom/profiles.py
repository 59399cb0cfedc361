"""`darkroom profile` and `darkroom healthcheck`: the pools' workers, for what deploys and watches them."""

import contextlib
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from darkroom.errors import EXIT_STATUSES, CommandError, UnreachableError, UsageError
from worker_profiles import Profile, ProfileName, load

_SECONDS = 1.0
"""A broker that answers does so in milliseconds; the check itself is given a few seconds."""


class Format(StrEnum):
    """How a profile is written."""

    ENV = "env"
    JSON = "json"


def print_profile(
    name: Annotated[ProfileName | None, typer.Argument(help="The pool.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All pools.")] = False,
    form: Annotated[
        Format, typer.Option("--format", help="env: the environment of the pool's machines; json: facts of the pool.")
    ] = Format.ENV,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A file (for `--all --format env` a folder); else printed.")
    ] = None,
) -> None:
    """Print how a pool's worker runs, for Compose, systemd and Terraform: from worker_profiles/, the one source."""
    if (name is None) is not everything:
        raise UsageError("Name a pool, or say --all.")
    wanted = [load(each) for each in ProfileName if each is name or everything]
    if form is Format.JSON:
        _give(as_json(wanted) if everything else json.dumps(wanted[0].facts(), indent=2) + "\n", out)
        return
    for profile in wanted:
        _give(as_environment(profile), out / f"{profile.name}.env" if out and everything else out)


def as_environment(profile: Profile) -> str:
    """Return a pool's environment file; Compose, Docker and systemd read the same."""
    lines = [
        f"# Machines of the {profile.name} pool. Written by `darkroom profile {profile.name}`; change",
        f"# worker_profiles/{profile.name}.py instead.",
        *(f"{name}={value}" for name, value in profile.environment().items()),
    ]
    return "\n".join(lines) + "\n"


def as_json(profiles: list[Profile]) -> str:
    """Return facts of pools by their names."""
    return json.dumps({profile.name: profile.facts() for profile in profiles}, indent=2) + "\n"


def check_health(
    profile: Annotated[ProfileName, typer.Argument(envvar="DARKROOM_PROFILE", help="Whose workers to look for.")],
) -> None:
    """Say whether a worker of this machine takes work; exit status 1 while it only starts or loads. For containers."""
    from tasks.presence import WorkerState  # noqa: PLC0415 - loads the broker's client, which `darkroom up` does not need

    told = _told(profile)
    ready = [
        worker for worker in told if worker["state"] in {WorkerState.READY, WorkerState.BUSY, WorkerState.DRAINING}
    ]
    if not ready:
        loading = "; ".join(f"{worker['name']} is {worker['state']} {worker['message']}".strip() for worker in told)
        raise CommandError(f"No {profile} worker of this machine takes work: {loading or 'none is known'}.")
    typer.echo("; ".join(f"{worker['name']} is {worker['state']}" for worker in ready))


def _told(profile: ProfileName) -> list[dict[str, str]]:
    import redis  # noqa: PLC0415 - as above

    from tasks import ledger  # noqa: PLC0415 - as above
    from tasks.presence import announced_here  # noqa: PLC0415 - as above
    from tasks.settings import settings  # noqa: PLC0415 - as above

    book = ledger.connect(settings().redis_url, patience_seconds=_SECONDS)
    with contextlib.closing(book.client):
        try:
            return announced_here(book, profile)
        except redis.RedisError as error:
            raise UnreachableError(f"The broker does not tell ({error}).") from error


def _give(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text)


def add_to(app: typer.Typer) -> None:
    """Add both commands to the command line."""
    app.command("profile", epilog=EXIT_STATUSES)(print_profile)
    app.command("healthcheck", epilog=EXIT_STATUSES)(check_health)
