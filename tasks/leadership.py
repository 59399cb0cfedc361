"""One leader among the processes that could do the same: a key in the broker that outlives its holder by a moment."""

import redis


class Leadership:
    """The right to act alone, as long as it is renewed. Raises ``RedisError`` where the broker is away."""

    def __init__(self, client: "redis.Redis", key: str, candidate: str, life_seconds: float) -> None:
        """Stand as ``candidate``, a name that nobody else has; nothing is taken yet.

        A leader that stops renewing is followed by another one after ``life_seconds``. Who was stopped for longer and
        goes on does not know that it was followed: what leaders do has to bear two of them for a moment.
        """
        self._client = client
        self._key = key
        self._candidate = candidate
        self._life = max(1000, int(life_seconds * 1000))

    def held(self) -> bool:
        """Take or renew the leadership; whether this candidate has it now."""
        if self._client.set(self._key, self._candidate, nx=True, px=self._life):
            return True
        if self._client.get(self._key) != self._candidate:
            return False
        self._client.pexpire(self._key, self._life)
        return True

    def resign(self) -> None:
        """Let another one lead at once."""
        if self._client.get(self._key) == self._candidate:
            self._client.delete(self._key)
