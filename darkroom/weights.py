"""Weights from an object store into the models folder: many ranges at once, as one connection to S3 is slow.

A file is written under another name, checked, and renamed: under its own name it is whole. What was fetched is noted
(``.fetched.json``), and is fetched again only when the store's size or entity tag, or the file itself, has changed.

The check is by size and, where the sums lie beside the files (``SHA256SUMS`` or ``NAME.sha256``, as `darkroom models
pull` leaves them), by sha256. An entity tag is no checksum: S3's is an MD5 only of what was neither encrypted with a
key of one's own nor put in parts. Ranges come with the tag that was listed as a condition, so a file that is replaced
meanwhile is an error and never a mixture.
"""

import contextlib
import errno
import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError
from obstore.store import ObjectStore, from_url

from darkroom.errors import CommandError, UsageError
from darkroom.models import SUMS, digest

RANGE_BYTES = 16 * 2**20
"""S3's performance guide: ranges of 8 or 16 MB. A longer one wastes less of its 50 ms until the first byte."""
RANGES_AT_ONCE = 32
"""The same guide: a connection gives 85 to 90 MB/s, so these are 2.7 GB/s, about what one NVMe disk of an instance
takes. Together they are the memory that a fetch needs: 512 MiB."""
MANIFEST = ".fetched.json"
"""What was fetched, in the models folder."""
PART = ".part"
"""Ends the name of a file that is not whole yet."""
_REQUEST_SECONDS = "60s"
"""For one range: at 0.3 MB/s. A silent connection is replaced after this."""

Progress = Callable[[int, int], None]
"""Takes the bytes that are there and the bytes in all."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch did."""

    files: int
    bytes: int
    skipped: int
    """Files that were there already."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A file in the store."""

    path: str
    """Below the prefix, with ``/``."""
    size: int
    tag: str | None


def fetch(
    url: str,
    folder: Path,
    progress: Progress,
    *,
    region: str | None = None,
    lasting: bool = True,
    stop: threading.Event | None = None,
    at_once: int = RANGES_AT_ONCE,
) -> Fetched:
    """Fetch everything below ``url`` (``s3://bucket/prefix``) into a folder; what is not there any more is left alone.

    ``lasting`` waits until the disk has each file, which costs a machine that boots its page cache's speed. ``stop``
    ends it early. Raises ``UsageError`` when the address, its rights or the folder have to change, ``CommandError``
    when the store fails, what came is not what it should be, or it was stopped.
    """
    with _sentences(url, folder):
        store = _open(url, region)
        remote = _listed(store, url)
        folder.mkdir(parents=True, exist_ok=True)
        manifest = Manifest(folder)
        wanted = [each for each in remote if not manifest.holds(each)]
        _require_room(folder, wanted)
        sums = _sums(store, remote)
        with contextlib.ExitStack() as opened, ThreadPoolExecutor(at_once, thread_name_prefix="weights") as pool:
            parts = [
                opened.enter_context(_Part.open(folder, each, sums.get(each.path), lasting=lasting)) for each in wanted
            ]
            _fetch_all(pool, store, parts, manifest, progress, stop or threading.Event())
    return Fetched(len(wanted), sum(each.size for each in wanted), len(remote) - len(wanted))


class Manifest:
    """What a folder holds of the store. Safe for several threads."""

    def __init__(self, folder: Path) -> None:
        """Read it; one that cannot be read counts as empty."""
        self._folder = folder
        self._lock = threading.Lock()
        try:
            self._files: dict[str, Any] = json.loads((folder / MANIFEST).read_text())["files"]
        except (OSError, ValueError, KeyError, TypeError):
            self._files = {}

    def holds(self, remote: Remote) -> bool:
        """Whether the file is there as it was fetched, and the store's is still the same."""
        found = self._entry(remote)
        return found is not None and self._files.get(remote.path) == found

    def add(self, remote: Remote) -> None:
        """Note a file that is there now."""
        with self._lock:
            self._files[remote.path] = self._entry(remote)
            partial = self._folder / (MANIFEST + PART)
            partial.write_text(json.dumps({"files": self._files}, indent=1))
            partial.replace(self._folder / MANIFEST)

    def _entry(self, remote: Remote) -> dict[str, Any] | None:
        try:
            found = (self._folder / remote.path).stat()
        except OSError:
            return None
        if found.st_size != remote.size:
            return None
        return {"size": remote.size, "tag": remote.tag, "changed_ns": found.st_mtime_ns}


class _Part:
    """A file on its way: ranges are written from many threads, and the last one finishes it."""

    def __init__(self, folder: Path, remote: Remote, sha256: str | None, descriptor: int, *, lasting: bool) -> None:
        self.remote = remote
        self._place = folder / remote.path
        self._sha256 = sha256
        self._descriptor = descriptor
        self._lasting = lasting
        self._left = remote.size
        self._lock = threading.Lock()

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path, remote: Remote, sha256: str | None, *, lasting: bool) -> Iterator["_Part"]:
        """Open it with its full size, so that a disk which is full says so now; what is not finished is removed."""
        partial = folder / (remote.path + PART)
        partial.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            if remote.size and sys.platform == "linux":
                os.posix_fallocate(descriptor, 0, remote.size)
            yield cls(folder, remote, sha256, descriptor, lasting=lasting)
        finally:
            os.close(descriptor)
            partial.unlink(missing_ok=True)

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Return first byte and end of each range; one, which is empty, of an empty file."""
        size = self.remote.size
        return ((start, min(start + RANGE_BYTES, size)) for start in range(0, size or 1, RANGE_BYTES))

    def write(self, data: memoryview, offset: int) -> bool:
        """Write a range; return whether it was the last one."""
        length = len(data)
        while data:
            written = os.pwrite(self._descriptor, data, offset)
            data, offset = data[written:], offset + written
        with self._lock:
            self._left -= length
            return self._left == 0

    def finish(self) -> None:
        """Check the file and give it its name. Raises ``CommandError``."""
        partial = self._place.with_name(self._place.name + PART)
        found = digest(partial) if self._sha256 else None
        if found != self._sha256:
            raise CommandError(
                f"{self.remote.path} is not what its sum beside it says: its sha256 is {found}, expected "
                f"{self._sha256}. It was not kept; put file and sum into the store again."
            )
        if self._lasting:
            os.fsync(self._descriptor)
        partial.replace(self._place)


def _fetch_all(
    pool: ThreadPoolExecutor,
    store: ObjectStore,
    parts: list[_Part],
    manifest: Manifest,
    progress: Progress,
    stop: threading.Event,
) -> None:
    def fetch_range(part: _Part, start: int, end: int) -> int:
        if stop.is_set():
            raise CommandError("The fetch of the weights was stopped.")
        if part.write(_range(store, part.remote, start, end), start):
            part.finish()
            manifest.add(part.remote)
        return end - start

    total = sum(part.remote.size for part in parts)
    waiting: list[Future[int]] = [pool.submit(fetch_range, part, *each) for part in parts for each in part.ranges()]
    done = 0
    try:
        for each in as_completed(waiting):
            done += each.result()
            progress(done, total)
    finally:
        # The files are closed next: nothing may write any more. What runs now ends within a request.
        pool.shutdown(cancel_futures=True)


def _range(store: ObjectStore, remote: Remote, start: int, end: int) -> memoryview:
    if start == end:
        return memoryview(b"")
    got = obstore.get(store, remote.path, options={"range": (start, end), "if_match": remote.tag})
    data = memoryview(got.bytes())
    if len(data) != end - start:
        raise CommandError(f"{remote.path}: the store gave {len(data)} bytes of the {end - start} from {start} on.")
    return data


def _open(url: str, region: str | None) -> ObjectStore:
    options: dict[str, Any] = {"region": region} if region and url.startswith("s3://") else {}
    return from_url(url, client_options={"timeout": _REQUEST_SECONDS, "allow_http": True}, **options)


def _listed(store: ObjectStore, url: str) -> list[Remote]:
    found = [
        Remote(each["path"], each["size"], each["e_tag"])
        for chunk in obstore.list(store, chunk_size=1000)
        for each in chunk
    ]
    folders = {str(parent) for each in found for parent in PurePosixPath(each.path).parents}
    # Consoles mark a folder with an empty object of its name.
    files = [each for each in found if each.path not in folders]
    if not files:
        raise UsageError(
            f"There is nothing below {url}: put the models there (docs/machines.md), or name another prefix."
        )
    unsafe = [each.path for each in files if ".." in PurePosixPath(each.path).parts or each.path.startswith("/")]
    if unsafe:
        raise UsageError(f"{url} holds a name that leads out of the models folder: {unsafe[0]}.")
    return sorted(files, key=lambda each: each.path)


_SUM = re.compile(r"^([0-9a-f]{64}) [ *](.+)$", re.MULTILINE)


def _sums(store: ObjectStore, remote: list[Remote]) -> Mapping[str, str]:
    """Return the sha256 of each file that a list beside it names."""
    lists = [PurePosixPath(each.path) for each in remote if each.path.endswith(f"/{SUMS}") or each.path == SUMS]
    lists += [PurePosixPath(each.path) for each in remote if each.path.endswith(".sha256")]
    return {
        str(path.parent / name): sha256
        for path in lists
        for sha256, name in _SUM.findall(obstore.get(store, str(path)).bytes().to_bytes().decode(errors="replace"))
    }


def _require_room(folder: Path, wanted: list[Remote]) -> None:
    needed, free = sum(each.size for each in wanted), shutil.disk_usage(folder).free
    if needed > free:
        raise UsageError(
            f"The models need {needed / 1e9:.1f} GB more in {folder.absolute()}, and {free / 1e9:.1f} GB are free "
            "there: set DARKROOM_MODELS_FOLDER to a larger disk."
        )


@contextlib.contextmanager
def _sentences(url: str, folder: Path) -> Iterator[None]:
    """Translate what a store and a disk can say."""
    try:
        yield
    except PreconditionError as error:
        raise CommandError(f"A file of {url} was replaced while it was fetched; fetch again.") from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise UsageError(f"{url} may not be read: {_first(error)}. It takes s3:ListBucket and s3:GetObject.") from error
    except FileNotFoundError as error:
        raise UsageError(f"{url} is not there: {_first(error)}.") from error
    except (BaseError, ValueError) as error:
        raise CommandError(f"{url} cannot be fetched: {_first(error)}.") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise UsageError(f"The disk of {folder.absolute()} is full; the models did not fit.") from error
        raise UsageError(f"Cannot write to {folder.absolute()}: {error.strerror or error}.") from error


def _first(error: Exception) -> str:
    """Return the first line of an error, without the document that a store answered: obstore writes pages."""
    return str(error).strip().split("\n")[0].partition("<?xml")[0].rstrip(". :")
