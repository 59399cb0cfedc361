"""Weights from a bucket into a folder: one stream against `darkroom models fetch`, by how many ranges come at once.

The bucket is on the loopback interface, in a process of its own (``tests.darkroom.bucket``): once with a bound per
connection, as S3 has one, and once as fast as this machine gives. The bound is a quarter of S3's 85 MB/s, since store,
network and client are the same two cores here, and what they do at most (the second table) is no limit of S3's. All
ratios are of one run.
"""

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import obstore
from obstore.store import from_url

sys.path.insert(0, str(Path(__file__).parents[1]))

from darkroom.weights import RANGES_AT_ONCE, fetch
from tests.darkroom.bucket import bucket

FILES = 4
FILE_BYTES = 192 * 2**20
RATES = {"20 MB/s per connection": 20e6, "unlimited": None}
AT_ONCE = (1, 4, 8, 16, RANGES_AT_ONCE)
URL = "s3://models/v1"


def main() -> None:
    """Measure and print."""
    print(f"{FILES} files of {FILE_BYTES / 2**20:.0f} MiB")
    for name, rate in RATES.items():
        with served(rate), tempfile.TemporaryDirectory() as folder:
            one = speed(Path(folder) / "one", one_stream)
            print(f"{name}: one stream {one:.0f} MB/s", flush=True)
            for at_once in AT_ONCE:
                many = speed(
                    Path(folder) / str(at_once),
                    lambda place, at_once=at_once: fetch(URL, place, lambda *_: None, lasting=False, at_once=at_once),
                )
                print(f"  {at_once:>2} ranges at once: {many:.0f} MB/s, {many / one:.1f}x", flush=True)


def one_stream(folder: Path) -> None:
    """Read one file after the other, as a plain client does."""
    folder.mkdir()
    store = from_url(URL, client_options={"allow_http": True})
    for number in range(FILES):
        with (folder / str(number)).open("wb") as file:
            for chunk in obstore.get(store, str(number)).stream(min_chunk_size=2**20):
                file.write(chunk)


def speed(folder: Path, work: Callable[[Path], object]) -> float:
    """Return megabytes per second."""
    started = time.perf_counter()
    work(folder)
    seconds = time.perf_counter() - started
    if sum(path.stat().st_size for path in folder.iterdir() if path.name[0] != ".") != FILES * FILE_BYTES:
        raise RuntimeError(f"{folder} is not what the bucket holds")
    return FILES * FILE_BYTES / seconds / 1e6


@contextmanager
def served(rate: float | None) -> Iterator[None]:
    """Serve the files from another process, and point this one's S3 to them."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there, rate))
    process.start()
    os.environ.update(here.recv())
    yield
    here.send(None)
    process.join()


def _serve(pipe: Connection, rate: float | None) -> None:
    data = os.urandom(FILE_BYTES)
    with bucket({f"v1/{number}": data for number in range(FILES)}, rate) as made:
        pipe.send(made.environment)
        pipe.recv()


if __name__ == "__main__":
    main()
