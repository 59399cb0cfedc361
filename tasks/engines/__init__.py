"""What computes the pixels. An engine is chosen by the worker profile and imported only by the worker that runs it."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.errors import ErrorCode, InputError
from tasks.jobs import Edit, Operation

RGB = NDArray[np.uint8]
"""H × W × 3, red first, sRGB, 0–255."""
Mask = NDArray[np.uint8]
"""H × W, 0 or 255; 255 is the area to change."""


class EngineName(StrEnum):
    """Modules of this package that serve a pool."""

    OPENCV = "opencv"


SUPPORTED: Mapping[EngineName, frozenset[Operation]] = {
    EngineName.OPENCV: frozenset({Operation.REMOVAL, Operation.INSERTION, Operation.WHITE_BALANCE}),
}


def supports(engine: EngineName, operation: Operation) -> bool:
    """Whether an engine can carry out an operation."""
    return operation in SUPPORTED[engine]


def require_support(engine: EngineName, operation: Operation) -> None:
    """Raise ``InputError`` (engine_unsupported) unless the engine can carry out the operation."""
    if not supports(engine, operation):
        raise InputError(
            ErrorCode.ENGINE_UNSUPPORTED,
            f"The {engine} engine cannot do {operation}: it needs a generative model. "
            "Start the generation workers with an engine that has one (GENERATION_ENGINE).",
        )


Report = Callable[[int, int, str], None]
"""``report(step, total_steps, message)`` before each step; raises ``Interrupted`` when the work must stop."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an engine works on. All arrays of one job have the photo's height and width, except the reference."""

    edit: Edit
    photo: RGB
    mask: Mask | None
    """Exactly the area to change, at the photo's size; None for white balance."""
    conditions: tuple[NDArray[np.uint8], ...]
    """In the order of ``tasks.workflows.CONDITIONS``: arrays H × W × 3 (RGB) or H × W (masks)."""


class GenerationEngine(Protocol):
    """Computes an edit."""

    name: EngineName

    def versions(self) -> dict[str, str]:
        """Library and model versions, for the reproducibility record of each result."""
        ...

    def edit(self, inputs: Inputs, report: Report) -> RGB:
        """Return the edited photo at the photo's size. Raises ``InputError`` or ``ProcessingError``."""
        ...


def load_generation_engine(name: EngineName) -> GenerationEngine:
    """Import and construct an engine, with its model in memory."""
    engine: GenerationEngine = importlib.import_module(f"tasks.engines.{name}").create()
    return engine
