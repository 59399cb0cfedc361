"""LoRA adapters: which a job needs, loading all that are there, switching between them.

None is ever fused into the weights: a fused adapter acts on every operation and preset, even when it is the only one
(a fused ``lightning-4`` would end the preset ``quality``, a fused ``removal`` text-to-image), and taking it out again
does not restore the weights bit for bit. Unfused, switching does.
"""

import warnings
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog
from safetensors import SafetensorError

from tasks.engines import EngineUnusable
from tasks.errors import ErrorCode, InputError
from tasks.jobs import Edit, Operation, Preset

FEW_STEPS: Final = 4
"""Up to here, the adapter that is distilled for 4 steps is the better one."""

log = structlog.get_logger(__name__)


class Adapter(StrEnum):
    """Adapters by the name of their file."""

    REMOVAL = "removal"
    INSERTION = "insertion"
    WHITE_BALANCE = "white-balance"
    LIGHTNING_4 = "lightning-4"
    LIGHTNING_8 = "lightning-8"

    @property
    def file(self) -> str:
        """Name of its file in the adapters folder."""
        return f"{self}.safetensors"


OPERATION_ADAPTERS: Final[Mapping[Operation, Adapter]] = {
    Operation.REMOVAL: Adapter.REMOVAL,
    Operation.INSERTION: Adapter.INSERTION,
    Operation.WHITE_BALANCE: Adapter.WHITE_BALANCE,
}


class Chosen(NamedTuple):
    """The adapters that compute an edit."""

    operation: Adapter | None
    lightning: Adapter | None

    @property
    def names(self) -> list[str]:
        """What is activated together."""
        return [str(adapter) for adapter in self if adapter is not None]


def choose(edit: Edit, present: frozenset[Adapter]) -> Chosen:
    """Choose an edit's adapters: its operation's, if it is there, and a lightning one for the preset ``fast``.

    Raises ``InputError`` (engine_unsupported) for ``fast`` where no lightning adapter is installed.
    """
    own = OPERATION_ADAPTERS.get(edit.operation)
    operation = own if own in present else None
    if edit.preset is not Preset.FAST:
        return Chosen(operation, None)
    few = edit.num_inference_steps <= FEW_STEPS
    order = (Adapter.LIGHTNING_4, Adapter.LIGHTNING_8) if few else (Adapter.LIGHTNING_8, Adapter.LIGHTNING_4)
    lightning = next((adapter for adapter in order if adapter in present), None)
    if lightning is None:
        raise InputError(
            ErrorCode.ENGINE_UNSUPPORTED,
            f"The preset fast needs {order[0].file} in the adapters folder, and this server has none "
            f"(`darkroom models pull {order[0]}`). Use the preset quality.",
        )
    return Chosen(operation, lightning)


def find(folder: Path) -> dict[Adapter, Path]:
    """Return the adapter files of a folder, and warn of operations that have to do without."""
    there = {adapter: folder / adapter.file for adapter in Adapter if (folder / adapter.file).is_file()}
    for operation, adapter in OPERATION_ADAPTERS.items():
        if adapter not in there:
            log.warning("qwen.adapter_missing", operation=operation, file=str(folder / adapter.file))
    return there


def load(pipe: Any, files: Mapping[Adapter, Path]) -> None:
    """Load adapters into the pipeline's transformer under their names. Raises ``EngineUnusable``."""
    for adapter, file in files.items():
        try:
            with warnings.catch_warnings():
                # peft warns of every adapter after the first; several are what we want.
                warnings.filterwarnings("ignore", message="Already found a `peft_config`", category=UserWarning)
                pipe.load_lora_weights(
                    str(file.parent), weight_name=file.name, adapter_name=str(adapter), use_safetensors=True
                )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise EngineUnusable(
                f"The adapter {file} cannot be loaded ({_first_line(error)}). It is damaged or made for another model: "
                "put the right file there, or take it away."
            ) from error


def activate(pipe: Any, chosen: Chosen) -> None:
    """Let exactly these adapters act on the pipeline's transformer, each at its full weight."""
    if not pipe.get_list_adapters():
        return
    if not chosen.names:
        pipe.disable_lora()
        return
    pipe.enable_lora()
    pipe.set_adapters(chosen.names)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
