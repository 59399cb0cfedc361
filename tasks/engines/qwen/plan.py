"""What an edit will do, decided before any of it is done: sizes, the schedule, how much memory an attempt may use.

Pure functions of values; nothing here knows torch.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tasks.errors import ErrorCode, InputError
from tasks.jobs import Edit, InputQuality, Operation, Preset

MULTIPLE: Final = 16
"""Sides of what the model generates: eight pixels to a latent, two latents to a token."""
MOST_PIXELS: Final = 2048 * 2048
"""Largest area that is generated; four times the trained one, and already 16,384 tokens without any condition."""
LONGEST_ASPECT: Final = 32
"""Longer photos are refused: the text encoder's picture of them, 384² in area, would be a few pixels high."""
LEAST_REFERENCE_PIXELS: Final = 32 * 32
"""diffusers rounds the sides of a reference to multiples of 32."""

LIGHTNING_SCHEDULE: Final[Mapping[str, Any]] = {
    "base_image_seq_len": 256,
    "base_shift": math.log(3),
    "max_image_seq_len": 8192,
    "max_shift": math.log(3),
    "num_train_timesteps": 1000,
    "shift": 1.0,
    "shift_terminal": None,
    "time_shift_type": "exponential",
    "use_dynamic_shifting": True,
}
"""The schedule that the Lightning adapters were distilled with, as their model card gives it: shift 3 at every size."""
FLOWMATCH_SHIFT: Final = 3.0
"""Static shift where a client asks for the flow-matching scheduler without saying which shift."""


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int


class Sized(NamedTuple):
    """A size, and what to tell the client about it."""

    size: Size
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How one attempt uses memory."""

    reference_pixels: int
    """Area at which each condition is encoded."""
    tiled_vae: bool = False
    """Whether pictures are encoded and decoded in tiles: less memory, faint seams, slower."""


def cheaper(plan: Plan) -> Plan | None:
    """Return the plan to try after one ran out of memory; None if there is no cheaper one.

    Tiles bound the VAE's memory at any size; conditions of a quarter of the area have a quarter of the tokens.
    """
    if plan.tiled_vae:
        return None
    return Plan(max(plan.reference_pixels // 4, min(LEAST_REFERENCE_PIXELS, plan.reference_pixels)), tiled_vae=True)


def working_size(edit: Edit, photo: Size | None, pixels: int) -> Sized:
    """Decide the size at which an edit is generated: sides are multiples of ``MULTIPLE``.

    A photo keeps its aspect ratio: at its own size for ``original``, else inside the width and height asked for, else
    at an area of ``pixels``. Text-to-image is generated at the size asked for, or as a square of that area.
    Raises ``InputError`` (parameter_invalid) for a photo that is too long for its height.
    """
    if photo is None or edit.operation is Operation.TEXT_TO_IMAGE:
        side = _rounded(math.sqrt(pixels))
        wanted = Size(edit.width or edit.height or side, edit.height or edit.width or side)
        return _bounded(wanted, wanted)
    aspect = max(photo) / min(photo)
    if aspect > LONGEST_ASPECT:
        raise InputError(
            ErrorCode.PARAMETER_INVALID,
            f"One side of the photo is {aspect:.0f} times the other; the model takes photos up to {LONGEST_ASPECT}:1. "
            "Crop it.",
        )
    if edit.input_quality is InputQuality.ORIGINAL:
        return _bounded(photo, photo)
    ratios = [side / own for side, own in ((edit.width, photo.width), (edit.height, photo.height)) if side is not None]
    scale = min(ratios) if ratios else math.sqrt(pixels / (photo.width * photo.height))
    return _bounded(photo, Size(round(photo.width * scale), round(photo.height * scale)))


def schedule(edit: Edit, base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a job's flow-matching schedule.

    ``base`` is the checkpoint's: its shift grows with the size. The preset ``fast`` has the one of its adapters; a
    shift that the client asks for is the same at every size.
    """
    config = dict(LIGHTNING_SCHEDULE if edit.preset is Preset.FAST else base)
    if edit.num_inference_steps == 1:
        # The stretch to a terminal shift divides by the distance between the first step and the last.
        config["shift_terminal"] = None
    shift = edit.scheduler_shift or (FLOWMATCH_SHIFT if edit.enable_flowmatch_scheduler else None)
    if shift is None:
        return config
    return {**config, "use_dynamic_shifting": False, "shift": shift}


def _bounded(asked: Size, size: Size) -> Sized:
    area = size.width * size.height
    if area <= MOST_PIXELS:
        return Sized(Size(_rounded(size.width), _rounded(size.height)), ())
    scale = math.sqrt(MOST_PIXELS / area)
    bounded = Size(_rounded(size.width * scale, math.floor), _rounded(size.height * scale, math.floor))
    note = (
        f"The model worked at {bounded.width} × {bounded.height} pixels instead of {asked.width} × {asked.height}: "
        f"it takes up to {MOST_PIXELS / 1e6:.1f} megapixels."
    )
    return Sized(bounded, (note,))


def _rounded(side: float, rounding: Any = round) -> int:
    return max(MULTIPLE, int(rounding(side / MULTIPLE)) * MULTIPLE)
