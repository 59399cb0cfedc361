"""Secrets that come as files: where ``NAME_FILE`` is set, ``NAME`` is what that file holds.

Compose mounts its secrets as files and systemd its credentials; a variable would show in `docker inspect`, in unit
files and in what is printed of an environment. Passwords stand alone in their files, as a server's users are made from
the same ones (``darkroom.acl``), and are put into the address that they belong to here.
"""

from collections.abc import MutableMapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from darkroom import acl
from darkroom.acl import Server
from darkroom.errors import UsageError

PASSWORDS = {"REDIS_PASSWORD": "REDIS_URL", "IMAGE_CACHE_PASSWORD": "IMAGE_CACHE_URL"}
"""The address that each password belongs to."""
SECRETS = (
    *(*PASSWORDS.values(), *PASSWORDS, "FLOWER_BASIC_AUTH", "FLOWER_COOKIE_SECRET", "DARKROOM_API_KEY"),
    *sorted({user.variable for server in Server for user in acl.users(server)}),
)
"""What may come as a file."""


def open_secrets(environment: MutableMapping[str, str]) -> None:
    """Replace ``NAME_FILE`` by ``NAME``, and put passwords into their addresses; what is started then finds it done.

    Raises ``UsageError``.
    """
    for name in SECRETS:
        path = environment.pop(f"{name}_FILE", "")
        if path:
            if environment.get(name):
                raise UsageError(f"{name} and {name}_FILE are both set; leave one of them out.")
            environment[name] = _content(name, Path(path))
    for name, address in PASSWORDS.items():
        password = environment.pop(name, "")
        if password:
            environment[address] = _joined(address, environment.get(address, ""), password)


def _content(name: str, path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name}_FILE={path} cannot be read: {error}.") from error


def _joined(name: str, url: str, password: str) -> str:
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    if not host or ":" in user:
        problem = "has a password already" if host else "is not set"
        raise UsageError(f"There is a password for {name}, which {problem}.")
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl()
