"""How much a key may ask for in a while: sliding windows in the broker, the same for all gateway processes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

import limits
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import ConnectionPool

from api.problems import RateError

_PREFIX = "darkroom:rate"
_UNUSED_URL = "async+redis://localhost:6379"
"""The library wants an address, even where it gets the connections."""


class Traffic(StrEnum):
    """Kinds of requests that are counted apart."""

    EDITS = "edits"
    UTILITIES = "utilities"
    UPLOADS = "uploads"
    READS = "reads"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a key stands after a request."""

    traffic: Traffic
    is_allowed: bool
    quota: int
    window_seconds: int
    remaining: int
    reset_seconds: int
    """Until more is allowed than remains now."""

    def headers(self) -> dict[str, str]:
        """Say so (draft-ietf-httpapi-ratelimit-headers-10)."""
        return {
            "RateLimit-Policy": f'"{self.traffic}";q={self.quota};w={self.window_seconds}',
            "RateLimit": f'"{self.traffic}";r={self.remaining};t={self.reset_seconds}',
        }

    def require(self) -> None:
        """Raise ``RateError`` (rate_limited) unless the request is allowed."""
        if not self.is_allowed:
            seconds = max(1, self.reset_seconds)
            policy = f"{self.quota} {self.traffic} in {self.window_seconds} s"
            raise RateError(f"This key has used up its {policy}; go on in {seconds} s.", seconds)


class Rates:
    """Counts requests. Raises ``RedisError`` where the broker does not answer."""

    def __init__(self, pool: "ConnectionPool", rates: Mapping[Traffic, str]) -> None:
        """Take the broker's connections and a rate for each kind, such as ``60/minute``."""
        storage = RedisStorage(_UNUSED_URL, implementation="redispy", key_prefix=_PREFIX, connection_pool=pool)  # type: ignore[arg-type] # its annotation leaves out what its docstring names
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._items = {traffic: limits.parse(rate) for traffic, rate in rates.items()}

    async def count(self, who: str, traffic: Traffic, cost: int = 1) -> Standing:
        """Count a request for so many, unless they are too many, and return how the key stands then."""
        item = self._items[traffic]
        allowed = await self._limiter.hit(item, traffic, who, cost=cost)
        stats = await self._limiter.get_window_stats(item, traffic, who)
        return Standing(
            traffic,
            is_allowed=allowed,
            quota=item.amount,
            window_seconds=item.get_expiry(),
            remaining=stats.remaining if allowed else 0,
            reset_seconds=max(0, ceil(stats.reset_time - time.time())),
        )
