"""API keys: who may ask the gateway for what.

A key reads ``dk_<id>_<secret>``. The broker keeps its id, its owner and the sha256 of its secret: a copy of the
database opens nothing. A secret has 256 random bits, so no slow hash is needed.
"""

import hashlib
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import redis

KEYS_KEY = "darkroom:keys"
"""Hash of each key's record by its id."""
SECRET_KEY = "darkroom:secret"  # noqa: S105 - where it is, not what it is
"""What signs the tokens of ``api.tokens``."""

OWNER = re.compile(r"[\w-]{1,64}", re.ASCII)
"""Names of owners; they are a part of paths in the image store."""

_TEXT = re.compile(r"dk_([0-9a-f]{16})_([\w-]{43})", re.ASCII)
_ID_BYTES = 8
_SECRET_BYTES = 32


class AccessMode(StrEnum):
    """Who is let in."""

    OPEN = "open"
    """Everybody on this machine, and nobody else."""
    KEYS = "keys"
    """Who has a key, from anywhere."""


class Scope(StrEnum):
    """What a key may do; each one includes those before it."""

    READ = "read"
    """Look at the jobs and images of its owner."""
    EDIT = "edit"
    """Create, compute and cancel."""
    ADMIN = "admin"
    """See which machines do the work, and read the figures of everybody."""

    def includes(self, other: "Scope") -> bool:
        """Whether who has this scope may do what asks for the other one."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key; not the key itself."""

    id: str
    name: str
    """What its creator called it."""
    owner: str
    """Whose jobs and images it sees; several keys may share an owner."""
    scope: Scope
    digest: str = field(repr=False)
    """sha256 of the secret in hex."""
    created_at: float
    """Unix seconds."""
    revoked_at: float | None = None

    @property
    def is_live(self) -> bool:
        """Whether it was not revoked."""
        return self.revoked_at is None

    def is_opened_by(self, secret: str) -> bool:
        """Whether this is its secret, told in a time that does not depend on the secret."""
        return compare_digest(self.digest, digest_of(secret))

    def to_json(self) -> str:
        """Write the record."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a record, without fields of a later version. Raises ``ValueError``, ``TypeError`` or ``KeyError``."""
        names = {each.name for each in fields(cls)}
        values = {name: value for name, value in json.loads(text).items() if name in names}
        return cls(**{**values, "scope": Scope(values["scope"])})


@dataclass(frozen=True, slots=True)
class SentKey:
    """A key as a request brings it."""

    id: str
    secret: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "SentKey | None":
        """Take a key's text apart; None for what is none."""
        found = _TEXT.fullmatch(text)
        return cls(*found.groups()) if found else None


def digest_of(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_key(name: str, *, scope: Scope = Scope.EDIT, owner: str | None = None) -> tuple[str, ApiKey]:
    """Return a key's text and its record; an owner of its own unless one is named. Raises ``ValueError``."""
    key_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    owner = f"key-{key_id}" if owner is None else owner
    if not OWNER.fullmatch(owner):
        raise ValueError("An owner is 1 to 64 letters, digits, _ or -.")
    key = ApiKey(key_id, name, owner, scope, digest_of(secret), time.time())
    return f"dk_{key_id}_{secret}", key


def new_secret() -> str:
    """Return a secret to sign tokens with: 256 random bits."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def read_keys(records: Mapping[Any, Any]) -> dict[str, ApiKey]:
    """Return keys by their ids, from texts by their ids; a record that cannot be read is no key."""
    keys = {}
    for key_id, text in records.items():
        try:
            keys[key_id] = ApiKey.from_json(text)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return keys


class KeyStore:
    """The keys in the broker, for the command line. Blocking; raises ``RedisError`` where the broker is away."""

    def __init__(self, broker: "redis.Redis") -> None:
        """Take a client that decodes its answers."""
        self._broker = broker

    def create(self, name: str, *, scope: Scope = Scope.EDIT, owner: str | None = None) -> tuple[str, ApiKey]:
        """Keep a new key; return its text, which nobody can read again, and its record. Raises ``ValueError``."""
        text, key = new_key(name, scope=scope, owner=owner)
        self._broker.hset(KEYS_KEY, key.id, key.to_json())
        return text, key

    def all(self) -> list[ApiKey]:
        """Return every key, the oldest first, revoked ones too."""
        keys = read_keys(self._broker.hgetall(KEYS_KEY)).values()
        return sorted(keys, key=lambda key: (key.created_at, key.id))

    def revoke(self, key_id: str) -> ApiKey | None:
        """Revoke a key for good and return its record; None if there is no such key."""
        key = read_keys(self._broker.hgetall(KEYS_KEY)).get(key_id)
        if key is None or not key.is_live:
            return key
        revoked = replace(key, revoked_at=time.time())
        self._broker.hset(KEYS_KEY, key_id, revoked.to_json())
        return revoked

    def rotate_secret(self) -> None:
        """Have all signed tokens end."""
        self._broker.set(SECRET_KEY, new_secret())
