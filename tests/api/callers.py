"""Callers with API keys, and a gateway that asks for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import redis

from tasks.keys import AccessMode, ApiKey, KeyStore, Scope
from tests.api.conftest import MakeServer


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a key."""

    text: str
    key: ApiKey

    @property
    def headers(self) -> dict[str, str]:
        """What they send."""
        return {"Authorization": f"Bearer {self.text}"}


def person(broker: "redis.Redis", scope: Scope = Scope.EDIT, owner: str | None = None) -> Person:
    """Make somebody a key."""
    return Person(*KeyStore(broker).create("test", scope=scope, owner=owner))


@contextmanager
def asking_for_keys(make_server: MakeServer, **changes: Any) -> Iterator[httpx.Client]:
    """Run a gateway that asks for keys."""
    with make_server(access=AccessMode.KEYS, **changes) as client:
        yield client
