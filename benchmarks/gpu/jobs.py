"""A whole job from bytes to bytes on the product's engine, and whether what it keeps is what it would compute."""

import io
import tempfile
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from PIL import Image
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer, Qwen2VLProcessor

from benchmarks.gpu import shapes
from benchmarks.gpu.shapes import Shape
from tasks import imaging
from tasks.engines import RGB, Inputs
from tasks.engines.qwen.caching import TensorCache
from tasks.engines.qwen.engine import Limits, QwenEngine
from tasks.engines.qwen.loading import Model, Switches, switch
from tasks.engines.qwen.pipelines import Components
from tasks.imaging.canny import canny
from tasks.imaging.probe import Format
from tasks.jobs import Edit, Operation, Preset
from tests.lab import DATA
from tests.standins import qwen as standin

STEPS = 4


def engine(shape: Shape, *, compiled: bool) -> QwenEngine:
    """Return the engine on a model with random weights and every part; its tokenizer has a token for each byte."""
    with tempfile.TemporaryDirectory() as name:
        folder = standin.build_checkpoint(Path(name))
        tokenizer = Qwen2Tokenizer.from_pretrained(folder, subfolder="tokenizer")
        processor = Qwen2VLProcessor.from_pretrained(folder, subfolder="processor")
        scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(folder, subfolder="scheduler")
    transformer = shapes.transformer(shape)
    switch(transformer, Switches(compile=compiled))
    encoder = shapes.randomly(Qwen2_5_VLForConditionalGeneration, _encoder(shape, tokenizer))
    parts = Components(scheduler, shapes.vae(shape), encoder, tokenizer, processor, transformer)
    area = shape.side**2
    return QwenEngine(Model("random", parts, frozenset()), Limits(working_pixels=area, reference_pixels=area))


def _encoder(shape: Shape, tokenizer: Any) -> Qwen2_5_VLConfig:
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("image_pad", "video_pad")}
    ids |= {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("vision_start", "vision_end")}
    return Qwen2_5_VLConfig(
        text_config=shape.text,
        vision_config=shape.vision,
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
    )


def photo(side: int, number: int) -> bytes:
    """Return a square photo as JPEG; each number is another one."""
    pixels = np.asarray(Image.open(DATA / "astronaut.jpg").convert("RGB").resize((side, side)))
    file = io.BytesIO()
    Image.fromarray(np.roll(pixels, 8 * number, axis=1)).save(file, "JPEG", quality=90)
    return file.getvalue()


@dataclass
class Job:
    """How long one job took; seconds."""

    whole: float
    denoising: float
    """From the first pass of the transformer to the end of the last one."""
    picture: RGB
    cache: dict[str, int]

    @property
    def share_outside(self) -> float:
        """Part of it that was no denoising, in percent."""
        return 100 * (1 - self.denoising / self.whole)


def run(engine: QwenEngine, data: bytes, conditions: int) -> Job:
    """Decode a photo, edit it in four steps and encode the result as PNG.

    The condition is the photo, and a second one its edges, as for white balance.
    """
    shapes.synchronize()
    began = time.perf_counter()
    pixels = imaging.codec.decode_rgb(data)
    given = (pixels, canny(pixels))[:conditions]
    edit = Edit(
        operation=Operation.WHITE_BALANCE,
        photo="0" * 64,  # an id; the engine is given the pixels
        preset=Preset.QUALITY,
        num_inference_steps=STEPS,
        true_cfg_scale=1.0,
        seed=1,
    )
    with _denoising(engine._model.components.transformer) as clock:
        edited = engine.edit(Inputs(edit, pixels, None, given), _say_nothing)
    imaging.codec.encode(edited.picture, Format.PNG)
    whole = time.perf_counter() - began
    return Job(whole, clock[-1] - clock[0], edited.picture, dict(edited.details["cache"]))


def _say_nothing(step: int, total_steps: int, message: str, *, preview: bytes | None = None) -> None: ...


@contextmanager
def _denoising(transformer: Any) -> Iterator[list[float]]:
    clock: list[float] = []

    def note(*_: Any) -> None:
        shapes.synchronize()
        clock.append(time.perf_counter())

    hooks = [transformer.register_forward_pre_hook(note), transformer.register_forward_hook(note)]
    try:
        yield clock
    finally:
        for hook in hooks:
            hook.remove()


@dataclass
class Kept:
    """What a cache gave away, against what would have been computed."""

    compared: int = 0
    different: list[Hashable] = field(default_factory=list)


class CheckedCache(TensorCache):
    """Computes again what it gives away, and compares bit for bit."""

    def __init__(self, limit: int) -> None:
        """Begin empty."""
        super().__init__(limit)
        self.kept = Kept()

    def get(self, key: Hashable, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return what is kept."""
        before = self.uses.hits
        found = super().get(key, make)
        if self.uses.hits > before:
            self.kept.compared += 1
            if not torch.equal(found, make()):
                self.kept.different.append(key)
        return found


def cached(engine: QwenEngine, data: bytes) -> tuple[Kept, bool]:
    """Edit a photo twice; return what the second one found, and whether both pictures are the same."""
    own, checked = engine._cache, CheckedCache(2**31)
    engine._cache = checked
    try:
        pictures = [run(engine, data, 1).picture for _ in range(2)]
    finally:
        engine._cache = own
    return checked.kept, bool(np.array_equal(*pictures))
