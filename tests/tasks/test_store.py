"""The image store with both its tiers."""

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from obstore.store import LocalStore
from redis.backoff import NoBackoff
from redis.retry import Retry

from tasks.errors import ErrorCode, InputError, NotFoundError, UnavailableError
from tasks.imaging.probe import Format, Limits
from tasks.settings import Settings
from tasks.store import STORES_KEY, ImageStore, connect, image_id, tell
from tests.tasks import pictures

PNG = pictures.encoded(pictures.photo(40, 30))


@pytest.fixture
def hot(environment: dict[str, str]) -> Iterator[redis.Redis]:
    """An empty hot tier."""
    client = redis.Redis.from_url(environment["IMAGE_CACHE_URL"].replace("/0", "/3"))
    client.flushdb()
    yield client
    client.close()


@pytest.fixture
def images(hot: redis.Redis, tmp_path: Path) -> ImageStore:
    """A store on it, and on a folder."""
    return ImageStore(hot, LocalStore(tmp_path), hot_seconds=60, limits=Limits())


@pytest.fixture
def nowhere() -> redis.Redis:
    """A hot tier that is away."""
    return redis.Redis(port=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0))


def test_an_image_comes_back_as_it_was_put(images: ImageStore) -> None:
    """The id is the sha256 of the bytes, and the metadata tells format, size and owner."""
    put = images.put(PNG, owner="ann")
    assert put.id == image_id(PNG)
    assert (put.format, put.width, put.height, put.owner) == (Format.PNG, 40, 30, "ann")
    assert images.open(put.id) == PNG
    assert images.metadata(put.id, owner="ann") == put


def test_the_same_bytes_twice_are_one_image(images: ImageStore, tmp_path: Path) -> None:
    """Two puts, also by two owners and at once, leave one object of bytes."""
    with ThreadPoolExecutor(8) as pool:
        ids = {put.id for put in pool.map(lambda n: images.put(PNG, owner=f"o{n % 2}"), range(16))}
    assert len(ids) == 1
    assert [path.name for path in (tmp_path / "images").rglob("*") if path.is_file()] == [*ids]


def test_an_image_is_unknown_to_who_has_not_put_it(images: ImageStore) -> None:
    """Metadata and existence answer to the owner only."""
    put = images.put(PNG, owner="ann")
    assert images.exists(put.id, owner="ann")
    assert not images.exists(put.id, owner="bob")
    with pytest.raises(NotFoundError):
        images.metadata(put.id, owner="bob")


def test_the_durable_tier_serves_when_the_hot_one_forgot(images: ImageStore, hot: redis.Redis) -> None:
    """After an eviction, bytes and metadata come from the durable tier, and the bytes are hot again."""
    put = images.put(PNG)
    hot.flushdb()
    assert images.open(put.id) == PNG
    assert hot.exists(f"image:{put.id}")
    assert images.metadata(put.id) == put


@pytest.mark.parametrize("again", ["put", "keep"])
def test_what_is_kept_lives_on_and_is_not_written_again(images: ImageStore, tmp_path: Path, again: str) -> None:
    """A photo that comes with each edit of it costs one write; its file counts as new for what deletes the old."""
    put = images.put(PNG)
    kept = next(path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == PNG)
    inode = kept.stat().st_ino
    os.utime(kept, (0, 0))
    images.put(PNG) if again == "put" else images.keep(put.id)
    assert kept.stat().st_ino == inode
    assert kept.stat().st_mtime > time.time() - 60


def test_half_a_file_is_written_anew(images: ImageStore, hot: redis.Redis, tmp_path: Path) -> None:
    """What a full disk or a bad day has left of an image is mended by its next upload."""
    put = images.put(PNG)
    kept = next(path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == PNG)
    kept.write_bytes(PNG[:100])
    images.put(PNG)
    hot.flushdb()
    assert images.open(put.id) == PNG


def test_a_hot_image_is_kept_on_demand(images: ImageStore, hot: redis.Redis) -> None:
    """Then it outlives the hot tier."""
    put = images.put(PNG, durable=False)
    images.keep(put.id)
    hot.flushdb()
    assert images.open(put.id) == PNG


def test_a_hot_image_is_not_durable(images: ImageStore, hot: redis.Redis, tmp_path: Path) -> None:
    """An image put for the hot tier only is gone with it, and has a time to live there."""
    put = images.put(PNG, durable=False)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
    assert 0 < hot.ttl(f"image:{put.id}") <= 60
    hot.flushdb()
    with pytest.raises(NotFoundError) as caught:
        images.open(put.id)
    assert caught.value.code is ErrorCode.IMAGE_UNKNOWN


def test_without_the_hot_tier_everything_goes_to_the_durable_one(nowhere: redis.Redis, tmp_path: Path) -> None:
    """A hot tier that is away costs speed, not images."""
    images = ImageStore(nowhere, LocalStore(tmp_path), hot_seconds=60, limits=Limits())
    put = images.put(PNG, durable=False)
    assert images.open(put.id) == PNG
    assert images.metadata(put.id) == put


def test_a_store_that_fails_is_a_clear_error(nowhere: redis.Redis, tmp_path: Path) -> None:
    """When neither tier can write, the error is store_unavailable, not one of a library."""
    folder = tmp_path / "store"
    images = ImageStore(nowhere, LocalStore(folder, mkdir=True), hot_seconds=60, limits=Limits())
    folder.rmdir()
    folder.write_text("no folder any more")
    with pytest.raises(UnavailableError) as caught:
        images.put(PNG)
    assert caught.value.code is ErrorCode.STORE_UNAVAILABLE


def test_only_images_are_stored(images: ImageStore, hot: redis.Redis) -> None:
    """Bytes that are no image are refused, and nothing is written."""
    with pytest.raises(InputError):
        images.put(b"hello")
    assert hot.dbsize() == 0


def test_old_images_expire_and_a_put_keeps_them(images: ImageStore, tmp_path: Path) -> None:
    """Expiry goes by the last put: what was put again lives on."""
    old, kept = images.put(PNG), images.put(pictures.encoded(pictures.photo(8, 8)))
    past = time.time() - 1000
    for path in tmp_path.rglob("*"):
        if path.is_file():
            os.utime(path, (past, past))
    images.put(pictures.encoded(pictures.photo(8, 8)))
    assert images.expire(500) == 2
    names = {path.name for path in (tmp_path / "images").rglob("*") if path.is_file()}
    assert names == {kept.id}
    assert old.id not in names


def test_a_client_learns_the_stores_from_the_broker(environment: dict[str, str], tmp_path: Path) -> None:
    """With only the broker's address, a client finds what the workers told; with nothing told, it says so."""
    broker = redis.Redis.from_url(environment["REDIS_URL"].replace("/0", "/4"), decode_responses=True)
    broker.flushdb()
    bare = Settings(redis_url=environment["REDIS_URL"], image_cache_url=None, image_store_url=None)
    with pytest.raises(UnavailableError) as caught:
        connect(bare, broker)
    assert "IMAGE_STORE_URL" in caught.value.detail
    full = Settings(image_cache_url=environment["IMAGE_CACHE_URL"], image_store_url=f"file://{tmp_path}/durable")
    tell(full, broker)
    assert json.dumps(broker.hgetall(STORES_KEY))
    put = connect(full, broker).put(PNG)
    assert connect(bare, broker).open(put.id) == PNG


@pytest.mark.parametrize("hostile", ["../../etc/passwd", "", "A" * 64, "a" * 63, "a" * 64 + "/x", "a" * 64 + "\n"])
def test_only_an_id_names_an_image(images: ImageStore, hostile: str) -> None:
    """A path in place of an id is an unknown image, whoever sends it."""
    with pytest.raises(NotFoundError):
        images.open(hostile)


@pytest.mark.parametrize("hostile", ["../ann", "", "a/b", "a" * 65])
def test_only_a_name_is_an_owner(images: ImageStore, hostile: str) -> None:
    """An owner cannot be a path."""
    with pytest.raises(InputError):
        images.put(PNG, owner=hostile)


def test_what_was_computed_from_an_image_is_kept_beside_it(images: ImageStore, hot: redis.Redis) -> None:
    """It comes back under its image and key only, from either tier, and from the durable one it becomes hot again."""
    put = images.put(PNG)
    images.put_derived(put.id, "masks-1", b"masks")
    assert images.open_derived(put.id, "masks-1") == b"masks"
    assert images.open_derived(put.id, "masks-2") is None
    assert images.open_derived("0" * 64, "masks-1") is None
    hot.flushdb()
    assert images.has_derived(put.id, "masks-1")
    assert hot.dbsize() == 0
    assert images.open_derived(put.id, "masks-1") == b"masks"
    assert hot.dbsize() == 1
    assert 0 < hot.ttl(hot.keys()[0]) <= 60


def test_whether_it_was_computed_is_known_without_reading_it(images: ImageStore, hot: redis.Redis) -> None:
    """Either tier suffices to know."""
    put = images.put(PNG)
    assert not images.has_derived(put.id, "masks")
    images.put_derived(put.id, "masks", b"x" * 1000)
    assert images.has_derived(put.id, "masks")
    images.expire(0)
    assert images.has_derived(put.id, "masks")
    hot.flushdb()
    assert not images.has_derived(put.id, "masks")
    assert images.open_derived(put.id, "masks") is None


def test_what_was_computed_is_no_image(images: ImageStore) -> None:
    """It cannot be opened by an id, and the image's own record does not change."""
    put = images.put(PNG)
    images.put_derived(put.id, "masks", b"masks")
    with pytest.raises(NotFoundError):
        images.open(image_id(b"masks"))
    assert images.metadata(put.id) == put


def test_what_a_killed_writer_left_expires(images: ImageStore, tmp_path: Path) -> None:
    """Half a file goes after an hour, however long images live; one that may be being written stays."""
    place = next(path for path in (tmp_path / "images").rglob(images.put(PNG).id) if path.is_file())
    old, fresh = (place.with_name(f"{place.name}#{number}") for number in (1, 2))
    for half in (old, fresh):
        half.write_bytes(PNG[:9])
    past = time.time() - 4000
    os.utime(old, (past, past))
    assert images.expire(100_000) == 1
    assert (old.exists(), fresh.exists(), place.exists()) == (False, True, True)


def test_what_was_computed_expires_with_its_image(images: ImageStore, tmp_path: Path) -> None:
    """Expiry deletes the old from the durable tier, whatever it is."""
    put = images.put(PNG)
    images.put_derived(put.id, "masks", b"masks")
    for path in tmp_path.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 100,) * 2)
    assert images.expire(50) == 3
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_no_key_leaves_the_store(images: ImageStore) -> None:
    """Neither an id nor a key that is a path reaches the file system."""
    for use in (images.open_derived, images.has_derived, lambda *names: images.put_derived(*names, b"x")):
        with pytest.raises(NotFoundError):
            use("../" * 21 + "x", "masks")
        with pytest.raises(ValueError, match="key"):
            use("0" * 64, "../masks")


def test_masks_are_found_without_the_hot_tier(nowhere: redis.Redis, tmp_path: Path) -> None:
    """A hot tier that is away costs speed only."""
    images = ImageStore(nowhere, LocalStore(tmp_path), hot_seconds=60, limits=Limits())
    put = images.put(PNG)
    images.put_derived(put.id, "masks", b"masks")
    assert images.has_derived(put.id, "masks")
    assert images.open_derived(put.id, "masks") == b"masks"
