"""Signed tokens: an address that may be read for a while by who cannot send a header.

An ``<img>``, an ``EventSource`` and a download send no headers of ours. A token stands in the query instead: it says
which key it came from and when it ends, and its signature covers the path, so it opens that address and no other.
"""

import hashlib
import time
from dataclasses import dataclass

from itsdangerous import BadData, URLSafeSerializer

PARAMETER = "token"
"""Its name in the query."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid token stands for."""

    key_id: str
    expires_at: int
    """Unix seconds."""

    @property
    def is_over(self) -> bool:
        """Whether its time has passed."""
        return time.time() >= self.expires_at


def sign(secret: str, path: str, grant: Grant) -> str:
    """Return a token for a path."""
    return _serializer(secret, path).dumps([grant.key_id, grant.expires_at])


def read(secret: str, path: str, token: str) -> Grant | None:
    """Return what a token stands for; None if it is none, was changed, is for another path, or is over."""
    try:
        key_id, expires_at = _serializer(secret, path).loads(token)
        grant = Grant(str(key_id), int(expires_at))
    except (BadData, TypeError, ValueError):
        return None
    return None if grant.is_over else grant


def _serializer(secret: str, path: str) -> URLSafeSerializer:
    kwargs = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeSerializer(secret, salt=f"darkroom.token:{path}", signer_kwargs=kwargs)
