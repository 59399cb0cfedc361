"""`darkroom webhooks`: the secrets that webhooks are signed with."""

from typing import Annotated

import typer

from darkroom.errors import UnreachableError
from tasks import ledger, outbox
from tasks.errors import UnavailableError
from tasks.ledger import Move
from tasks.outbox import Secrets
from tasks.settings import settings
from tasks.store import LOCAL_OWNER

app = typer.Typer(help="Secrets that webhooks are signed with. REDIS_URL names the broker.", no_args_is_help=True)

Owner = Annotated[str, typer.Option(help="Whose webhooks; without API keys all are those of one owner.")]


@app.command("secret")
def show_secret(owner: Owner = LOCAL_OWNER) -> None:
    """Print an owner's secret, made now if there is none."""
    _tell(outbox.secret_of(owner))


@app.command("rotate")
def rotate_secret(owner: Owner = LOCAL_OWNER) -> None:
    """Make a new secret and print it; the old one signs beside it for a day."""
    _tell(outbox.rotate_secret(owner))


def _tell(move: Move[Secrets]) -> None:
    book = ledger.connect(settings().redis_url, patience_seconds=1)
    try:
        typer.echo(book.apply(move).current)
    except UnavailableError as error:
        raise UnreachableError(error.detail) from error
    finally:
        book.client.close()
