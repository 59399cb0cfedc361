"""The engine without weights: classical image processing, for machines without a GPU and for trying Darkroom out.

Removal copies texture from the rest of the photo (PatchMatch completion), insertion places the isolated object,
white balance is shades-of-grey. Prompts have no effect. The results are honest classical ones, not a model's.
"""

import time
from typing import Final

import cv2
import numpy as np

from tasks.engines import RGB, Edited, EngineName, Inputs, Mask, Report, Tell
from tasks.errors import ErrorCode, InputError
from tasks.imaging import composite, mae, masks, patchmatch, placement, white_balance
from tasks.jobs import Operation

HEARTBEAT: Final = 0.2
"""Seconds between reports inside a stage: a cancel is noticed within half a second."""


class _Progress:
    """Reports stages, and keeps reporting within them so that a cancel is noticed."""

    def __init__(self, report: Report, total: int) -> None:
        self._report = report
        self._total = total
        self._step = 0
        self._message = ""
        self._reported = 0.0

    def stage(self, message: str) -> None:
        """Begin the next stage."""
        self._step += 1
        self._message = message
        self._tell()

    def tick(self) -> None:
        """Report again if the last report is older than ``HEARTBEAT``; may raise ``Interrupted``."""
        if time.monotonic() - self._reported >= HEARTBEAT:
            self._tell()

    def _tell(self) -> None:
        self._report(self._step, self._total, self._message)
        self._reported = time.monotonic()


class OpenCVEngine:
    """Satisfies ``GenerationEngine`` with cv2 and numpy alone. Stateless, so one object serves any number of jobs."""

    name = EngineName.OPENCV
    device = "cpu"

    def versions(self) -> dict[str, str]:
        """Library versions, for the reproducibility record of each result."""
        return {"opencv": cv2.__version__, "numpy": np.__version__}

    def edit(self, inputs: Inputs, report: Report) -> Edited:
        """Return the edited photo at the photo's size; outside the mask its pixels are kept exactly.

        Deterministic in ``edit.seed``. Raises ``InputError``: ``engine_unsupported``, ``mask_missing``,
        ``mask_empty`` or ``reference_missing``; and whatever ``report`` raises, within half a second.
        """
        operation = inputs.edit.operation
        if operation is Operation.REMOVAL:
            return Edited(_remove(inputs, report))
        if operation is Operation.INSERTION:
            return Edited(_insert(inputs, report))
        if operation is Operation.WHITE_BALANCE:
            return Edited(_balance(inputs, report))
        raise InputError(
            ErrorCode.ENGINE_UNSUPPORTED,
            f"This server runs the opencv engine, which has no model for {operation}; "
            "it offers removal, insertion and white-balance.",
        )


def create(_tell: Tell) -> OpenCVEngine:
    """Construct the engine; there is nothing to load."""
    return OpenCVEngine()


def _remove(inputs: Inputs, report: Report) -> RGB:
    progress = _Progress(report, 3)
    progress.stage("Looking at what surrounds the object")
    photo, mask = _photo(inputs), _mask(inputs)
    guess = inputs.conditions[2] if len(inputs.conditions) > 2 else mae.mae(photo, mask)
    progress.stage("Filling with texture from the photo")
    filled = patchmatch.fill(photo, mask, guess, inputs.edit.seed or 0, progress.tick)
    progress.stage("Putting the photo together")
    return composite.inside(photo, filled, mask)


def _insert(inputs: Inputs, report: Report) -> RGB:
    progress = _Progress(report, 3)
    progress.stage("Isolating the object")
    photo, mask = _photo(inputs), _mask(inputs)
    if not inputs.conditions:
        raise InputError(ErrorCode.REFERENCE_MISSING, "Send the image that holds the object to insert.")
    cutout = placement.isolate(inputs.conditions[0])
    progress.stage("Finding its place")
    where = placement.choose_place(cutout, mask)
    progress.stage("Putting the photo together")
    return placement.place(photo, cutout, mask, where)


def _balance(inputs: Inputs, report: Report) -> RGB:
    progress = _Progress(report, 1)
    progress.stage("Estimating the light")
    return white_balance.white_balance(_photo(inputs))


def _photo(inputs: Inputs) -> RGB:
    if inputs.photo is None:
        raise InputError(ErrorCode.IMAGE_MISSING, "Send the photo to edit.")
    return inputs.photo


def _mask(inputs: Inputs) -> Mask:
    if inputs.mask is None:
        raise InputError(ErrorCode.MASK_MISSING, "Send a mask: white where the photo may change.")
    masks.require_non_empty(inputs.mask)
    return inputs.mask
