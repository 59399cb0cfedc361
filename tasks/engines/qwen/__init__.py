"""The engine of the generation pool: Qwen-Image-Edit through diffusers.

::

    create ─► loading (components, adapters, switches) ─► engine (one edit after the other)
                                                            ├── prompts, plan, adapters   what to do; pure decisions
                                                            ├── pipelines                 diffusers, made anew per job
                                                            └── caching                   embeddings and latents
"""

import os
from typing import TYPE_CHECKING, Final

from tasks.engines import Tell
from tasks.settings import settings

if TYPE_CHECKING:
    from tasks.engines.qwen.engine import QwenEngine

CHECKPOINT: Final = "qwen-image-edit"
"""Name of the checkpoint that `darkroom models pull` fetches, and of its folder."""
_PULL: Final = f"Run `darkroom models pull {CHECKPOINT}`, or set MODEL_PATH to a folder or hub id of your own."
_OTHER_PATH: Final = (
    "Set MODEL_PATH to the right folder or hub id, or unset it to use what "
    f"`darkroom models pull {CHECKPOINT}` fetches."
)


def create(tell: Tell) -> "QwenEngine":
    """Load the model that the settings name, with its adapters. Raises ``EngineUnusable``."""
    chosen = settings()
    if chosen.qwen_parallel_loading:
        # diffusers reads this when it is imported, so it is imported only now.
        os.environ["HF_ENABLE_PARALLEL_LOADING"] = "1"
    tell("Loading the libraries")
    from tasks.engines.qwen import engine, loading  # noqa: PLC0415 - after the line above

    source = loading.Source(
        checkpoint=chosen.model_path or str(chosen.models_folder / CHECKPOINT),
        adapters=chosen.adapters_folder or chosen.models_folder / "adapters",
        remedy=_OTHER_PATH if chosen.model_path else _PULL,
    )
    switches = loading.Switches(
        compile=chosen.qwen_compile,
        attention=chosen.qwen_attention,
        first_block_cache=chosen.qwen_first_block_cache,
    )
    limits = engine.Limits(chosen.qwen_working_pixels, chosen.qwen_reference_pixels, chosen.qwen_cache_bytes)
    return engine.QwenEngine(loading.load(source, switches, tell), limits)
