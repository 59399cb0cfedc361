"""`darkroom keys`: who may ask the gateway, and whether it may listen beyond this machine."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from api.loopback import is_loopback_name
from darkroom.errors import EXIT_STATUSES, CommandError, UnreachableError, UsageError
from darkroom.stack import StackSettings, read_settings
from tasks.keys import OWNER, AccessMode, KeyStore, Scope

_SECONDS = 3.0
"""A broker that answers does so in milliseconds."""

keys_app = typer.Typer(help="API keys of the gateway (docs/access.md).", no_args_is_help=True)


@keys_app.command("create", epilog=EXIT_STATUSES)
def create_key(
    name: Annotated[str, typer.Argument(help="What to call it: who uses it, and where.")],
    scope: Annotated[Scope, typer.Option(help="What it may do; each includes those before it.")] = Scope.EDIT,
    owner: Annotated[
        str | None, typer.Option(help="Whose jobs and images it sees; an owner of its own unless you name one.")
    ] = None,
) -> None:
    """Make an API key and print it, this once. A running gateway takes it within a second."""
    if owner is not None and not OWNER.fullmatch(owner):
        raise UsageError(f"{owner!r} is no owner: 1 to 64 letters, digits, _ or -.")
    with _store() as store:
        text, key = store.create(name, scope=scope, owner=owner)
    typer.echo(text)
    typer.echo(
        f"This is shown once: keep it now. Key {key.id} ({key.name}) has the scope {key.scope} and the owner "
        f"{key.owner}; send it as `Authorization: Bearer …`.",
        err=True,
    )


@keys_app.command("list", epilog=EXIT_STATUSES)
def list_keys() -> None:
    """Show all keys, revoked ones too; what opens the gateway is not among what is kept."""
    with _store() as store:
        keys = store.all()
    # An id or an owner is copied from here: whole, however narrow the terminal is.
    whole = (Column(name, overflow="fold") for name in ("id", "name", "scope", "owner"))
    table = Table(*whole, "created (UTC)", "revoked (UTC)", box=None)
    for key in keys:
        table.add_row(key.id, escape(key.name), key.scope, key.owner, _day(key.created_at), _day(key.revoked_at))
    Console().print(table)


@keys_app.command("revoke", epilog=EXIT_STATUSES)
def revoke_key(key_id: Annotated[str, typer.Argument(metavar="ID", help="As `darkroom keys list` shows it.")]) -> None:
    """Revoke a key for good, and the signed tokens that came from it. Gateways refuse it within five seconds."""
    with _store() as store:
        key = store.revoke(key_id)
    if key is None:
        raise UsageError(f"There is no key {key_id}; `darkroom keys list` shows all.")
    typer.echo(f"{key.id} ({key.name}) is revoked.")


@keys_app.command("rotate-secret", epilog=EXIT_STATUSES)
def rotate_secret() -> None:
    """End all signed tokens at once, within five seconds. Keys stay as they are."""
    with _store() as store:
        store.rotate_secret()
    typer.echo("All signed tokens end within five seconds.")


def require_door(host: str) -> None:
    """Raise ``UsageError`` unless the gateway may listen on this address.

    Where the broker cannot be asked for keys, it may: it lets nobody in before the broker is back.
    """
    settings = read_settings()
    if is_loopback_name(host):
        return
    if settings.access is not AccessMode.KEYS:
        raise UsageError(
            f"Without API keys the gateway listens on loopback only, not on {host}: set DARKROOM_ACCESS=keys, and make "
            "a key with `darkroom keys create NAME`."
        )
    try:
        with _store(settings) as store:
            keys = store.all()
    except UnreachableError as error:
        typer.echo(f"{error} The gateway lets nobody in until it does.", err=True)
        return
    if not any(key.is_live for key in keys):
        raise UsageError(
            f"There is no API key yet, so nobody could use the gateway on {host}: make one with "
            "`darkroom keys create NAME`."
        )


@contextlib.contextmanager
def _store(settings: StackSettings | None = None) -> Iterator[KeyStore]:
    """Open the keys. Raises ``UnreachableError``, or ``CommandError`` for what the broker refuses."""
    import redis  # noqa: PLC0415 - takes 0.3 s, which no other command needs

    url = (settings or read_settings()).broker
    client = redis.Redis.from_url(url, decode_responses=True, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS)
    try:
        yield KeyStore(client)
    except redis.AuthenticationError as error:  # a kind of ConnectionError there
        raise CommandError(f"The broker refuses this: {error}.") from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        parts = urlsplit(url)
        raise UnreachableError(
            f"The broker at {parts.hostname}:{parts.port or 6379} does not answer ({error}). Start Darkroom with "
            "`make up`, or name the broker with REDIS_URL."
        ) from error
    except redis.RedisError as error:
        raise CommandError(f"The broker refuses this: {error}.") from error
    finally:
        client.close()


def _day(seconds: float | None) -> str:
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
