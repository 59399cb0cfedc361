"""The API keys and the tokens' secret as this process knows them: read every few seconds, so that a check is free."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.problems import broker_unavailable
from tasks.keys import KEYS_KEY, SECRET_KEY, ApiKey, new_secret, read_keys

log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 0.5
"""From one read to the next, however many ask for an id that is not known: they wait, and are answered together."""


@dataclass(frozen=True, slots=True)
class Ring:
    """What one read found."""

    keys: Mapping[str, ApiKey]
    secret: str
    read_at: float
    """When the read began, by ``time.monotonic``: what was written before is in it."""

    @property
    def age(self) -> float:
        """Seconds since the read."""
        return time.monotonic() - self.read_at


class KeyRing:
    """Who has a key. While the broker is away, those are believed who were known before."""

    def __init__(self, broker: "Redis", *, refresh_seconds: float, outage_seconds: float) -> None:
        """``broker`` decodes its answers. Nothing is read before ``run`` or the first question."""
        self._broker = broker
        self._refresh_seconds = refresh_seconds
        self._outage_seconds = outage_seconds
        self._ring: Ring | None = None
        self._tried_at = -_PAUSE_SECONDS
        self._reading: asyncio.Task[bool] | None = None

    async def run(self) -> NoReturn:
        """Read again and again, for ever."""
        while True:
            await self._read()
            await asyncio.sleep(self._refresh_seconds)

    async def find(self, key_id: str, *, in_outage: bool = False) -> ApiKey | None:
        """Return a key that was not revoked; None if there is none. ``in_outage``: however long ago the keys were read.

        Raises ``UnavailableError`` (broker_unavailable) where only the broker could tell.
        """
        ring = self._ring if in_outage else self._believed()
        if ring is None or key_id not in ring.keys:
            # It may have been made a moment ago.
            ring = await self._read_since(time.monotonic())
        key = ring.keys.get(key_id)
        return key if key is not None and key.is_live else None

    async def secret(self) -> str:
        """Return what signs tokens. Raises ``UnavailableError`` (broker_unavailable)."""
        return (self._believed() or await self._read_since(time.monotonic())).secret

    def _believed(self) -> Ring | None:
        return self._ring if self._ring and self._ring.age <= self._outage_seconds else None

    async def _read_since(self, moment: float) -> Ring:
        """Return what a read found that began after a moment. Raises ``UnavailableError`` (broker_unavailable)."""
        while self._ring is None or self._ring.read_at < moment:
            if not await self._read():
                raise broker_unavailable()
        return self._ring

    async def _read(self) -> bool:
        """Read, all who ask at the same time together; return whether the broker answered."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._ask())
        return await asyncio.shield(self._reading)

    async def _ask(self) -> bool:
        await asyncio.sleep(self._tried_at + _PAUSE_SECONDS - time.monotonic())
        self._tried_at = time.monotonic()
        try:
            records = await self._broker.hgetall(KEYS_KEY)
            secret = await self._secret()
        except RedisError as error:
            log.warning("keys.not_read", reason=str(error))
            return False
        self._ring = Ring(read_keys(records), secret, self._tried_at)
        return True

    async def _secret(self) -> str:
        known = await self._broker.get(SECRET_KEY)
        if known is None:
            await self._broker.set(SECRET_KEY, new_secret(), nx=True)
            known = await self._broker.get(SECRET_KEY)
        return str(known)
