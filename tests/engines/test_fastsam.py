"""The FastSAM engine on weights in its shape, against stock ultralytics."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from structlog.testing import capture_logs

from tasks.engines import EngineUnusable, fastsam
from tasks.engines.fastsam import FastSAMEngine
from tasks.errors import ErrorCode, InputError, ProcessingError
from tasks.imaging.instances import Instances
from tasks.imaging.probe import probe
from tasks.imaging.selection import Prompt, choose
from tasks.settings import Settings
from tests.lab import DATA
from tests.standins.fastsam import build

SIZE = 320
PROMPTS = 100
"""For each of four photos."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint."""
    return build(tmp_path_factory.mktemp("weights") / "standin.pt")


@pytest.fixture(scope="module")
def engine(weights: Path) -> Iterator[FastSAMEngine]:
    """An engine on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fastsam, "settings", lambda: Settings(segmentation_weights=weights))
        yield fastsam.create(SIZE, lambda _: None)


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A models folder that the settings point to."""
    monkeypatch.setattr(fastsam, "settings", lambda: Settings(models_folder=tmp_path))
    return tmp_path


def photo(name: str, width: int, height: int) -> NDArray[np.uint8]:
    """A photo of the tests, at another size."""
    pixels = cv2.imread(str(DATA / name))[..., ::-1]
    return np.ascontiguousarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))


PHOTOS = {
    "larger than the model's input": ("launch-pad.jpg", 480, 320),
    "smaller": ("astronaut.jpg", 200, 200),
    "upright, of odd size": ("coffee.jpg", 233, 389),
    "very wide": ("chelsea.jpg", 451, 120),
}


class Stock:
    """ultralytics' own answers to prompts on one photo."""

    def __init__(self, weights: Path, pixels: NDArray[np.uint8]) -> None:
        self._model = fastsam.FastSAM(weights)
        self._found = self._model.predict([pixels[..., ::-1]], **fastsam._arguments(SIZE))

    def masks(self, **prompts: Any) -> NDArray[np.bool_]:
        """N × H × W masks at the photo's size, as its ``prompt`` scales them for its own selection."""
        results = self._model.predictor.prompt(self._found, **prompts)[0]
        if len(results) == 0:
            return np.zeros((0, *results.orig_shape), np.bool_)
        every = fastsam_scaled(results.masks.data, results.orig_shape)
        return every.numpy().astype(np.bool_)


def fastsam_scaled(masks: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """What ``FastSAMPredictor.prompt`` does to masks first."""
    from ultralytics.utils.ops import scale_masks

    return (scale_masks(masks[None].float(), shape)[0] > 0.5).byte()


def random_prompt(rng: np.random.Generator, width: int, height: int) -> tuple[Prompt, dict[str, Any]]:
    """A prompt as ours and as ultralytics': a click, two or three, a box, or both."""
    count = int(rng.choice([0, 0, 0, 1, 1, 1, 2, 3]))
    points = [(int(rng.integers(width)), int(rng.integers(height))) for _ in range(count)]
    labels = [1, *rng.integers(0, 2, max(count - 1, 0)).tolist()][:count]
    box = None
    if count == 0 or rng.random() < 0.15:
        x0, y0 = int(rng.integers(width - 2)), int(rng.integers(height - 2))
        box = x0, y0, int(rng.integers(x0 + 1, width + 1)), int(rng.integers(y0 + 1, height + 1))
    include = [point for point, label in zip(points, labels, strict=True) if label]
    exclude = [point for point, label in zip(points, labels, strict=True) if not label]
    theirs = {"points": points or None, "labels": labels or None, "bboxes": [box] if box else None}
    return Prompt(box=box, include=include, exclude=exclude), theirs


@pytest.mark.parametrize("which", PHOTOS)
def test_where_ultralytics_gives_one_mask_it_is_ours(engine: FastSAMEngine, weights: Path, which: str) -> None:
    """Over many random prompts the same mask, bit for bit; where a click gives it several, ours is the smallest."""
    name, width, height = PHOTOS[which]
    pixels = photo(name, width, height)
    instances = Instances.from_bytes(engine.segment(pixels).to_bytes())
    stock, rng = Stock(weights, pixels), np.random.default_rng(len(which))
    compared = 0
    for _ in range(PROMPTS):
        prompt, theirs = random_prompt(rng, width, height)
        masks = stock.masks(**theirs)
        choices = choose(instances, prompt)
        if len(masks) == 1 and masks.any():
            if (
                prompt.box is not None
                and not masks[0, prompt.box[1] : prompt.box[3], prompt.box[0] : prompt.box[2]].any()
            ):
                assert not choices or prompt.include
                continue
            assert np.array_equal(instances.mask(choices[0]) > 0, masks[0]), theirs
            compared += 1
        elif prompt.box is None and len(prompt.include) == 1 and not prompt.exclude:
            assert [instances.areas[choice[0]] for choice in choices[:1]] == sorted(masks.sum(axis=(1, 2)))[:1]
    assert compared >= PROMPTS / 3


def test_all_masks_are_kept_as_ultralytics_has_them(engine: FastSAMEngine, weights: Path) -> None:
    """Every instance at the photo's size equals the mask that ultralytics scales, in its order and with its score."""
    pixels = photo("coffee.jpg", 601, 401)
    instances, stock = engine.segment(pixels), Stock(weights, pixels)
    theirs = [mask for mask in fastsam_scaled(stock._found[0].masks.data, (401, 601)).numpy() if mask.any()]
    assert len(instances) == len(theirs) >= 5
    assert all(np.array_equal(instances.mask([index]) > 0, mask > 0) for index, mask in enumerate(theirs))
    assert np.all(np.diff(instances.scores) <= 0)
    assert instances.scores.min() >= fastsam.CONFIDENCE


def test_photos_that_wait_share_an_inference(engine: FastSAMEngine) -> None:
    """Eight photos of several sizes at once take fewer passes than photos, and each gets its own masks."""
    pixels = [photo(name, width + 8 * turn, height) for name, width, height in PHOTOS.values() for turn in range(2)]
    alone = [engine.segment(each) for each in pixels]
    before = engine.inferences
    with capture_logs() as logged, ThreadPoolExecutor(8) as pool:
        together = list(pool.map(engine.segment, pixels))
    assert engine.inferences - before == len(logged) < len(pixels)
    assert sum(entry["photos"] for entry in logged) == len(pixels)
    for one, other in zip(alone, together, strict=True):
        assert (one.height, one.width, one.rows, one.columns) == (other.height, other.width, other.rows, other.columns)
        # Sums of floats in another order: a mask may differ in a pixel, and a score at the threshold by its mask.
        assert abs(len(one) - len(other)) <= 1
        assert np.array_equal(one.mask([0]), other.mask([0])) or iou(one.mask([0]), other.mask([0])) > 0.98


def iou(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def test_a_photo_without_objects_has_no_instances(engine: FastSAMEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Finding nothing is a result like any other."""
    monkeypatch.setattr(fastsam, "CONFIDENCE", 1.0)
    nothing = engine.segment(photo("coffee.jpg", 80, 60))
    assert (len(nothing), nothing.height, nothing.width) == (0, 60, 80)


def test_running_out_of_memory_is_said(engine: FastSAMEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA's error becomes out_of_memory, and the next photo is segmented."""

    def fails(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    pixels = photo("coffee.jpg", 90, 60)
    with monkeypatch.context() as patch:
        patch.setattr(engine._model, "predict", fails)
        with pytest.raises(ProcessingError) as caught:
            engine.segment(pixels)
    assert caught.value.code is ErrorCode.OUT_OF_MEMORY
    assert engine.segment(pixels).width == 90


def test_the_key_names_weights_and_size(engine: FastSAMEngine, weights: Path) -> None:
    """Masks of other weights, or seen at another size, are other masks; the key is fit for a path."""
    same = FastSAMEngine(engine._model, hashlib.sha256(weights.read_bytes()).hexdigest(), SIZE)
    assert same.masks_key == engine.masks_key
    assert FastSAMEngine(engine._model, "0" * 64, SIZE).masks_key != engine.masks_key
    assert (
        FastSAMEngine(engine._model, hashlib.sha256(weights.read_bytes()).hexdigest(), 640).masks_key != same.masks_key
    )
    assert engine.masks_key.isalnum()


def test_missing_weights_name_the_command(configured: Path) -> None:
    """Without a file the sentence says how to get it."""
    with pytest.raises(EngineUnusable, match="darkroom models pull fastsam-s"):
        fastsam.create(SIZE, lambda _: None)


def test_pulled_weights_are_verified(configured: Path, weights: Path) -> None:
    """A file in the models folder is loaded if its checksum is the pull's, and not read if there is none or another."""
    place, sums = configured / "fastsam-s.pt", configured / "fastsam-s.pt.sha256"
    place.write_bytes(weights.read_bytes())
    with pytest.raises(EngineUnusable, match=r"not verified.*darkroom models pull fastsam-s"):
        fastsam.create(SIZE, lambda _: None)
    sums.write_text(f"{hashlib.sha256(weights.read_bytes()).hexdigest()}  fastsam-s.pt\n")
    told: list[str] = []
    assert fastsam.create(SIZE, told.append).masks_key
    assert "fastsam-s.pt" in told[0]
    place.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(EngineUnusable, match=r"checksum differs.*darkroom models pull fastsam-s"):
        fastsam.create(SIZE, lambda _: None)


def detector(path: Path) -> None:
    from ultralytics.nn.tasks import DetectionModel

    torch.save({"model": DetectionModel("yolov8n.yaml", nc=3, verbose=False), "train_args": {"task": "detect"}}, path)


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda path: path.write_bytes(b"not a checkpoint"), "cannot be read as FastSAM weights"),
        (lambda path: path.write_bytes(b""), "cannot be read as FastSAM weights"),
        (lambda path: torch.save({"weights": 1}, path), "cannot be read as FastSAM weights"),
        (detector, "a model for detect with 3 classes, not FastSAM"),
        (lambda path: None, "There are no FastSAM weights at .*correct SEGMENTATION_WEIGHTS"),
    ],
)
def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, write: Any, sentence: str) -> None:
    """Damaged files and other models' end in a sentence that names the file."""
    path = tmp_path / "own.pt"
    write(path)
    monkeypatch.setattr(fastsam, "settings", lambda: Settings(segmentation_weights=path))
    with pytest.raises(EngineUnusable, match=sentence) as caught:
        fastsam.create(SIZE, lambda _: None)
    assert "own.pt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_images_stay_the_sender_s_mistake() -> None:
    """What ultralytics does to Pillow when it is imported is undone: rubbish is refused as everywhere else."""
    with pytest.raises(InputError) as caught:
        probe(b"rubbish")
    assert caught.value.code is ErrorCode.IMAGE_INVALID


def test_ultralytics_stays_offline_and_out_of_the_home(tmp_path: Path) -> None:
    """Importing the engine writes nothing into the user's home, leaves no folder behind, and switches telemetry off."""
    code = (
        "from tasks.engines import fastsam; from ultralytics.utils import ONLINE, AUTOINSTALL; "
        "from ultralytics.utils.events import events; print(ONLINE, AUTOINSTALL, events.enabled)"
    )
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "TMPDIR": str(temporary)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=DATA.parent.parent,
    )
    assert done.stdout.split() == ["False", "False", "False"]
    assert not (tmp_path / "home").exists()
    assert not [path.name for path in temporary.iterdir() if "ltralytics" in path.name]
