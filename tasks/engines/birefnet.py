"""BiRefNet (Zheng et al. 2024) through transformers: sharpens the edge of a mask inside its box.

transformers has no class for it, so the code in the weights' repository runs. It runs only if every file of the folder
is what ``darkroom models pull`` verified: the sums in ``SHA256SUMS`` are checked first, and no other file may be there.
"""

import hashlib
import os
import tempfile
import threading
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from tasks.engines import RGB, EngineUnusable, Mask, RefinerName, Tell
from tasks.errors import ErrorCode, ProcessingError
from tasks.imaging.masks import bounding_box, dilate, grow

# Read by transformers when it is imported: it copies the code that it runs, and would run an older copy from the home.
_CODE = tempfile.TemporaryDirectory(prefix="darkroom-birefnet-")
os.environ["HF_MODULES_CACHE"] = _CODE.name

from transformers import AutoModelForImageSegmentation  # noqa: E402

SUMS: Final = "SHA256SUMS"
PULL: Final = "darkroom models pull birefnet"
SIDE: Final = 1024
"""Pixels: the square that the model was trained on."""
MARGIN: Final = 0.1
"""Of the box's sides: how far around the mask its edge is looked for."""
IMAGENET_MEAN: Final = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_DEVIATION: Final = np.array([0.229, 0.224, 0.225], np.float32)


class BiRefNetEngine:
    """Refines masks, one at a time."""

    name = RefinerName.BIREFNET

    def __init__(self, model: torch.nn.Module) -> None:
        """Take a loaded model on its device."""
        self._model = model
        self._one_at_a_time = threading.Lock()

    def refine(self, photo: RGB, mask: Mask) -> Mask:
        """Return the H × W mask of the same object with a better edge; what the model finds elsewhere is left out.

        Where the model finds nothing, the mask stays as it is. Raises ``ProcessingError`` (out_of_memory).
        """
        if not mask.any():
            return mask.copy()
        x0, y0, x1, y1 = bounding_box(mask)
        margin = max(1, round(MARGIN * max(x1 - x0, y1 - y0)))
        x0, y0, x1, y1 = grow((x0, y0, x1, y1), margin, mask.shape)
        near = dilate(mask[y0:y1, x0:x1], margin) > 0
        found = (self._foreground(photo[y0:y1, x0:x1]) >= 0.5) & near
        if not found.any():
            return mask.copy()
        refined = np.zeros_like(mask)
        refined[y0:y1, x0:x1][found] = 255
        return refined

    def _foreground(self, crop: RGB) -> NDArray[np.float32]:
        """Return the H × W probability, 0–1, that a pixel belongs to the object of a crop."""
        height, width = crop.shape[:2]
        square = np.asarray(cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32) / 255
        normal = torch.from_numpy((square - IMAGENET_MEAN) / IMAGENET_DEVIATION).permute(2, 0, 1)[None]
        parameter = next(self._model.parameters())
        with self._one_at_a_time, torch.inference_mode():
            try:
                logits = self._model(normal.to(parameter.device, parameter.dtype))[-1]
            except torch.OutOfMemoryError as error:
                raise ProcessingError(
                    ErrorCode.OUT_OF_MEMORY, "BiRefNet needed more memory than its GPU has; try model_type fastsam."
                ) from error
            probability = logits.float().sigmoid()[0, 0].cpu().numpy()
        return np.asarray(cv2.resize(probability, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def create(folder: Path, tell: Tell) -> BiRefNetEngine:
    """Load the model from its folder. Raises ``EngineUnusable`` when the folder is not what was pulled."""
    tell("Verifying BiRefNet")
    _verify(folder)
    tell("Loading BiRefNet")
    on_gpu = torch.cuda.is_available()
    try:
        model: Any = AutoModelForImageSegmentation.from_pretrained(
            folder.resolve(),
            trust_remote_code=True,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float16 if on_gpu else torch.float32,
        )
    except Exception as error:
        # The repository's own code runs here: it can raise anything, such as for a package that is not installed.
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        raise EngineUnusable(
            f"BiRefNet cannot be loaded from {folder} ({reason}): install the packages that it names, or run `{PULL}`."
        ) from error
    return BiRefNetEngine(model.eval().to("cuda" if on_gpu else "cpu"))


def _verify(folder: Path) -> None:
    """Raise ``EngineUnusable`` unless the files of the folder are exactly those whose checksums it lists."""
    try:
        lines = (folder / SUMS).read_text().splitlines()
    except FileNotFoundError:
        raise EngineUnusable(f"{folder} was not verified, as it has no {SUMS}: run `{PULL}`.") from None
    expected = {path: digest for digest, _, path in (line.partition("  ") for line in lines)}
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    # What the hub's library notes for itself lies in a hidden folder; nothing is imported from there.
    unknown = {path for path in present if not path.startswith(".")} - expected.keys() - {SUMS}
    if unknown:
        raise EngineUnusable(f"{folder} holds files that were not pulled ({', '.join(sorted(unknown))}): remove them.")
    for path, digest in expected.items():
        if not (folder / path).is_file() or _digest(folder / path) != digest:
            raise EngineUnusable(f"{folder / path} is not what was pulled: run `{PULL}`.")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
