"""Segmenting photos in batches, as the t4 pool does, against stock ultralytics: images a second, and the same masks.

Ours is the engine of the product: threads ask for one photo each, as a worker's slots do, and what waits becomes one
inference of eight. Stock is ``FastSAM.predict`` on one photo after another, with ultralytics' own settings (it pads a
photo only to a multiple of 32, where ours has squares, so it computes less for each) and the same thresholds; a list of
eight is told for comparison. Both get the same decoded photos and the same weights, random ones in FastSAM-s's and
FastSAM-x's shapes: what they find means nothing, but as much of it is found. FP16 on a GPU, FP32 on a CPU.

    python -m benchmarks.segmentation [--size small|real] [--rounds N] [--json FILE]
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import structlog
import torch
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.__main__ import table
from benchmarks.harness import Measure, as_json, at_least, machine, number, ratios, rounds, seconds
from tasks.engines import fastsam
from tasks.engines.fastsam import BATCH, FastSAMEngine
from tasks.imaging.instances import Instances
from tasks.settings import Settings
from tests.lab import DATA
from tests.standins.fastsam import build

Photo = NDArray[np.uint8]

ROW = 25
"""After those of ``benchmarks.generation``."""
FASTER = at_least(2)
EQUAL = at_least(1, "")


@dataclass(frozen=True, slots=True)
class Size:
    """What is measured; ``side`` and ``photo`` are pixels, of the model's input and of the photos (width, height)."""

    shapes: tuple[str, ...]
    side: int
    photo: tuple[int, int]
    photos: int
    """Of a round."""


SIZES = {
    "real": Size(("s", "x"), 1024, (1216, 811), 128),
    "small": Size(("n",), 320, (480, 320), 16),
}


@dataclass(frozen=True, slots=True)
class Sides:
    """One model, loaded twice."""

    engine: FastSAMEngine
    stock: fastsam.FastSAM
    photos: Sequence[Photo]
    side: int

    def ours(self) -> float:
        """Return images a second of the engine, its slots being as many as a batch."""
        with ThreadPoolExecutor(BATCH) as slots:
            took = seconds(lambda: list(slots.map(self.engine.segment, self.photos)))
        return len(self.photos) / took

    def theirs(self, at_once: int) -> float:
        """Return images a second of stock ultralytics, so many photos a call."""
        told = {**self._arguments(), "rect": True}

        def work() -> None:
            for first in range(0, len(self.photos), at_once):
                for result in self.stock.predict(self._listed(self.photos[first : first + at_once]), **told):
                    # A client has them in the host's memory.
                    result.cpu()

        return len(self.photos) / seconds(work)

    def equal(self) -> tuple[float, float]:
        """Return the share of photos in which both find the same masks, bit for bit, where the padding is the same.

        And the share in which stock finds the same on lists of eight as on one photo after another.
        """
        alone = [self._stock([photo])[0] for photo in self.photos]
        with ThreadPoolExecutor(BATCH) as slots:
            ours = list(slots.map(self.engine.segment, self.photos))
        firsts = range(0, len(self.photos), BATCH)
        eight = [found for first in firsts for found in self._stock(self.photos[first : first + BATCH])]
        return _same(ours, alone), _same(eight, alone)

    def _stock(self, photos: Sequence[Photo]) -> list[Instances]:
        results = self.stock.predict(self._listed(photos), **self._arguments())
        return [_instances(result, photo, self.side) for result, photo in zip(results, photos, strict=True)]

    def _arguments(self) -> dict[str, Any]:
        return fastsam._arguments(self.side)

    @staticmethod
    def _listed(photos: Sequence[Photo]) -> list[Photo]:
        return [photo[..., ::-1] for photo in photos]


def _instances(result: Any, photo: Photo, side: int) -> Instances:
    found = fastsam._found(result, photo.shape, side)
    height, width = photo.shape[:2]
    return Instances.of(found.masks, found.scores.tolist(), grid=found.masks.shape[1:], photo=(height, width))


def _same(ones: Sequence[Instances], others: Sequence[Instances]) -> float:
    pairs = zip(ones, others, strict=True)
    return float(
        np.mean([one.frames.tolist() == two.frames.tolist() and one.packed == two.packed for one, two in pairs])
    )


def photos(size: Size) -> list[Photo]:
    """Return photos that are all different: the tests' own, shifted."""
    names = ("launch-pad.jpg", "coffee.jpg", "astronaut.jpg", "chelsea.jpg")
    made = [cv2.resize(cv2.imread(str(DATA / name)), size.photo, interpolation=cv2.INTER_CUBIC) for name in names]
    return [np.ascontiguousarray(np.roll(made[n % len(made)][..., ::-1], n, axis=1)) for n in range(size.photos)]


def measure(size: Size, count: int) -> Iterator[Measure]:
    """Measure each shape of the model."""
    for shape in size.shapes:
        with tempfile.TemporaryDirectory() as folder:
            weights = build(Path(folder) / f"fastsam-{shape}.pt", shape=shape)
            yield from compared(f"FastSAM-{shape}, batches of {BATCH}", opened(weights, size), count)


def compared(name: str, sides: Sides, count: int) -> Iterator[Measure]:
    """Measure one model: its rate, and what it finds."""
    values = rounds({"ours": sides.ours, "one": lambda: sides.theirs(1), "eight": lambda: sides.theirs(BATCH)}, count)
    medians = {side: number(float(np.median(each))) for side, each in values.items()}
    told = f"{medians['ours']} images/s against {medians['one']}"
    yield Measure(ROW, f"{name}, images/s: stock predict", ratios(values["ours"], values["one"]), FASTER, told)
    listed = ratios(values["ours"], values["eight"])
    yield Measure(ROW, f"{name}, images/s: stock predict on lists of eight", listed, None, medians["eight"])
    ours, theirs = sides.equal()
    told = f"stock's own on lists of eight: {number(theirs)}"
    limit = "a batch adds in another order than one photo alone; a pixel at the threshold may change"
    yield Measure(ROW + 1, f"{name}: photos with the same masks as stock alone", (ours,), EQUAL, told, limit)


def opened(weights: Path, size: Size) -> Sides:
    """Load a model for both sides and run each once."""
    fastsam.settings = lambda: Settings(segmentation_weights=weights)
    sides = Sides(fastsam.create(size.side, lambda _: None), fastsam.FastSAM(weights), photos(size), size.side)
    few = Sides(sides.engine, sides.stock, sides.photos[:BATCH], size.side)
    few.ours(), few.theirs(1), few.theirs(BATCH)
    return sides


def main() -> None:
    """Measure, print, and write JSON where it is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.segmentation", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="real" if torch.cuda.is_available() else "small")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))  # no line for each inference
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU: these figures say nothing of a GPU"
    about = {**machine(), "device": device, "size": arguments.size}
    measures = list(measure(SIZES[arguments.size], arguments.rounds))
    Console(width=200).print(table(measures, about))
    if arguments.json:
        arguments.json.write_text(json.dumps(as_json(measures, about), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
