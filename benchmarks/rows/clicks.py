"""Row 12: the first click on a photo against later ones, and choosing a mask against ultralytics' own ``prompt``.

The model is a stand-in with random weights in FastSAM's shape (``tests.standins.fastsam``), on the CPU, at the
profile's 1,024 pixels: what it finds means nothing, but as many masks of all sizes are found, kept and chosen from.
"""

import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import load
from benchmarks.harness import Measure, Scale, at_least, number, ratios, seconds
from benchmarks.stand import Darkroom, darkroom
from tasks import imaging
from tasks.imaging.probe import Format
from tests.lab import DATA

SIZES = {"0.24 MP": (600, 400), "1 MP": (1216, 811), "12 MP": (4242, 2828)}
ROUNDS = 5
CLICKS = 9
PROMPTS = 3
PROMPTED_SIDE = 640
"""Of the model's input where ultralytics is asked, whose choice takes up to 20 s for a box on 12 MP."""


def measure(scale: Scale, _: set[int]) -> Iterator[Measure]:
    """Click on photos that nobody has sent before, and again; nothing in the quick scale, as PyTorch takes long."""
    if scale is Scale.QUICK:
        return
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "standin.pt"
        subprocess.run([sys.executable, "-m", "tests.standins.fastsam", str(weights)], check=True)
        with darkroom("cpu", "t4", SEGMENTATION_ENGINE="fastsam", SEGMENTATION_WEIGHTS=str(weights)) as stand:
            clicked(stand, "0.24 MP", -1)
            yield from (_first_and_later(stand, size) for size in SIZES)
        yield from prompted(weights)


def _first_and_later(stand: Darkroom, size: str) -> Measure:
    firsts, laters = zip(*(clicked(stand, size, seed) for seed in range(ROUNDS)), strict=True)
    return Measure(
        12,
        f"through the gateway, {size}: a later click against the first",
        ratios(firsts, laters),
        at_least(30),
        f"{number(1000 * statistics.median(firsts))} ms, {number(1000 * statistics.median(laters))} ms",
        "a later click at its shortest is a trip through the queue, reading the masks and writing a PNG",
    )


def clicked(stand: Darkroom, size: str, seed: int) -> tuple[float, float]:
    """Return the seconds of the first click on a photo, which is sent with it, and of a later one (the median)."""
    photo = imaging.codec.encode(pixels(size, seed), Format.JPEG)
    width, height = SIZES[size]
    rng = np.random.default_rng(seed + 1)
    points = [(int(rng.integers(width)), int(rng.integers(height))) for _ in range(CLICKS + 1)]
    connection, accept = load.Connection(stand.url), "image/png"
    x, y = points[0]
    url = f"{stand.url}/api/smart-mask"
    first = load.request("POST", f"{url}?points={x},{y}", photo, content_type="image/jpeg", accept=accept)
    stored = hashlib.sha256(photo).hexdigest()
    bodies = (json.dumps({"image_id": stored, "points": [point]}).encode() for point in points[1:])
    later = [load.request("POST", url, body, content_type="application/json", accept=accept) for body in bodies]
    took = [seconds(lambda request=each: _mask(connection, request)) for each in (first, *later)]
    connection.close()
    return took[0], statistics.median(took[1:])


def _mask(connection: load.Connection, request: bytes) -> None:
    if not connection.body(request).startswith(b"\x89PNG"):
        raise RuntimeError("The answer is no mask.")


def pixels(size: str, seed: int) -> NDArray[np.uint8]:
    """Return a photo of the tests at another size, a little different for each seed."""
    scaled = cv2.resize(cv2.imread(str(DATA / "coffee.jpg")), SIZES[size], interpolation=cv2.INTER_CUBIC)
    scaled[:8, :8] = np.random.default_rng(seed + 1).integers(0, 256, (8, 8, 3))
    return np.ascontiguousarray(scaled[..., ::-1])


def prompted(weights: Path) -> Iterator[Measure]:
    """Choose among masks that are found already, in this process."""
    from tasks.engines import fastsam  # noqa: PLC0415 - loads PyTorch, which the rows before would feel
    from tasks.settings import Settings  # noqa: PLC0415 - beside it

    fastsam.settings = lambda: Settings(segmentation_weights=weights)
    photo = pixels("1 MP", 0)
    instances = fastsam.create(PROMPTED_SIDE, lambda _: None).segment(photo)
    model = fastsam.FastSAM(weights)
    results = model.predict([photo[..., ::-1]], **fastsam._arguments(PROMPTED_SIDE))
    for kind, ours, theirs in _prompts(photo):
        chosen = [seconds(lambda prompt=prompt: _choice(instances, prompt)) for prompt in ours]
        stock = [seconds(lambda given=given: model.predictor.prompt(results, **given)) for given in theirs]
        yield Measure(
            12,
            f"choosing by a {kind} on 1 MP, in process: ultralytics' prompt, time",
            ratios(stock, chosen),
            None,
            f"{number(1000 * statistics.median(chosen))} ms, {number(1000 * statistics.median(stock))} ms",
        )


def _prompts(photo: NDArray[np.uint8]) -> Iterator[tuple[str, list[Any], list[dict[str, Any]]]]:
    height, width = photo.shape[:2]
    rng = np.random.default_rng(0)
    points = [(int(rng.integers(width)), int(rng.integers(height))) for _ in range(PROMPTS)]
    boxes = [(x // 2, y // 2, (x + width) // 2 + 1, (y + height) // 2 + 1) for x, y in points]
    prompt = imaging.selection.Prompt
    yield "point", [prompt(include=[point]) for point in points], [{"points": [point]} for point in points]
    yield "box", [prompt(box=box) for box in boxes], [{"bboxes": [box]} for box in boxes]


def _choice(instances: Any, prompt: Any) -> NDArray[np.uint8]:
    """Choose and draw, as a click does."""
    choices = imaging.selection.choose(instances, prompt)
    drawn: NDArray[np.uint8] = instances.mask(choices[0] if choices else ())
    return drawn
