"""The image store: images travel through Darkroom as ids, never as pixels in a message.

An id is the sha256 of the bytes, so the same bytes twice are one image and an id that was tampered with names
nothing. Two tiers hold the bytes: a hot one in a Valkey of its own (LRU, never the broker's memory) and a durable one
behind ``obstore`` (a folder or S3). Who put an image is recorded apart from its bytes: ``metadata`` answers to that
owner only.

What is computed from an image alone, such as the masks of everything in it, is kept beside its bytes under a key that
names how it was computed. It is no image, is never listed as one, and expires like one. It is the same for all who
have put the image: whoever asks for it has to have shown, by ``metadata``, that the image is his.
"""

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import obstore
import redis
import structlog
from celery.exceptions import SoftTimeLimitExceeded
from obstore.exceptions import BaseError as ObstoreError, NotFoundError as ObjectNotFound
from obstore.store import LocalStore, ObjectStore, from_url
from redis.backoff import NoBackoff
from redis.retry import Retry

from tasks.addresses import has_password
from tasks.errors import ErrorCode, InputError, NotFoundError, UnavailableError
from tasks.imaging.probe import Format, Limits, probe
from tasks.keys import OWNER
from tasks.metrics import IMAGE_BYTES, Direction, Tally, Tier
from tasks.settings import Settings

T = TypeVar("T")

LOCAL_OWNER = "local"
"""Owner of everything while Darkroom asks nobody for a key."""

STORES_KEY = "darkroom:stores"
"""Where workers tell clients which stores they use, so that a client needs the broker's address only."""

HOT_ANSWER_SECONDS = 0.75
"""The durable tier has it too: waiting longer for the quick one would not be quick."""
STORE_CONNECT_SECONDS = 2.0
STORE_RETRIES = 2
"""Of a request that the object store refuses for a moment (S3's SlowDown, 5xx): within half a second."""
HOT_PAUSE_SECONDS = 2.0
"""How long a hot tier that failed is left alone; everything comes from the durable tier meanwhile."""
_HALF_SECONDS = 3600
"""A file that is half written for so long has lost its writer: the longest task takes minutes."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """What is known of a stored image without its bytes."""

    id: str
    format: Format
    width: int
    """Pixels, upright."""
    height: int
    owner: str
    created_at: float
    """Unix seconds."""

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what ``put`` has written."""
        fields = json.loads(text)
        return cls(**{**fields, "format": Format(fields["format"])})


def image_id(data: bytes) -> str:
    """Return the id of an image: the sha256 of its bytes in hex."""
    return hashlib.sha256(data).hexdigest()


class ImageStore:
    """Both tiers behind one door. Thread-safe; blocking, so the gateway calls it in threads."""

    def __init__(
        self,
        hot: "redis.Redis",
        durable: ObjectStore,
        *,
        hot_seconds: int,
        limits: Limits,
        tally: Tally | None = None,
    ) -> None:
        """Take connections; nothing is sent yet. Bytes that come and go are counted in ``tally``, if anybody counts."""
        self._hot = HotTier(hot, hot_seconds)
        self._durable = durable
        self._folder = _folder_of(durable)
        self._limits = limits
        self._tally = tally

    def put(self, data: bytes, *, owner: str = LOCAL_OWNER, durable: bool = True) -> ImageMetadata:
        """Store an image and return its metadata; once it returns, the image is in the durable tier if asked for.

        Raises ``InputError`` when the bytes are no acceptable image, ``UnavailableError`` (store_unavailable).
        """
        info = probe(data, self._limits)
        metadata = ImageMetadata(image_id(data), info.format, info.width, info.height, owner, time.time())
        self.put_known(metadata, data, durable=durable)
        return metadata

    def put_known(self, metadata: ImageMetadata, data: bytes, *, durable: bool = True) -> None:
        """Store an image that was probed and hashed already. Raises ``UnavailableError`` (store_unavailable)."""
        record_path = _record_path(metadata.id, metadata.owner)
        record = json.dumps(asdict(metadata)).encode()
        in_hot = self._put_hot({_hot_key(metadata.id): data, _hot_key(metadata.id, metadata.owner): record})
        if durable or not in_hot:
            with _store_errors(metadata.id):
                # The bytes first: whoever finds the record finds the image. Both writes are atomic.
                path = _bytes_path(metadata.id)
                if not self._has_kept(path, len(data)):
                    self._put_durable(path, data)
                self._put_durable(record_path, record)

    def keep(self, image_id: str, *, owner: str = LOCAL_OWNER) -> None:
        """Make an image durable that may be in the hot tier only; it lives on from now. Errors as ``open``."""
        if not (self._has_kept(_bytes_path(image_id)) and self._has_kept(_record_path(image_id, owner))):
            self.put(self.open(image_id), owner=owner)

    def open(self, image_id: str) -> bytes:
        """Return the bytes. Raises ``NotFoundError`` (image_unknown) or ``UnavailableError`` (store_unavailable)."""
        path = _bytes_path(image_id)
        data = self._get_hot(_hot_key(image_id))
        if data is not None:
            return data
        with _store_errors(image_id, half=self._hot.is_away):
            data = self._get_durable(path)
        self._put_hot({_hot_key(image_id): data})
        return data

    def metadata(self, image_id: str, *, owner: str = LOCAL_OWNER) -> ImageMetadata:
        """Return what is known of an image that ``owner`` has put. Another owner's image is unknown. Errors as open."""
        path = _record_path(image_id, owner)
        record = self._get_hot(_hot_key(image_id, owner))
        if record is None:
            with _store_errors(image_id, half=self._hot.is_away):
                record = self._get_durable(path)
        return ImageMetadata.from_json(record)

    def exists(self, image_id: str, *, owner: str = LOCAL_OWNER) -> bool:
        """Whether ``owner`` has put this image and it has not expired."""
        try:
            self.metadata(image_id, owner=owner)
        except NotFoundError:
            return False
        return True

    def put_derived(self, image_id: str, key: str, data: bytes) -> None:
        """Store what was computed from an image, in both tiers. Raises ``UnavailableError`` (store_unavailable)."""
        path = _derived_path(image_id, key)
        self._put_hot({_derived_key(image_id, key): data})
        with _store_errors(image_id):
            self._put_durable(path, data)

    def open_derived(self, image_id: str, key: str) -> bytes | None:
        """Return what was computed from an image, or None. Raises ``UnavailableError`` (store_unavailable)."""
        path = _derived_path(image_id, key)
        data = self._get_hot(_derived_key(image_id, key))
        if data is not None:
            return data
        try:
            with _store_errors(image_id):
                data = self._get_durable(path)
        except NotFoundError:
            return None
        self._put_hot({_derived_key(image_id, key): data})
        return data

    def has_derived(self, image_id: str, key: str) -> bool:
        """Whether it was computed and has not expired; nothing is read. Raises ``UnavailableError``."""
        path = _derived_path(image_id, key)
        if self._hot.has(_derived_key(image_id, key)):
            return True
        try:
            with _store_errors(image_id):
                obstore.head(self._durable, path)
        except NotFoundError:
            return False
        return True

    def require(self) -> None:
        """Raise ``UnavailableError`` (store_unavailable) unless the durable tier answers; nothing is changed.

        A folder that is not there any more, as its disk is not mounted, does not answer.
        """
        if self._folder is not None and not self._folder.is_dir():
            log.error("store.folder_missing", folder=str(self._folder))
            raise _unavailable()
        with contextlib.suppress(NotFoundError), _store_errors(_NOTHING):
            obstore.head(self._durable, _bytes_path(_NOTHING))

    def expire(self, older_than_seconds: float) -> int:
        """Delete what was last put so long ago from the durable tier; return how many objects went.

        What writers that were killed have left half written goes after an hour at most; it counts too.
        """
        limit = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
        deleted = 0
        with _store_errors("*"):
            for objects in obstore.list(self._durable, chunk_size=1000):
                old = [entry["path"] for entry in objects if entry["last_modified"] < limit]
                if old:
                    obstore.delete(self._durable, old)
                    deleted += len(old)
        return deleted + self._delete_halves(min(older_than_seconds, _HALF_SECONDS))

    def _delete_halves(self, older_than_seconds: float) -> int:
        """Delete what obstore calls ``NAME#NUMBER`` until it is whole, and neither lists nor deletes."""
        if self._folder is None:
            return 0
        deleted = 0
        for path in self._folder.rglob("*#*"):
            with contextlib.suppress(FileNotFoundError):  # it is whole by now, or another housekeeper's
                if time.time() - path.stat().st_mtime > older_than_seconds:
                    path.unlink()
                    deleted += 1
        return deleted

    def _has_kept(self, path: str, size: int | None = None) -> bool:
        """Whether a folder holds a file, of so many bytes if that is known; it lives on from now.

        Photos come again and again, with each edit of them. Only a folder can be told that they did.
        """
        if self._folder is None:
            return False
        try:
            held = (self._folder / path).stat().st_size
            is_whole = held > 0 if size is None else held == size
            if is_whole:
                os.utime(self._folder / path)
        except OSError:
            return False  # what is wrong with it, writing tells
        return is_whole

    def _put_hot(self, entries: Mapping[str, bytes]) -> bool:
        written = self._hot.put(entries)
        if written:
            self._count(Tier.HOT, Direction.WRITTEN, sum(map(len, entries.values())))
        return written

    def _get_hot(self, key: str) -> bytes | None:
        data = self._hot.get(key)
        if data is not None:
            self._count(Tier.HOT, Direction.READ, len(data))
        return data

    def _put_durable(self, path: str, data: bytes) -> None:
        obstore.put(self._durable, path, data)
        self._count(Tier.DURABLE, Direction.WRITTEN, len(data))

    def _get_durable(self, path: str) -> bytes:
        data = obstore.get(self._durable, path).bytes().to_bytes()
        self._count(Tier.DURABLE, Direction.READ, len(data))
        return data

    def _count(self, tier: Tier, direction: Direction, count: int) -> None:
        if self._tally is not None:
            self._tally.count(IMAGE_BYTES, self._tally.pool, tier, direction, by=count)


class HotTier:
    """The hot tier as the store uses it: it may fail, and then it costs nobody more than one time-out.

    After a failure nothing is asked of it for a while: behind a dead connection each question takes a time-out.
    Thread-safe.
    """

    def __init__(self, client: "redis.Redis", seconds: int) -> None:
        """Take a client that does not retry time-outs; what is written lives for so many seconds."""
        self._client = client
        self._seconds = seconds
        self._asked_again_at = 0.0

    @property
    def is_away(self) -> bool:
        """Whether it failed lately and is left alone."""
        return time.monotonic() < self._asked_again_at

    def put(self, entries: Mapping[str, bytes]) -> bool:
        """Write entries; return whether they are there now."""
        return self._ask(lambda: self._set(entries)) is not None

    def get(self, key: str) -> bytes | None:
        """Return an entry, which lives on from now; None if there is none, or it cannot be told."""
        data = self._ask(lambda: self._client.getex(key, ex=self._seconds))
        return data if isinstance(data, bytes) else None

    def has(self, key: str) -> bool:
        """Whether there is an entry; nothing is read."""
        return bool(self._ask(lambda: self._client.exists(key)))

    def _set(self, entries: Mapping[str, bytes]) -> list[Any]:
        with self._client.pipeline(transaction=False) as pipe:
            for key, data in entries.items():
                pipe.set(key, data, ex=self._seconds)
            return pipe.execute()

    def _ask(self, question: Callable[[], T]) -> T | None:
        if self.is_away:
            return None
        try:
            return question()
        except redis.RedisError as error:
            self._asked_again_at = time.monotonic() + HOT_PAUSE_SECONDS
            log.warning("store.hot_tier_unavailable", reason=str(error), pause_seconds=HOT_PAUSE_SECONDS)
            return None


def connect(settings: Settings, broker: "redis.Redis", tally: Tally | None = None) -> ImageStore:
    """Open the store of the settings; addresses that are not set are asked of the broker, where workers tell theirs.

    Bytes are counted in ``tally``, if anybody counts. Raises ``UnavailableError`` (store_unavailable) when
    nobody knows the addresses.
    """
    cache_url, store_url = settings.image_cache_url, settings.image_store_url
    if not (cache_url and store_url):
        told_cache, told_store = broker.hmget(STORES_KEY, "cache", "store")
        cache_url, store_url = cache_url or _text(told_cache), store_url or _text(told_store)
    if not (cache_url and store_url):
        raise UnavailableError(
            ErrorCode.STORE_UNAVAILABLE,
            "No image store is known: start Darkroom's workers, or set IMAGE_STORE_URL and IMAGE_CACHE_URL (workers do "
            "not tell an address that holds a password).",
        )
    hot = redis.Redis.from_url(
        cache_url,
        socket_timeout=HOT_ANSWER_SECONDS,
        socket_connect_timeout=HOT_ANSWER_SECONDS,
        socket_keepalive=True,
        health_check_interval=5,
        # A server that was restarted has closed every connection: that is worth one more try. A time-out is not.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )
    return ImageStore(
        hot,
        _durable_store(store_url, settings.store_answer_seconds),
        hot_seconds=settings.image_hot_seconds,
        limits=Limits(max_pixels=settings.max_image_pixels),
        tally=tally,
    )


def tell(settings: Settings, broker: "redis.Redis") -> None:
    """Tell clients which stores this worker uses; an address with a password stays out of the broker and its files."""
    cache, store = settings.image_cache_url, settings.image_store_url
    if cache and store and not (has_password(cache) or has_password(store)):
        broker.hset(STORES_KEY, mapping={"cache": cache, "store": store})


def _text(value: str | bytes | None) -> str | None:
    return value.decode() if isinstance(value, bytes) else value


def _durable_store(url: str, answer_seconds: float) -> ObjectStore:
    parts = urlsplit(url)
    if parts.scheme == "file":
        with _store_errors("*"):
            return LocalStore(Path(parts.path), mkdir=True)
    store: ObjectStore = from_url(
        url,
        client_options={
            "timeout": f"{answer_seconds}s",
            "connect_timeout": f"{min(STORE_CONNECT_SECONDS, answer_seconds)}s",
            # Only an endpoint that somebody has named so is spoken to without TLS.
            "allow_http": True,
        },
        # obstore's own ten retries in three minutes hold up whoever waits for a 503; a job comes back by itself.
        retry_config={"max_retries": STORE_RETRIES, "retry_timeout": timedelta(seconds=answer_seconds)},
    )
    return store


def _folder_of(durable: ObjectStore) -> Path | None:
    """Return where a store is a folder."""
    root = durable.prefix if isinstance(durable, LocalStore) else None
    return None if root is None else Path(root)


def _hot_key(image_id: str, owner: str | None = None) -> str:
    return f"image:{image_id}" if owner is None else f"image:{image_id}:{owner}"


def _derived_key(image_id: str, key: str) -> str:
    return f"derived:{image_id}:{key}"


_ID = re.compile(r"[0-9a-f]{64}")
_NOTHING = "0" * 64
"""The id of no image."""
_KEY = re.compile(r"[\w-]{1,80}")


def _require_id(image_id: str) -> None:
    # Ids come in messages: none may leave the store's folder, or be another kind of key.
    if not _ID.fullmatch(image_id):
        raise _unknown(image_id)


def _bytes_path(image_id: str) -> str:
    _require_id(image_id)
    return f"images/{image_id[:2]}/{image_id}"


def _derived_path(image_id: str, key: str) -> str:
    _require_id(image_id)
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a key of derived data: {key!r}")
    return f"derived/{image_id[:2]}/{image_id}/{key}"


def _record_path(image_id: str, owner: str) -> str:
    _require_id(image_id)
    if not OWNER.fullmatch(owner):
        raise InputError(ErrorCode.PARAMETER_INVALID, "An owner is 1 to 64 letters, digits, _ or -.")
    return f"owners/{owner}/{image_id[:2]}/{image_id}.json"


@contextmanager
def _store_errors(image_id: str, *, half: bool = False) -> Iterator[None]:
    """Translate the durable tier's errors; with ``half`` of the store away, what is not there may be in that half."""
    try:
        yield
    except (ObjectNotFound, FileNotFoundError) as error:
        raise _unavailable() if half else _unknown(image_id) from error
    except SoftTimeLimitExceeded as error:
        # The task's time ran out while it waited here: not the photo is slow, the store is.
        raise _unavailable() from error
    except (ObstoreError, OSError) as error:
        log.exception("store.unavailable", image_id=image_id)
        raise _unavailable() from error


def _unavailable() -> UnavailableError:
    return UnavailableError(ErrorCode.STORE_UNAVAILABLE, "The image store does not answer; try again in a few seconds.")


def _unknown(image_id: str) -> NotFoundError:
    return NotFoundError(
        ErrorCode.IMAGE_UNKNOWN, f"There is no image {image_id[:80]}; it may have expired: upload it again."
    )
