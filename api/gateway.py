"""What the gateway has open from its start to its end, and how a request gets at it."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Annotated, Any, NoReturn

import redis
import redis.asyncio
from fastapi import Depends, Request
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ConstantBackoff, NoBackoff
from redis.retry import Retry

from api.access import Access
from api.calls import Calls, Timing
from api.cancels import Cancels
from api.connections import make_truthful
from api.conversions import Conversions
from api.inputs import BodyReader
from api.keyring import KeyRing
from api.metrics import POOL, Scrapes, tell
from api.pools import Pools
from api.problems import broker_unavailable
from api.rates import Rates, Traffic
from api.readiness import Readiness
from api.settings import GatewaySettings
from api.smart_masks import SmartMasks
from api.storage import Images, StoreDoor
from api.utilities import Utilities
from api.waiting import Waiters
from tasks.app import app as celery
from tasks.imaging.probe import Limits
from tasks.keys import AccessMode
from tasks.ledger import AsyncLedger
from tasks.metrics import Tally
from tasks.queues import Queue

_RETRY_DELAY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Gateway:
    """Opened by the app's lifespan."""

    settings: GatewaySettings
    ledger: AsyncLedger
    waiters: Waiters
    images: Images
    bodies: BodyReader
    pools: Pools
    utilities: Utilities
    smart_masks: SmartMasks
    cancels: Cancels
    conversions: Conversions
    access: Access
    readiness: Readiness
    scrapes: Scrapes


async def gateway(request: Request) -> Gateway:
    """Return what is open. Like all dependencies a coroutine: FastAPI gives plain functions a thread each."""
    opened: Gateway = request.state.gateway
    return opened


async def connected_gateway(opened: Annotated[Gateway, Depends(gateway)]) -> Gateway:
    """Return what is open. Raises ``UnavailableError`` (broker_unavailable) at once while the broker is known away."""
    if opened.waiters.is_away:
        raise broker_unavailable()
    return opened


GatewayDep = Annotated[Gateway, Depends(gateway)]
ConnectedDep = Annotated[Gateway, Depends(connected_gateway)]


@asynccontextmanager
async def open_gateway(settings: GatewaySettings) -> AsyncIterator[Gateway]:
    """Open all that the routes need. Nothing has to answer yet: a gateway without its broker says so with 503."""
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(_broker(settings))
        listener = await stack.enter_async_context(_listener_client(settings))
        asker = stack.enter_context(_blocking_client(settings))
        waiters = Waiters(listener, outage_seconds=settings.outage_seconds, silence_seconds=settings.silence_seconds)
        await stack.enter_async_context(_listening(waiters))
        stack.enter_context(_stopped_by_signals(waiters))
        ring = KeyRing(broker, refresh_seconds=settings.key_refresh_seconds, outage_seconds=settings.key_outage_seconds)
        if settings.access is AccessMode.KEYS:
            await stack.enter_async_context(_running(ring.run(), "keys"))
        access = Access(settings.access, ring, _rates(settings, broker))
        tally = Tally(POOL)
        await stack.enter_async_context(_running(tell(tally, AsyncLedger(broker), settings.metrics_seconds), "metrics"))
        images = Images(StoreDoor(settings, asker, tally), settings.store_threads)
        yield _assembled(settings, broker, waiters, images, access, tally)


def _rates(settings: GatewaySettings, broker: "redis.asyncio.Redis") -> Rates:
    rates = {
        Traffic.EDITS: settings.rate_edits,
        Traffic.UTILITIES: settings.rate_utilities,
        Traffic.UPLOADS: settings.rate_uploads,
        Traffic.READS: settings.rate_reads,
    }
    return Rates(broker.connection_pool, rates)


def _assembled(
    settings: GatewaySettings,
    broker: "redis.asyncio.Redis",
    waiters: Waiters,
    images: Images,
    access: Access,
    tally: Tally,
) -> Gateway:
    ledger = AsyncLedger(broker)
    pixels = Limits(max_pixels=settings.max_image_pixels)
    limits = {
        Queue.GENERATION: settings.max_waiting_jobs,
        Queue.IMAGE_UTILS: settings.max_waiting_messages,
        Queue.SEGMENTATION: settings.max_waiting_photos,
    }
    pools = Pools(ledger, limits, settings.broker_memory_share)
    timing = Timing(settings.utility_wait_seconds, settings.reread_seconds, settings.resend_seconds)
    calls = Calls(celery, broker, waiters, pools, timing)
    utilities = Utilities(calls)
    return Gateway(
        settings=settings,
        ledger=ledger,
        waiters=waiters,
        images=images,
        bodies=BodyReader(images, pixels, settings.body_threads, settings.max_checked_mask_pixels),
        pools=pools,
        utilities=utilities,
        smart_masks=SmartMasks(calls, broker, images, pools, settings.segmentation_engine, tally),
        cancels=Cancels(broker, waiters, settings.reread_seconds),
        conversions=Conversions(utilities, images, broker, settings.image_hot_seconds),
        access=access,
        readiness=Readiness(pools, images),
        scrapes=Scrapes(ledger, seconds=settings.scrape_seconds),
    )


@asynccontextmanager
async def _broker(settings: GatewaySettings) -> "AsyncIterator[redis.asyncio.Redis]":
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        settings.redis_url,
        max_connections=settings.broker_connections,
        timeout=settings.broker_connect_seconds,
        decode_responses=True,
        socket_timeout=settings.broker_timeout_seconds,
        socket_connect_timeout=settings.broker_connect_seconds,
        socket_keepalive=True,
        health_check_interval=5,
        # A connection that was reset is worth one more try; a time-out has cost the client its patience already.
        retry=AsyncRetry(ConstantBackoff(_RETRY_DELAY_SECONDS), 1, supported_errors=(redis.ConnectionError,)),
    )
    make_truthful(pool)
    client = redis.asyncio.Redis.from_pool(pool)
    try:
        yield client
    finally:
        await client.aclose()


@asynccontextmanager
async def _listener_client(settings: GatewaySettings) -> "AsyncIterator[redis.asyncio.Redis]":
    client = redis.asyncio.Redis.from_url(
        settings.redis_url,
        decode_responses=True,
        socket_connect_timeout=settings.broker_connect_seconds,
        socket_keepalive=True,
        retry=AsyncRetry(NoBackoff(), 0),
    )
    make_truthful(client.connection_pool)
    try:
        yield client
    finally:
        await client.aclose()


@contextmanager
def _blocking_client(settings: GatewaySettings) -> "Iterator[redis.Redis]":
    client = redis.Redis.from_url(
        settings.redis_url,
        decode_responses=True,
        socket_timeout=settings.broker_timeout_seconds,
        socket_connect_timeout=settings.broker_connect_seconds,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        yield client
    finally:
        client.close()


@asynccontextmanager
async def _listening(waiters: Waiters) -> AsyncIterator[None]:
    async with _running(waiters.run(), "listener"):
        try:
            yield
        finally:
            waiters.stop()


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, NoReturn], name: str) -> AsyncIterator[None]:
    running = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


@contextmanager
def _stopped_by_signals(waiters: Waiters) -> Iterator[None]:
    """Tell long waits of SIGTERM and SIGINT: the server waits for open streams before it ends the lifespan."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(waiters.stop)
        server_handler = before[signal.Signals(number)]
        if callable(server_handler):
            server_handler(number, frame)

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is stop:
                signal.signal(number, handler)
