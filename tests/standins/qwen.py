"""A tiny random Qwen-Image-Edit checkpoint and its adapters, in the layout of the real ones.

``python -m tests.standins.qwen FOLDER`` makes a models folder: ``qwen-image-edit`` and ``adapters``. The classes, the
files and the order of the calls are the real ones; the pictures are coloured noise. Deterministic in the seed.
"""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    QwenImageEditPlusPipeline,
    QwenImageTransformer2DModel,
)
from safetensors.torch import save_file
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
SCHEDULER = {
    "base_image_seq_len": 256,
    "base_shift": 0.5,
    "max_image_seq_len": 8192,
    "max_shift": 0.9,
    "num_train_timesteps": 1000,
    "shift": 1.0,
    "shift_terminal": 0.02,
    "time_shift_type": "exponential",
    "use_dynamic_shifting": True,
}
"""scheduler_config.json of Qwen/Qwen-Image-Edit-2509."""

HIDDEN = 16
LAYERS = 2
HEADS, HEAD_DIM = 2, 16
RANK = 2
OPERATION_ADAPTERS = ("removal", "insertion", "white-balance")
LIGHTNING_ADAPTERS = ("lightning-4", "lightning-8")


def build(folder: Path, seed: int = 0) -> Path:
    """Make a models folder with a checkpoint and all adapters; return it."""
    build_checkpoint(folder / "qwen-image-edit", seed)
    build_adapters(folder / "adapters", seed)
    return folder


def build_checkpoint(folder: Path, seed: int = 0) -> Path:
    """Save a pipeline of about 0.1 million parameters, its transformer in shards like the real one's."""
    tokenizer = _tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipe = QwenImageEditPlusPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(**SCHEDULER),
            vae=_vae(),
            text_encoder=_text_encoder(tokenizer),
            tokenizer=tokenizer,
            processor=Qwen2VLProcessor(
                image_processor=Qwen2VLImageProcessor(),
                tokenizer=tokenizer,
                video_processor=Qwen2VLVideoProcessor(),
            ),
            transformer=_transformer(),
        )
        pipe.save_pretrained(folder, max_shard_size="200KB")
    return folder


def build_adapters(folder: Path, seed: int = 0) -> Path:
    """Save one LoRA file for each operation that has one, and the two lightning ones, in their two spellings."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate((*OPERATION_ADAPTERS, *LIGHTNING_ADAPTERS)):
        generator = torch.Generator().manual_seed(1000 * seed + index)
        weights = _lightning(generator) if name in LIGHTNING_ADAPTERS else _lora(generator)
        save_file(weights, folder / f"{name}.safetensors")
    return folder


def _tokenizer() -> Qwen2Tokenizer:
    """One token per byte, and the special ones."""
    tokens = (*sorted(ByteLevel.alphabet()), *SPECIAL_TOKENS)
    tokenizer = Qwen2Tokenizer(
        vocab={token: index for index, token in enumerate(tokens)},
        merges=[],
        additional_special_tokens=list(SPECIAL_TOKENS[1:]),
    )
    tokenizer.model_max_length = 131_072
    return tokenizer


def _vae() -> AutoencoderKLQwenImage:
    """Eight pixels to a latent, as the real one."""
    channels = 4
    return AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=channels,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.1, -0.1, 0.2, 0.0],
        latents_std=[1.5, 0.8, 1.2, 1.0],
    )


def _text_encoder(tokenizer: Qwen2Tokenizer) -> Qwen2_5_VLForConditionalGeneration:
    ids: dict[str, Any] = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
    config = Qwen2_5_VLConfig(
        text_config={
            "hidden_size": HIDDEN,
            "intermediate_size": 2 * HIDDEN,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "vocab_size": len(tokenizer),
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]},
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
        },
        vision_config={
            "depth": 1,
            "hidden_size": HIDDEN,
            "intermediate_size": HIDDEN,
            "num_heads": 2,
            "out_hidden_size": HIDDEN,
            "fullatt_block_indexes": [],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    return Qwen2_5_VLForConditionalGeneration(config)


def _transformer() -> QwenImageTransformer2DModel:
    return QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=4,
        num_layers=LAYERS,
        attention_head_dim=HEAD_DIM,
        num_attention_heads=HEADS,
        joint_attention_dim=HIDDEN,
        axes_dims_rope=(4, 6, 6),
    )


def _lora(generator: torch.Generator) -> dict[str, torch.Tensor]:
    """In diffusers' own spelling."""
    return {
        f"transformer.{module}.{end}.weight": weight
        for module in _modules()
        for end, weight in zip(("lora_A", "lora_B"), _pair(generator), strict=True)
    }


def _lightning(generator: torch.Generator) -> dict[str, torch.Tensor]:
    """In the spelling of the published Lightning files, with an alpha per module."""
    weights = {}
    for module in _modules():
        down, up = _pair(generator)
        weights |= {
            f"{module}.lora_down.weight": down,
            f"{module}.lora_up.weight": up,
            f"{module}.alpha": torch.tensor(float(RANK)),
        }
    return weights


def _modules() -> Iterator[str]:
    for layer in range(LAYERS):
        for name in ("to_q", "to_k", "to_v", "to_out.0"):
            yield f"transformer_blocks.{layer}.attn.{name}"


def _pair(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    width = HEADS * HEAD_DIM
    scale = 1 / math.sqrt(width)
    return (
        scale * torch.randn(RANK, width, generator=generator),
        torch.randn(width, RANK, generator=generator),
    )


def main() -> None:
    """Make the models folder that the command line names and say where."""
    folder = build(Path(sys.argv[1]))
    sys.stdout.write(json.dumps({"models_folder": str(folder.resolve())}) + "\n")


if __name__ == "__main__":
    main()
