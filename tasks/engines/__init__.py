"""What computes the pixels. An engine is chosen by the worker profile and imported only by the worker that runs it."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.errors import ErrorCode, InputError
from tasks.jobs import Edit, Operation

if TYPE_CHECKING:
    from tasks.imaging.instances import Instances

RGB = NDArray[np.uint8]
"""H × W × 3, red first, sRGB, 0–255."""
Mask = NDArray[np.uint8]
"""H × W, 0 or 255; 255 is the area to change."""


class EngineName(StrEnum):
    """Modules of this package that serve the generation pool."""

    OPENCV = "opencv"
    QWEN = "qwen"


class SegmenterName(StrEnum):
    """What serves the segmentation pool: ``fastsam`` is a module of this package, ``opencv`` needs no model."""

    OPENCV = "opencv"
    FASTSAM = "fastsam"


class RefinerName(StrEnum):
    """What can sharpen a mask's edge: ``birefnet`` is a module of this package, ``grabcut`` needs no model."""

    GRABCUT = "grabcut"
    BIREFNET = "birefnet"


SUPPORTED: Mapping[EngineName, frozenset[Operation]] = {
    EngineName.OPENCV: frozenset({Operation.REMOVAL, Operation.INSERTION, Operation.WHITE_BALANCE}),
    EngineName.QWEN: frozenset(Operation),
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


Tell = Callable[[str], None]
"""Takes a sentence on what is being loaded, for job status and system health."""


class EngineUnusable(Exception):  # noqa: N818 - the state of an engine, said in a sentence
    """A model file is missing, broken or of another kind. The sentence says what to do; the worker does not start."""


class EngineLost(Exception):  # noqa: N818 - the state of an engine, said in a sentence
    """This process can compute nothing any more, as its GPU is in an error that stays: another one has to."""


class Report(Protocol):
    """How an engine tells of its progress."""

    def __call__(self, step: int, total_steps: int, message: str, *, preview: bytes | None = None) -> None:
        """Tell that a step begins; ``preview`` is a small WebP file of the state before it.

        Raises ``Interrupted`` when the work must stop, ``ProcessingError`` (time_limit) when it took too long.
        """
        ...


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an engine works on. All arrays of one job have the photo's height and width, except the reference."""

    edit: Edit
    photo: RGB | None
    """None for text-to-image."""
    mask: Mask | None
    """Exactly the area to change, at the photo's size; None for white balance."""
    conditions: tuple[NDArray[np.uint8], ...]
    """In the order of ``tasks.workflows.CONDITIONS``: arrays H × W × 3 (RGB) or H × W (masks)."""
    condition_ids: tuple[str, ...] = ()
    """Content ids (sha256) of the conditions, in their order: what a cache may be keyed by."""


@dataclass(frozen=True, slots=True)
class Edited:
    """What an engine made."""

    picture: RGB
    notes: tuple[str, ...] = ()
    """Sentences to the client: what of the request had no effect, or another one than it might expect."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else a second run would need to be the same; JSON."""


class GenerationEngine(Protocol):
    """Computes an edit."""

    name: EngineName
    device: str
    """What it computes on: cpu or cuda."""

    def versions(self) -> dict[str, str]:
        """Library and model versions, for the reproducibility record of each result."""
        ...

    def edit(self, inputs: Inputs, report: Report) -> Edited:
        """Return the edited photo at the photo's size. Raises ``InputError``, ``ProcessingError`` or ``EngineLost``."""
        ...


class SegmentationEngine(Protocol):
    """Finds all objects of a photo at once, so that every click on it can be answered without a GPU."""

    masks_key: str
    """Names the model and its parameters: masks made under another key are other masks."""

    def segment(self, photo: RGB) -> "Instances":
        """Return all instances of a photo; calls from several threads share an inference. Raises ``Interrupted``."""
        ...


class RefinerEngine(Protocol):
    """Sharpens a mask's edge."""

    name: RefinerName

    def refine(self, photo: RGB, mask: Mask) -> Mask:
        """Return the better mask of the same object."""
        ...


def load_generation_engine(name: EngineName, tell: Tell) -> GenerationEngine:
    """Import and construct an engine, with its model in memory. Raises ``EngineUnusable``."""
    engine: GenerationEngine = _create(name, tell)
    return engine


def load_segmentation_engine(name: SegmenterName, size: int, tell: Tell) -> SegmentationEngine | None:
    """Import and construct an engine; ``opencv`` has none to load. ``size`` is the longer side in pixels that it sees.

    Raises ``EngineUnusable``.
    """
    if name is SegmenterName.OPENCV:
        return None
    engine: SegmentationEngine = _create(name, size, tell)
    return engine


def load_refiner(models_folder: Path, tell: Tell) -> RefinerEngine | None:
    """Import and construct BiRefNet where its weights are installed; None elsewhere. Raises ``EngineUnusable``."""
    folder = models_folder / RefinerName.BIREFNET
    if not folder.is_dir():
        return None
    engine: RefinerEngine = _create(RefinerName.BIREFNET, folder, tell)
    return engine


def _create(name: str, *arguments: Any) -> Any:
    try:
        return importlib.import_module(f"tasks.engines.{name}").create(*arguments)
    except ModuleNotFoundError as error:
        raise EngineUnusable(
            f"The engine {name} needs the package {error.name}, which is not installed: install Darkroom with the "
            f"extra {name} (docs/models.md)."
        ) from error
