"""``darkroom webhooks``: the secrets that webhooks are signed with."""

from typing import Annotated

import typer

from darkroom.errors import UnreachableError

app = typer.Typer(help="Secrets that webhooks are signed with (docs/webhooks.md).", no_args_is_help=True)

_LOCAL = "local"
"""Whose jobs all are where no API keys are asked for."""
Owner = Annotated[str, typer.Option(help="Whose webhooks.")]


@app.command("secret")
def show_secret(owner: Owner = _LOCAL) -> None:
    """Print an owner's secret, made now if there is none. REDIS_URL names the broker."""
    _tell(owner, rotate=False)


@app.command("rotate")
def rotate_secret(owner: Owner = _LOCAL) -> None:
    """Make a new secret and print it; the old one signs beside it for a day. REDIS_URL names the broker."""
    _tell(owner, rotate=True)


def _tell(owner: str, *, rotate: bool) -> None:
    # Celery and the broker's client take a third of a second to import, which no other command needs.
    from tasks import outbox  # noqa: PLC0415
    from tasks.app import app as tasks_app  # noqa: PLC0415
    from tasks.errors import UnavailableError  # noqa: PLC0415

    move = outbox.rotate_secret(owner) if rotate else outbox.secret_of(owner)
    try:
        typer.echo(tasks_app.ledger.apply(move).current)
    except UnavailableError as error:
        raise UnreachableError(str(error)) from error
