"""The image store without blocking the event loop."""

import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import redis
from anyio import CapacityLimiter, to_thread
from redis.exceptions import RedisError

from api.problems import broker_unavailable
from api.remembered import Remembered
from tasks import store
from tasks.metrics import Tally
from tasks.settings import Settings
from tasks.store import ImageMetadata, ImageStore

T = TypeVar("T")

KNOWN_IMAGES = 4096
"""Half a kilobyte each."""
SHOWN_BYTES = 32_000_000
"""Ten results of 3 MB: a page shows one several times, and those who follow a job fetch its result together."""
REMEMBERED_SECONDS = 60.0
"""An image that expired meanwhile lives so much longer, of a week."""


class StoreDoor:
    """Opens the store when it is first needed: who knows its address may start after the gateway. Blocking."""

    def __init__(self, settings: Settings, broker: "redis.Redis", tally: Tally) -> None:
        """Take the connection to ask for the address; nothing is sent yet. Bytes are counted in ``tally``."""
        self._settings = settings
        self._broker = broker
        self._tally = tally
        self._opening = threading.Lock()
        self._store: ImageStore | None = None

    def open(self) -> ImageStore:
        """Return the store. Raises ``UnavailableError`` (store_unavailable or broker_unavailable)."""
        with self._opening:
            if self._store is None:
                try:
                    self._store = store.connect(self._settings, self._broker, self._tally)
                except RedisError as error:
                    raise broker_unavailable() from error
            return self._store


class Images:
    """The store's methods, in threads of their own. Errors as there.

    What was told of an image is remembered for a moment: it never changes, and a page that shows a picture, or a
    client that polls one, asks again and again.
    """

    def __init__(self, door: StoreDoor, threads: int) -> None:
        """``threads`` are the calls that may run at once; the others queue."""
        self._door = door
        self._limiter = CapacityLimiter(threads)
        self._known: Remembered[tuple[str, str], ImageMetadata] = Remembered(
            most=KNOWN_IMAGES, seconds=REMEMBERED_SECONDS
        )
        self._shown: Remembered[str, bytes] = Remembered(most=SHOWN_BYTES, seconds=REMEMBERED_SECONDS, weight=len)

    async def put(self, metadata: ImageMetadata, data: bytes, *, durable: bool = True) -> None:
        """Store an image that was probed and hashed."""
        await self._call(lambda opened: opened.put_known(metadata, data, durable=durable))
        self._known.put((metadata.id, metadata.owner), metadata)

    async def open(self, image_id: str) -> bytes:
        """Return an image's bytes, whoever owns it: ask ``metadata`` first where the id came from a client."""
        return await self._call(lambda opened: opened.open(image_id))

    async def show(self, image_id: str) -> bytes:
        """Do the same as ``open`` for who may ask for these bytes again."""
        data = self._shown.get(image_id)
        if data is None:
            data = await self.open(image_id)
            self._shown.put(image_id, data)
        return data

    async def metadata(self, image_id: str, *, owner: str) -> ImageMetadata:
        """Return what is known of an owner's image; one that has expired is known for a little longer."""
        known = self._known.get((image_id, owner))
        if known is None:
            known = await self._call(lambda opened: opened.metadata(image_id, owner=owner))
            self._known.put((image_id, owner), known)
        return known

    async def exists(self, image_id: str, *, owner: str) -> bool:
        """Whether the owner has this image."""
        return await self._call(lambda opened: opened.exists(image_id, owner=owner))

    async def has_derived(self, image_id: str, key: str) -> bool:
        """Whether something of this key was computed from an image, whoever owns it."""
        return await self._call(lambda opened: opened.has_derived(image_id, key))

    async def keep(self, image_id: str, *, owner: str) -> None:
        """Make an image durable that may be in the hot tier only."""
        await self._call(lambda opened: opened.keep(image_id, owner=owner))

    async def require(self) -> None:
        """Raise ``UnavailableError`` (store_unavailable, broker_unavailable) unless the durable tier answers."""
        await self._call(lambda opened: opened.require())

    async def _call(self, use: Callable[[ImageStore], T]) -> T:
        return await to_thread.run_sync(partial(_use, self._door, use), limiter=self._limiter)


def _use(door: StoreDoor, use: Callable[[ImageStore], T]) -> T:
    return use(door.open())
