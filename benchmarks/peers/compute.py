"""What every side computes: the pixel work of the ``resize`` utility, without anything around it.

It is importable wherever the imaging library's dependencies are: peers live in environments of their own.
"""

import cv2

from tasks.imaging import codec, geometry
from tasks.imaging.probe import Format

WIDTH = 512
"""Of the picture that is asked for, in pixels."""
PROCESSES = 2
"""That compute, on every side."""


def one_thread_each() -> None:
    """Keep cv2 from starting a thread per core; every side has a process or a thread for each of them already."""
    cv2.setNumThreads(1)


def resized(photo: bytes) -> bytes:
    """Return a photo of any format as a JPEG of ``WIDTH`` pixels."""
    pixels = geometry.resize(codec.decode(photo, shrink_to=WIDTH), width=WIDTH)
    return codec.encode(pixels, Format.JPEG)
