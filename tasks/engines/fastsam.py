"""FastSAM through ultralytics: all objects of a photo in one pass, without a prompt.

The prompts of FastSAM only select among these masks, so they are kept and every click is answered from them
(``tasks.imaging.selection``). ultralytics is AGPL-3.0; it is imported here and nowhere else.

A checkpoint (``.pt``) is a pickle: loading it runs what it says. A pulled one is loaded only if its checksum is the one
that ``darkroom models pull`` verified; one that ``SEGMENTATION_WEIGHTS`` names is trusted as its operator trusts it.
"""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import structlog
import torch
from numpy.typing import NDArray
from PIL import Image

from tasks.batching import Batcher
from tasks.engines import RGB, EngineUnusable, SegmenterName, Tell
from tasks.errors import ErrorCode, ProcessingError
from tasks.imaging.instances import FORMAT_VERSION, Bits, Instances
from tasks.settings import settings

# Read by ultralytics when it is imported: it neither asks the network for anything nor writes into the user's home.
_CONFIGURATION = tempfile.TemporaryDirectory(prefix="darkroom-ultralytics-")
os.environ.update(
    YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="false", YOLO_CONFIG_DIR=_CONFIGURATION.name
)
_OPEN = Image.open
# After torch: it sets OMP_NUM_THREADS to 1, which torch would follow.
from ultralytics.models.fastsam.model import FastSAM  # noqa: E402

# It replaces Pillow's function by one that installs a package when a file is no image.
Image.open = _OPEN

WEIGHTS: Final = "fastsam-s.pt"
PULL: Final = "darkroom models pull fastsam-s"

CONFIDENCE: Final = 0.4
OVERLAP: Final = 0.9
"""Both as ultralytics' own documentation runs FastSAM."""
MOST_MASKS: Final = 300
"""ultralytics' own."""
BATCH: Final = 8
WAIT_SECONDS: Final = 0.01
"""Under a tenth of an inference on a T4."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the model found in a photo: N × rows × columns masks of the photo's part of its input, N scores."""

    masks: Bits
    scores: NDArray[np.float32]


class FastSAMEngine:
    """Segments photos; ``inferences`` counts the passes through the model."""

    name = SegmenterName.FASTSAM

    def __init__(self, model: FastSAM, weights_sha256: str, size: int) -> None:
        """Take a loaded model; ``size`` is the side in pixels of the square that it sees a photo in."""
        parameters = (weights_sha256, size, CONFIDENCE, OVERLAP, MOST_MASKS, FORMAT_VERSION)
        self.masks_key = hashlib.sha256(repr(parameters).encode()).hexdigest()
        self.inferences = 0
        self._model = model
        self._size = size
        self._batcher: Batcher[RGB, _Found] = Batcher(
            self._infer, most=BATCH, wait_seconds=WAIT_SECONDS, name="fastsam"
        )

    def segment(self, photo: RGB) -> Instances:
        """Return all instances of a photo. Calls from several threads share an inference, and a photo asked for twice.

        Raises ``ProcessingError`` (out_of_memory).
        """
        key = photo.shape, hashlib.sha256(np.ascontiguousarray(photo).data).digest()
        found = self._batcher(key, photo)
        height, width = photo.shape[:2]
        return Instances.of(found.masks, found.scores.tolist(), grid=found.masks.shape[1:], photo=(height, width))

    def _infer(self, photos: Sequence[RGB]) -> list[_Found]:
        """Run the model once. Photos are always padded to a square, so that none looks different in another batch."""
        self.inferences += 1
        log.info("fastsam.inference", photos=len(photos))
        try:
            results = self._model.predict([photo[..., ::-1] for photo in photos], **_arguments(self._size))
        except torch.OutOfMemoryError as error:
            raise ProcessingError(
                ErrorCode.OUT_OF_MEMORY, "The segmentation model needed more memory than its GPU has; try again later."
            ) from error
        return [_found(result, photo.shape, self._size) for result, photo in zip(results, photos, strict=True)]


def create(size: int, tell: Tell) -> FastSAMEngine:
    """Load the weights and run the model once. ``size``: side in pixels of the square that the model sees.

    Raises ``EngineUnusable`` when they are missing, not what was pulled, damaged or another model's.
    """
    path = settings().segmentation_weights or settings().models_folder / WEIGHTS
    tell(f"Loading {path.name}")
    digest = _trusted_digest(path, pulled=settings().segmentation_weights is None)
    engine = FastSAMEngine(_load(path), digest, size)
    tell("Warming up FastSAM")
    engine.segment(np.zeros((size, size, 3), np.uint8))
    return engine


def _trusted_digest(path: Path, *, pulled: bool) -> str:
    """Return the sha256 of the weights in hex; of pulled ones, only if it is what the pull has verified."""
    if not path.is_file():
        remedy = f"run `{PULL}`" if pulled else "correct SEGMENTATION_WEIGHTS"
        raise EngineUnusable(f"There are no FastSAM weights at {path}: {remedy}.")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if pulled:
        sums = path.with_name(path.name + ".sha256")
        words = sums.read_text().split() if sums.is_file() else []
        if not words:
            raise EngineUnusable(f"{path} was not verified, as {sums.name} is not beside it: run `{PULL}`.")
        if words[0] != digest:
            raise EngineUnusable(f"{path} is not the file that was pulled, its checksum differs: run `{PULL}`.")
    return digest


def _load(path: Path) -> FastSAM:
    try:
        model = FastSAM(path)
    except Exception as error:
        # Unpickling a file that is none of ours can raise anything.
        raise EngineUnusable(
            f"{path} cannot be read as FastSAM weights ({_first_line(error)}): run `{PULL}`."
        ) from error
    if model.task != "segment" or len(model.names) != 1:
        raise EngineUnusable(
            f"{path} holds a model for {model.task} with {len(model.names)} classes, not FastSAM: run `{PULL}`."
        )
    return model


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def _arguments(size: int) -> dict[str, Any]:
    on_gpu = torch.cuda.is_available()
    return {
        "imgsz": size,
        "conf": CONFIDENCE,
        "iou": OVERLAP,
        "max_det": MOST_MASKS,
        "retina_masks": False,
        "rect": False,
        "device": "cuda" if on_gpu else "cpu",
        "quantize": 16 if on_gpu else 32,
        "verbose": False,
        "save": False,
    }


def _found(result: Any, shape: tuple[int, ...], size: int) -> _Found:
    """Take the photo's part out of the square masks of a result."""
    rows, columns = _part(shape[0], shape[1], size)
    if result.masks is None:
        return _Found(
            np.zeros((0, rows.stop - rows.start, columns.stop - columns.start), np.bool_), np.zeros(0, np.float32)
        )
    masks = result.masks.data[:, rows, columns].cpu().numpy().astype(np.bool_)
    return _Found(masks, result.boxes.conf.float().cpu().numpy())


def _part(height: int, width: int, size: int) -> tuple[slice, slice]:
    """Return the rows and columns of the square that hold the photo; ultralytics' rule in ``scale_masks``."""
    gain = min(size / height, size / width)
    rows, columns = max(round(height * gain), 1), max(round(width * gain), 1)
    top, left = round((size - rows) / 2 - 0.1), round((size - columns) / 2 - 0.1)
    return slice(top, top + rows), slice(left, left + columns)
