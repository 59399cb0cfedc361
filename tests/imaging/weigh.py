"""What reading each sample of the corpus takes: ``python -m tests.imaging.weigh`` prints a JSON line for each.

Every sample has a process of its own, forked from one that has loaded everything, so that its peak is its own.
"""

import json
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress

import cv2
import psutil

from api.completeness import is_complete
from api.settings import GatewaySettings
from tasks.errors import InputError
from tasks.imaging import codec
from tasks.imaging.mask_check import is_blank
from tasks.imaging.probe import probe
from tests.corpus import CORPUS, sample

CHECKED_PIXELS = GatewaySettings.model_fields["max_checked_mask_pixels"].default


def as_gateway(data: bytes) -> None:
    """What the gateway does with a photo and with a mask."""
    info = probe(data)
    is_complete(data, info.format)
    if info.width * info.height <= CHECKED_PIXELS:
        is_blank(data)


def as_worker(data: bytes) -> None:
    """The most that a worker's decoder does."""
    codec.normalise(data)


def weigh(read: Callable[[bytes], None], data: bytes) -> dict[str, float]:
    """Return the bytes by which a process grows that reads it, the seconds, and its exit status."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        before, began = psutil.Process().memory_info().rss, time.perf_counter()
        with suppress(InputError):
            read(data)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        told = {"bytes": max(0, most - before), "seconds": time.perf_counter() - began}
        os.write(writing, json.dumps(told).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    return {**json.loads(told or b"{}"), "status": status}


def main() -> None:
    """Weigh all of them."""
    warnings.simplefilter("ignore")
    cv2.setNumThreads(1)
    for name in CORPUS:
        data = sample(name).data
        weights = {each.__name__: weigh(each, data) for each in (as_gateway, as_worker)}
        sys.stdout.write(json.dumps({"name": name, "length": len(data), **weights}) + "\n")
        sample.cache_clear()


if __name__ == "__main__":
    main()
