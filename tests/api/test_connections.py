"""The gateway's connections on the event loop that it runs on in deployments."""

import asyncio

import pytest
import redis
import redis.asyncio
import uvloop
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from api.connections import make_truthful
from tests.chaos.proxy import Proxy


@pytest.mark.parametrize("retries", [0, 1])
def test_a_reset_is_a_lost_connection(addresses: dict[str, str], broker: "redis.Redis", retries: int) -> None:
    """A command on a connection that was reset is tried again on another one; without a retry it says what happened."""

    async def ask(line: Proxy) -> None:
        retry = Retry(NoBackoff(), retries, supported_errors=(redis.ConnectionError,))
        client = redis.asyncio.Redis.from_url(f"redis://127.0.0.1:{line.port}/0", retry=retry)
        make_truthful(client.connection_pool)
        async with client:
            await client.ping()
            await asyncio.to_thread(line.reset)
            await asyncio.sleep(0.05)
            assert await client.ping()

    with Proxy(int(addresses["redis_url"].rsplit(":", 1)[1].split("/")[0])) as line:
        if retries:
            uvloop.run(ask(line))
        else:
            with pytest.raises(redis.ConnectionError):
                uvloop.run(ask(line))
