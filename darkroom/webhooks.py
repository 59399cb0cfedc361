"""`darkroom webhooks`: the secrets that webhooks are signed with."""

from typing import TYPE_CHECKING, Annotated

import typer

from darkroom.errors import UnreachableError
from tasks.errors import UnavailableError

if TYPE_CHECKING:
    from tasks.ledger import Move
    from tasks.outbox import Secrets

app = typer.Typer(help="Secrets that webhooks are signed with. REDIS_URL names the broker.", no_args_is_help=True)

Owner = Annotated[str | None, typer.Option(help="Whose webhooks; without API keys all are those of one owner.")]


@app.command("secret")
def show_secret(owner: Owner = None) -> None:
    """Print an owner's secret, made now if there is none."""
    from tasks import outbox, store  # noqa: PLC0415 - loads the broker's client, which `darkroom up` does not need

    _tell(outbox.secret_of(owner or store.LOCAL_OWNER))


@app.command("rotate")
def rotate_secret(owner: Owner = None) -> None:
    """Make a new secret and print it; the old one signs beside it for a day."""
    from tasks import outbox, store  # noqa: PLC0415 - as above

    _tell(outbox.rotate_secret(owner or store.LOCAL_OWNER))


def _tell(move: "Move[Secrets]") -> None:
    from tasks import ledger  # noqa: PLC0415 - as above
    from tasks.settings import settings  # noqa: PLC0415 - as above

    book = ledger.connect(settings().redis_url, patience_seconds=1)
    try:
        typer.echo(book.apply(move).current)
    except UnavailableError as error:
        raise UnreachableError(error.detail) from error
    finally:
        book.client.close()
