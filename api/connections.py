"""Connections of the gateway to its broker."""

from typing import Any

import redis
from redis.asyncio.connection import AbstractConnection, ConnectionPool


class Truthful:
    """Mixed into redis-py's connections: what was closed under them is a lost connection, whatever the loop calls it.

    uvloop raises ``RuntimeError`` for a write to a transport that the server has reset: redis-py would neither connect
    again nor call it an outage.
    """

    async def send_packed_command(self, *arguments: Any, **options: Any) -> None:
        """Send a command. Raises ``redis.ConnectionError`` when the connection is not there any more."""
        try:
            await super().send_packed_command(*arguments, **options)  # type: ignore[misc] # of the class beside it
        except RuntimeError as error:
            raise redis.ConnectionError(str(error)) from error


def make_truthful(pool: ConnectionPool) -> None:
    """Have a pool open such connections, of its own kind: with TLS or without."""
    kind: type[AbstractConnection] = pool.connection_class
    pool.connection_class = type(f"Truthful{kind.__name__}", (Truthful, kind), {})
