"""The listener that wakes everybody, against a real Valkey."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from api.waiting import Waiters
from tasks.errors import ErrorCode, UnavailableError


@asynccontextmanager
async def listening(url: str, outage_seconds: float = 5, silence_seconds: float = 1) -> AsyncIterator[Waiters]:
    """A listener that runs."""
    client = redis.asyncio.Redis.from_url(url, decode_responses=True, retry=Retry(NoBackoff(), 0))
    waiters = Waiters(client, outage_seconds=outage_seconds, silence_seconds=silence_seconds)
    task = asyncio.create_task(waiters.run())
    try:
        yield waiters
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await client.aclose()


def test_only_who_waits_for_an_id_is_woken(addresses: dict[str, str], broker: "redis.Redis") -> None:
    """A message wakes its own waiters, with the payload, and nobody else."""

    async def check() -> None:
        async with listening(addresses["redis_url"]) as waiters:
            await waiters.require()
            with waiters.watch("a") as one, waiters.watch("a") as other, waiters.watch("b") as third:
                await asyncio.to_thread(broker.publish, "celery-task-meta-a", "hello")
                assert await one.wait(5)
                assert await other.wait(5)
                assert one.message == "hello"
                assert not await third.wait(0.01)
            assert len(waiters) == 0

    asyncio.run(check())


def test_a_wake_up_between_two_waits_counts(addresses: dict[str, str], broker: "redis.Redis") -> None:
    """What is published after registering and before waiting is not missed."""

    async def check() -> None:
        async with listening(addresses["redis_url"]) as waiters:
            await waiters.require()
            with waiters.watch("a") as waiter:
                waiter.wake()
                assert await waiter.wait(0)
                assert not await waiter.wait(0)

    asyncio.run(check())


def test_a_reconnect_wakes_everybody(addresses: dict[str, str], broker: "redis.Redis") -> None:
    """After its connection was cut the listener is back within a second, and all waiters read again."""

    async def check() -> None:
        async with listening(addresses["redis_url"]) as waiters:
            await waiters.require()
            with waiters.watch("a") as waiter:
                for _ in range(3):
                    assert await asyncio.to_thread(broker.client_kill_filter, _type="pubsub") >= 1
                    assert await waiter.wait(5)
                    await waiters.require()
                await asyncio.to_thread(broker.publish, "celery-task-meta-a", "after")
                assert await waiter.wait(5)
                assert waiter.message == "after"

    asyncio.run(check())


def test_without_a_broker_nobody_waits_long() -> None:
    """A listener that never connects is an error after the outage limit, at once from then on."""

    async def check() -> None:
        async with listening("redis://127.0.0.1:1/0", outage_seconds=0.2) as waiters:
            for _ in range(2):
                with pytest.raises(UnavailableError) as raised:
                    await waiters.require()
                assert raised.value.code is ErrorCode.BROKER_UNAVAILABLE
            assert waiters.is_away

    asyncio.run(check())


def test_a_silent_connection_is_given_up() -> None:
    """A server that answers nothing more (a half-open connection) is noticed, not waited for."""

    async def check() -> None:
        connections = 0
        again = asyncio.Event()

        async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            if connections > 1:
                again.set()
            subscribed = False
            try:
                while data := await reader.read(4096):
                    for command, answer in _ANSWERS.items():
                        writer.write(answer * data.count(command) * (not subscribed))
                        subscribed |= command in data and command == b"PSUBSCRIBE"
            finally:
                writer.close()

        server = await asyncio.start_server(mute, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, listening(f"redis://127.0.0.1:{port}/0?protocol=2", silence_seconds=0.1) as waiters:
            await waiters.require()
            async with asyncio.timeout(5):
                await again.wait()

    asyncio.run(check())


_ANSWERS = {
    b"HELLO": b"+OK\r\n",
    b"CLIENT": b"+OK\r\n",
    b"PSUBSCRIBE": b"*3\r\n$10\r\npsubscribe\r\n$18\r\ncelery-task-meta-*\r\n:1\r\n",
}
