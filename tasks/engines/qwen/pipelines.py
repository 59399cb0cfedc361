"""diffusers' pipelines over the components of one model, made anew for each job so that no job leaves anything behind.

They hold no weights of their own. What differs from diffusers': condition latents may come from a cache, the
scheduler remembers what a preview needs, and decoding is a step of its own. The numbers are the same bit for bit.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from diffusers import (
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    QwenImageEditPlusPipeline,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
)
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as stock
from PIL import Image
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer, Qwen2VLProcessor

from tasks.engines import RGB
from tasks.engines.qwen.plan import Size

PREVIEW_LATENTS: Final = 32
"""Longer side of a preview's latents, which are eight pixels each."""

Encode = Callable[[torch.Tensor, Callable[[], torch.Tensor]], torch.Tensor]
"""Takes a condition's pixels and what encodes them; returns their latents, from wherever."""


@dataclass(frozen=True, slots=True)
class Components:
    """The parts of a checkpoint, shared by all pipelines."""

    scheduler: FlowMatchEulerDiscreteScheduler
    """The checkpoint's own; only its configuration is used."""
    vae: AutoencoderKLQwenImage
    text_encoder: Qwen2_5_VLForConditionalGeneration
    tokenizer: Qwen2Tokenizer
    processor: Qwen2VLProcessor
    transformer: QwenImageTransformer2DModel


class WatchedScheduler(FlowMatchEulerDiscreteScheduler):
    """Can say what the picture looks like so far."""

    _last: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None

    def step(self, model_output: torch.Tensor, timestep: Any, sample: torch.Tensor, **options: Any) -> Any:
        """Take one step as ever."""
        index = 0 if self.step_index is None else self.step_index
        self._last = (sample, model_output, self.sigmas[index])
        return super().step(model_output, timestep, sample, **options)

    def estimate(self) -> torch.Tensor:
        """Return packed latents of the picture that the last step headed for: in flow matching x0 = x − σ·v.

        Raises ``RuntimeError`` before the first step.
        """
        if self._last is None:
            raise RuntimeError("no step was taken")
        sample, velocity, sigma = self._last
        return sample - sigma.to(sample) * velocity


class EditPipeline(QwenImageEditPlusPipeline):
    """Lets somebody else decide whether a condition has to be encoded."""

    encode_condition: Encode | None = None

    def _encode_vae_image(self, image: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        def encoded() -> torch.Tensor:
            latents: torch.Tensor = super(EditPipeline, self)._encode_vae_image(image, generator)
            return latents

        return self.encode_condition(image, encoded) if self.encode_condition else encoded()


def edit_pipeline(parts: Components, scheduler: FlowMatchEulerDiscreteScheduler) -> EditPipeline:
    """Return a pipeline for edits."""
    pipe = EditPipeline(scheduler, parts.vae, parts.text_encoder, parts.tokenizer, parts.processor, parts.transformer)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def text_pipeline(parts: Components, scheduler: FlowMatchEulerDiscreteScheduler) -> QwenImagePipeline:
    """Return a pipeline for text-to-image, over the same weights."""
    pipe = QwenImagePipeline(scheduler, parts.vae, parts.text_encoder, parts.tokenizer, parts.transformer)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def seen_by_text_encoder(pipe: EditPipeline, conditions: Sequence[Image.Image]) -> list[Image.Image]:
    """Return the conditions at the size at which the text encoder looks at them, as the pipeline itself would."""
    seen = []
    for condition in conditions:
        width, height = stock.calculate_dimensions(stock.CONDITION_IMAGE_SIZE, condition.width / condition.height)
        seen.append(pipe.image_processor.resize(condition, height, width))
    return seen


@contextmanager
def reference_area(pixels: int) -> Iterator[None]:
    """Have conditions encoded at an area; diffusers has a constant of its module for that and no parameter."""
    before = stock.VAE_IMAGE_SIZE
    stock.VAE_IMAGE_SIZE = pixels
    try:
        yield
    finally:
        stock.VAE_IMAGE_SIZE = before


@contextmanager
def tiling(vae: AutoencoderKLQwenImage, *, on: bool) -> Iterator[None]:
    """Have the VAE work in tiles."""
    if not on:
        yield
        return
    vae.enable_tiling()
    try:
        yield
    finally:
        vae.disable_tiling()


def unpacked(parts: Components, packed: torch.Tensor, size: Size) -> torch.Tensor:
    """Return packed latents, 1 × tokens × channels, as 1 × channels × 1 × height × width; ``size`` is in pixels."""
    latents: torch.Tensor = QwenImagePipeline._unpack_latents(
        packed, size.height, size.width, parts.vae.spatial_compression_ratio
    )
    return latents


def thinned(latents: torch.Tensor) -> torch.Tensor:
    """Return every n-th of 1 × channels × 1 × height × width latents, at most ``PREVIEW_LATENTS`` a side.

    A mean of neighbours would be greyer than any latent that the decoder knows.
    """
    every = -(-max(latents.shape[-2:]) // PREVIEW_LATENTS)
    return latents[..., ::every, ::every]


def decode(parts: Components, latents: torch.Tensor) -> RGB:
    """Return the picture of 1 × channels × 1 × height × width latents, with the roundings of the pipelines."""
    vae = parts.vae
    latents = latents.to(vae.dtype)
    mean, deviation = (
        torch.tensor(values).view(1, -1, 1, 1, 1).to(latents.device, latents.dtype)
        for values in (vae.config.latents_mean, vae.config.latents_std)
    )
    picture = vae.decode(latents / (1 / deviation) + mean, return_dict=False)[0][0, :, 0]
    levels = (picture / 2 + 0.5).clamp(0, 1).permute(1, 2, 0).float().cpu().numpy()
    return np.asarray(np.rint(levels * 255), np.uint8)
