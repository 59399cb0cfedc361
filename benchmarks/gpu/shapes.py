"""The model's real size and a small one, with random weights, and the arithmetic of a step.

FLOP of a step: 24·d²·n per block for the linear layers of n tokens of width d (attention's four d×d, the MLP's two
d×4d, a multiplication and an addition each), 4·d·n² for attention, and the embeddings at both ends.
"""

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel

PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense bf16 FLOP/s, from NVIDIA's data sheets (SXM)."""


@dataclass(frozen=True)
class Shape:
    """What is measured. Sides are pixels; tokens are the prompt's."""

    transformer: dict[str, Any]
    vae: dict[str, Any]
    side: int
    prompt_tokens: int
    text: dict[str, Any]
    """The text encoder's own numbers, as its configuration names them."""
    vision: dict[str, Any]
    load_layers: int
    """Layers of the checkpoint whose loading is measured: enough to see the rate without filling the disk."""

    @property
    def width(self) -> int:
        """Channels of a token."""
        return int(self.transformer["num_attention_heads"] * self.transformer["attention_head_dim"])

    @property
    def tokens(self) -> int:
        """Tokens of a pass: the picture's, the condition's, the prompt's."""
        return 2 * (self.side // 16) ** 2 + self.prompt_tokens

    @property
    def flop(self) -> float:
        """Of a pass with one condition."""
        d, n, config = self.width, self.tokens, self.transformer
        blocks = config["num_layers"] * (24 * d * d * n + 4 * d * n * n)
        pixels = n - self.prompt_tokens
        ends = 2 * d * (self.prompt_tokens * config["joint_attention_dim"] + 2 * pixels * config["in_channels"])
        return float(blocks + ends)


SHAPES = {
    "real": Shape(
        transformer={
            "num_layers": 60,
            "num_attention_heads": 24,
            "attention_head_dim": 128,
            "joint_attention_dim": 3584,
            "in_channels": 64,
            "out_channels": 16,
            "axes_dims_rope": (16, 56, 56),
        },
        vae={},
        side=1024,
        prompt_tokens=256,
        text={
            "hidden_size": 3584,
            "intermediate_size": 18944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "vocab_size": 152_064,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
        },
        vision={
            "depth": 32,
            "hidden_size": 1280,
            "intermediate_size": 3420,
            "num_heads": 16,
            "out_hidden_size": 3584,
            "fullatt_block_indexes": [7, 15, 23, 31],
        },
        load_layers=10,
    ),
    "small": Shape(
        transformer={
            "num_layers": 4,
            "num_attention_heads": 4,
            "attention_head_dim": 32,
            "joint_attention_dim": 64,
            "in_channels": 64,
            "out_channels": 16,
            "axes_dims_rope": (8, 12, 12),
        },
        vae={"base_dim": 8, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1},
        side=256,
        prompt_tokens=64,
        text={
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "vocab_size": 512,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
        },
        vision={
            "depth": 1,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": 64,
            "fullatt_block_indexes": [],
        },
        load_layers=4,
    ),
}


def device() -> torch.device:
    """Return the GPU, or the CPU where there is none."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def dtype() -> torch.dtype:
    """Return what the product computes in there."""
    return torch.bfloat16 if torch.cuda.is_available() else torch.float32


def synchronize() -> None:
    """Wait until the GPU has done what it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def randomly(make: Any, *arguments: Any, **options: Any) -> Any:
    """Return a model with random weights, the same each time, made where it is computed."""
    torch.manual_seed(0)
    torch.set_default_dtype(dtype())
    try:
        with device():
            return make(*arguments, **options).to(device(), dtype()).eval()
    finally:
        torch.set_default_dtype(torch.float32)


def transformer(shape: Shape, layers: int | None = None) -> QwenImageTransformer2DModel:
    """Return the transformer, or one of fewer layers."""
    config = {**shape.transformer, **({"num_layers": layers} if layers else {})}
    return randomly(QwenImageTransformer2DModel, **config)


def vae(shape: Shape) -> AutoencoderKLQwenImage:
    """Return the VAE."""
    return randomly(AutoencoderKLQwenImage, **shape.vae)
