"""Masks of the opencv engine against hand-made ones, and against plain GrabCut in the same run.

Overlap is intersection over union; boxes and clicks are those of ``tests/imaging/test_outline.py``. Milliseconds are
CPU time of one thread for a photo of 1 MP. Plain GrabCut gets the same box, or a disc around the click, at 0.24 MP.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.imaging.masks import Mask
from tasks.imaging.outline import Box, Point, outline

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.imaging.test_outline import boxes, clicks, overlap, sample

OBJECTS = ("coffee-set", "coffee-cup", "chelsea-cat", "astronaut-person", "astronaut-shuttle", "launch-pad-rocket")
PLAIN_AREA = 240_000


def main() -> None:
    """Measure and print."""
    cv2.setNumThreads(1)
    print(f"{'':25} {'ours: min':>10} {'mean':>6} {'ms':>6} {'plain: min':>11} {'mean':>6} {'ms':>6} {'ratio':>6}")
    for name in OBJECTS:
        photo, truth = sample(name)
        for box in (True, False):
            prompts = boxes(truth) if box else clicks(truth)
            ours, our_ms = measure(photo, truth, [ask(outline, prompt) for prompt in prompts])
            plain, plain_ms = measure(photo, truth, [ask(grabcut, prompt) for prompt in prompts])
            print(
                f"{name:18} {'box' if box else 'click':6} {min(ours):10.2f} {np.mean(ours):6.2f} {our_ms:6.0f} "
                f"{min(plain):11.2f} {np.mean(plain):6.2f} {plain_ms:6.0f} {plain_ms / our_ms:6.1f}"
            )


def ask(method: Callable[..., Mask], prompt: Box | Point) -> Callable[[NDArray[np.uint8]], Mask]:
    """Return the method with a box or a click."""
    if len(prompt) == 4:
        return lambda photo: method(photo, box=prompt)
    return lambda photo: method(photo, include=[prompt])


def measure(
    photo: NDArray[np.uint8], truth: Mask, calls: list[Callable[[NDArray[np.uint8]], Mask]]
) -> tuple[list[float], float]:
    """Return the overlaps, and the median of the milliseconds."""
    overlaps, milliseconds = [], []
    for call in calls:
        started = time.thread_time()
        found = call(photo)
        milliseconds.append(1000 * (time.thread_time() - started))
        overlaps.append(overlap(found, truth))
    return overlaps, float(np.median(milliseconds))


def grabcut(photo: NDArray[np.uint8], box: Box | None = None, include: list[Point] | None = None) -> Mask:
    """Return what five rounds of GrabCut give from the same prompt."""
    height, width = photo.shape[:2]
    factor = float(np.sqrt(PLAIN_AREA / (height * width)))
    small = cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    labels = np.full(small.shape[:2], cv2.GC_PR_BGD, np.uint8)
    if box is not None:
        x0, y0, x1, y1 = (round(side * factor) for side in box)
        labels[:] = cv2.GC_BGD
        labels[y0:y1, x0:x1] = cv2.GC_PR_FGD
    for x, y in include or []:
        centre, side = (round(x * factor), round(y * factor)), max(small.shape)
        cv2.circle(labels, centre, side // 10, (cv2.GC_PR_FGD,), cv2.FILLED)
        cv2.circle(labels, centre, side // 40, (cv2.GC_FGD,), cv2.FILLED)
    cv2.setRNGSeed(0)
    cv2.grabCut(small, labels, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_MASK)
    found = np.where((labels & 1) > 0, np.uint8(255), np.uint8(0))
    return np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


if __name__ == "__main__":
    main()
