"""Loading a Qwen-Image-Edit checkpoint, component by component, so that everybody can see how far it is.

Only safetensors are read: a pickle could execute code.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
import torch
from diffusers import (
    AutoencoderKLQwenImage,
    DiffusionPipeline,
    FirstBlockCacheConfig,
    FlowMatchEulerDiscreteScheduler,
    QwenImageTransformer2DModel,
)
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer, Qwen2VLProcessor
from transformers.utils import logging as transformers_logging

from tasks.engines import EngineUnusable, Tell
from tasks.engines.qwen import adapters as lora
from tasks.engines.qwen.adapters import Adapter
from tasks.engines.qwen.pipelines import Components, edit_pipeline

PIPELINE: Final = "QwenImageEditPlusPipeline"
"""What model_index.json has to name: the pipeline that takes several conditions (Qwen-Image-Edit-2509 and later)."""
PARTS: Final = 5
"""What the loading messages count: tokenizer and processor, text encoder, VAE, transformer, adapters."""
_IMAGE_PAD: Final = "<|image_pad|>"
_HUB_ID: Final = re.compile(r"[\w.-]+/[\w.-]+")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the weights are."""

    checkpoint: str
    """A folder in diffusers' layout, or the id of a repository of the Hugging Face hub."""
    adapters: Path
    remedy: str
    """What to do when the checkpoint is not usable; the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Switches:
    """What can make the model faster; each is off until its gain and its error are measured (docs/performance.md)."""

    compile: bool = False
    """Compile the transformer's blocks. PyTorch keeps what it compiled in TORCHINDUCTOR_CACHE_DIR."""
    attention: str | None = None
    """Name of an attention backend of diffusers."""
    first_block_cache: float | None = None
    """Threshold below which a change of the first block's output lets a step reuse the other blocks'."""


@dataclass(frozen=True, slots=True)
class Model:
    """A checkpoint in memory, with all its adapters."""

    name: str
    components: Components
    adapters: frozenset[Adapter]

    @property
    def device(self) -> torch.device:
        """Where it is computed."""
        device: torch.device = self.components.transformer.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """What it is computed in."""
        dtype: torch.dtype = self.components.transformer.dtype
        return dtype

    def tokens_of(self, text: str) -> list[tuple[int, int]]:
        """Cut a text into tokens: for each, where its characters begin and end."""
        spans = self.components.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        return list(spans["offset_mapping"])


def load(source: Source, switches: Switches, tell: Tell) -> Model:
    """Load a checkpoint onto the GPU in bfloat16, or without one onto the CPU in float32.

    Raises ``EngineUnusable``.
    """
    for library in (diffusers_logging, transformers_logging):
        library.disable_progress_bar()
    _require_pipeline(source)
    on_gpu = torch.cuda.is_available()
    options = {
        "torch_dtype": torch.bfloat16 if on_gpu else torch.float32,
        # From the files straight to where they are computed, without a copy in the host's memory.
        "device_map": "cuda" if on_gpu else "cpu",
    }
    part = _Parts(source, tell)
    part.tell("tokenizer")
    tokenizer = part.read("tokenizer", Qwen2Tokenizer.from_pretrained)
    processor = part.read("processor", Qwen2VLProcessor.from_pretrained)
    scheduler = part.read("scheduler", FlowMatchEulerDiscreteScheduler.from_pretrained)
    part.tell("text encoder")
    text_encoder = part.weights("text_encoder", Qwen2_5_VLForConditionalGeneration.from_pretrained, options)
    _require_own_tokenizers(source, {"tokenizer": tokenizer, "processor": processor.tokenizer}, text_encoder)
    part.tell("VAE")
    vae = part.weights("vae", AutoencoderKLQwenImage.from_pretrained, options)
    part.tell("transformer")
    transformer = part.weights("transformer", QwenImageTransformer2DModel.from_pretrained, options)
    components = Components(scheduler, vae, text_encoder, tokenizer, processor, transformer)
    part.tell("adapters")
    files = lora.find(source.adapters)
    lora.load(edit_pipeline(components, scheduler), files)
    switch(transformer, switches)
    return Model(_name(source.checkpoint), components, frozenset(files))


class _Parts:
    """Reads parts of a checkpoint one after the other; what goes wrong becomes a sentence."""

    def __init__(self, source: Source, tell: Tell) -> None:
        self._source = source
        self._tell = tell
        self._count = 0

    def tell(self, name: str) -> None:
        self._count += 1
        self._tell(f"Loading the {name} ({self._count} of {PARTS})")

    def read(self, folder: str, from_pretrained: Callable[..., Any], **options: Any) -> Any:
        try:
            return from_pretrained(self._source.checkpoint, subfolder=folder, **options)
        except torch.OutOfMemoryError as error:
            raise EngineUnusable(
                f"The GPU has too little memory for {self._source.checkpoint}; the real model needs 80 GB "
                "(docs/models.md). Is another process using it?"
            ) from error
        except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
            log.warning("qwen.part_unreadable", part=folder, error=str(error))
            raise EngineUnusable(
                f"The {folder.replace('_', ' ')} in {self._source.checkpoint} cannot be loaded: its files are missing "
                f"or damaged ({type(error).__name__}). {self._source.remedy}"
            ) from error

    def weights(self, folder: str, from_pretrained: Callable[..., Any], options: Mapping[str, Any]) -> Any:
        model, found = self.read(folder, from_pretrained, use_safetensors=True, output_loading_info=True, **options)
        missing = sorted(found["missing_keys"])
        if missing:
            # The libraries would go on with random numbers in their place.
            raise EngineUnusable(
                f"The {folder.replace('_', ' ')} in {self._source.checkpoint} lacks {len(missing)} tensors, such as "
                f"{missing[0]}. {self._source.remedy}"
            )
        return model.eval()


def _require_pipeline(source: Source) -> None:
    checkpoint = source.checkpoint
    if not Path(checkpoint).is_dir() and not _HUB_ID.fullmatch(checkpoint):
        raise EngineUnusable(f"There is no model in {checkpoint}. {source.remedy}")
    try:
        index = DiffusionPipeline.load_config(checkpoint)
    except (OSError, ValueError) as error:
        raise EngineUnusable(
            f"{checkpoint} holds no readable model_index.json, so it is no checkpoint in diffusers' layout. "
            f"{source.remedy}"
        ) from error
    found = index.get("_class_name") if isinstance(index, dict) else None
    if found != PIPELINE:
        raise EngineUnusable(
            f"{checkpoint} is a checkpoint of {found}; the qwen engine needs one of {PIPELINE}, such as "
            f"Qwen/Qwen-Image-Edit-2509. {source.remedy}"
        )


def _require_own_tokenizers(source: Source, tokenizers: Mapping[str, Any], text_encoder: Any) -> None:
    for folder, tokenizer in tokenizers.items():
        if tokenizer.convert_tokens_to_ids(_IMAGE_PAD) != text_encoder.config.image_token_id:
            # transformers makes an empty tokenizer where the files are missing.
            raise EngineUnusable(
                f"The {folder} in {source.checkpoint} is missing or not its text encoder's. {source.remedy}"
            )


def switch(transformer: QwenImageTransformer2DModel, switches: Switches) -> None:
    """Turn switches on. Raises ``EngineUnusable`` for an attention backend that is unknown or cannot run here."""
    if switches.attention is not None:
        try:
            transformer.set_attention_backend(switches.attention)
        except (ValueError, RuntimeError, ImportError) as error:
            raise EngineUnusable(
                f"The attention backend {switches.attention} cannot be used here: {str(error).strip()} "
                "Unset DARKROOM_QWEN_ATTENTION, or install what it needs."
            ) from error
    if switches.first_block_cache is not None:
        transformer.enable_cache(FirstBlockCacheConfig(threshold=switches.first_block_cache))
    if switches.compile:
        transformer.compile_repeated_blocks(fullgraph=True, dynamic=True)


def _name(checkpoint: str) -> str:
    """Return what clients may read: the hub id, or the folder's name without its place on the server."""
    return Path(checkpoint).resolve().name if Path(checkpoint).is_dir() else checkpoint
