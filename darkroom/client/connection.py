"""Where the gateway is, and who asks."""

import os
from dataclasses import dataclass, field
from typing import Self

import httpx

DEFAULT_URL = "http://127.0.0.1:8000"
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20)
"""Each job that is followed holds a connection: with httpx's own bound of 100 the next one would wait for its end."""
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Address:
    """A gateway's address and what it is told of the caller."""

    url: str
    headers: dict[str, str] = field(repr=False)

    @classmethod
    def of(cls, url: str | None, api_key: str | None) -> Self:
        """Take what is given, else what the environment says. Raises ``ValueError`` for what is no address."""
        url = (url or os.environ.get("DARKROOM_URL") or DEFAULT_URL).rstrip("/")
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is no address of a gateway; it begins with http:// or https://.")
        key = api_key or os.environ.get("DARKROOM_API_KEY")
        return cls(url, {"Authorization": f"Bearer {key}"} if key else {})

    @staticmethod
    def timeout(seconds: float) -> httpx.Timeout:
        """Return time-outs: who does not answer the door within seconds is not there."""
        return httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
