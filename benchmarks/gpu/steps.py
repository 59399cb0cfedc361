"""What each speed switch of the qwen engine gains and what it changes, against stock diffusers.

Every variant denoises the same noise with the same random weights: one condition, true CFG off. Stock is diffusers'
own ``QwenImageEditPlusPipeline``, eager; the variants run through the engine's. What a variant makes is compared with
what stock makes, or where it has an adapter with that adapter unfused. The text encoder takes no part in a step and is
left out. Random weights say how long a step takes and how exactly a switch computes; how much a first-block cache skips
at a threshold, and what that does to a picture, depends on trained ones.

MFU divides by the device's published dense bf16 peak, where it is listed, else by the rate of one large matrix product
measured in the same run.
"""

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, QwenImageEditPlusPipeline, QwenImageTransformer2DModel
from PIL import Image

from benchmarks.gpu import shapes
from benchmarks.gpu.shapes import PEAKS, Shape
from benchmarks.harness import rounds
from tasks.engines.qwen.loading import Switches, switch
from tasks.engines.qwen.pipelines import Components, WatchedScheduler, decode, edit_pipeline, reference_area, unpacked
from tasks.engines.qwen.plan import LIGHTNING_SCHEDULE, Size

THRESHOLDS = (0.1, 0.2, 0.9)
"""Of the first-block cache: two that are in use, and one at which it skips all that it ever can."""
BACKENDS = ("_native_flash", "_native_efficient", "_native_cudnn", "flash", "_flash_3", "sage")
CPU_BACKENDS = ("_native_math",)
RANK = 16
"""Of the adapter that is measured against the same one fused into the weights."""


@dataclass(frozen=True)
class Made:
    """What a run made, for comparing."""

    latents: torch.Tensor
    picture: np.ndarray[Any, Any]


@dataclass(frozen=True)
class Row:
    """One variant's figures."""

    variant: str
    seconds_per_step: float | None = None
    speed_up: float | None = None
    mfu: float | None = None
    peak_gib: float | None = None
    first_run_seconds: float | None = None
    """Of two steps, compilation included."""
    against: str = ""
    """The variant whose output is the right one."""
    relative_error: float | None = None
    """Of the final latents: norm of the difference to the right ones, by the norm of those."""
    psnr_db: float | None = None
    """Of the decoded picture to the right one; None where they are equal."""
    skipped: float | None = None
    """Share of the passes through the blocks behind the first that a cache has left out."""
    unavailable: str = ""


class Bench:
    """One device, one shape."""

    def __init__(self, shape: Shape, steps: int) -> None:
        self.shape = shape
        self.steps = steps
        self.device = shapes.device()
        self.dtype = shapes.dtype()
        self.peak = self._peak()

    def measure(self, variant: "Variant", outputs: Mapping[str, Made]) -> tuple[Row, Made]:
        """Measure a variant and compare what it makes with the output that it should have."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        transformer = shapes.transformer(self.shape)
        variant.change(transformer)
        parts = self.components(transformer)
        started = time.perf_counter()
        self.run(parts, 2, [])
        first = time.perf_counter() - started
        times: list[float] = []
        with _passes(transformer) as passes:
            made = self.run(parts, self.steps, times, stock=variant.is_stock)
        seconds = per_step(times)
        wanted = outputs.get(variant.against)
        row = Row(
            variant.name,
            seconds_per_step=seconds,
            mfu=self.shape.flop / seconds / self.peak,
            peak_gib=torch.cuda.max_memory_allocated() / 2**30 if self.device.type == "cuda" else None,
            first_run_seconds=first,
            against=variant.against,
            relative_error=None if wanted is None else _relative_error(made.latents, wanted.latents),
            psnr_db=None if wanted is None else _psnr(made.picture, wanted.picture),
            skipped=1 - len(passes) / self.steps if variant.skips else None,
        )
        return row, made

    def run(self, parts: Components, steps: int, times: list[float], *, stock: bool = False) -> Made:
        """Denoise and decode, through the engine's pipeline or diffusers' own; add each step's end to ``times``."""
        parts.transformer._reset_stateful_cache()
        pipe = _stock(parts) if stock else edit_pipeline(parts, WatchedScheduler.from_config(dict(LIGHTNING_SCHEDULE)))
        pixels = np.random.default_rng(0).integers(0, 256, (self.shape.side, self.shape.side, 3), dtype=np.uint8)
        shape = (1, self.shape.prompt_tokens, self.shape.transformer["joint_attention_dim"])
        embeddings = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(self.device, self.dtype)

        def after_step(*_: Any) -> dict[str, Any]:
            shapes.synchronize()
            times.append(time.perf_counter())
            return {}

        with torch.no_grad(), reference_area(self.shape.side**2):
            packed = pipe(
                image=[Image.fromarray(pixels)],
                prompt_embeds=embeddings,
                prompt_embeds_mask=embeddings.new_ones(embeddings.shape[:2], dtype=torch.long),
                true_cfg_scale=1.0,
                width=self.shape.side,
                height=self.shape.side,
                num_inference_steps=steps,
                generator=torch.Generator().manual_seed(2),
                output_type="latent",
                callback_on_step_end=after_step,
                callback_on_step_end_tensor_inputs=[],
            ).images
            picture = decode(parts, unpacked(parts, packed, Size(self.shape.side, self.shape.side)))
        return Made(packed.float().cpu(), picture)

    def components(self, transformer: QwenImageTransformer2DModel) -> Components:
        """Return a model without a text encoder."""
        vae = shapes.vae(self.shape)
        nothing: Any = None  # the prompt comes as embeddings
        scheduler = WatchedScheduler.from_config(dict(LIGHTNING_SCHEDULE))
        return Components(scheduler, vae, nothing, nothing, nothing, transformer)

    def _peak(self) -> float:
        if self.device.type == "cuda":
            name = torch.cuda.get_device_name()
            published = next((peak for model, peak in PEAKS.items() if model in name), None)
            if published is not None:
                return published
        side = 8192 if self.device.type == "cuda" else 2048
        matrix = torch.ones(side, side, device=self.device, dtype=self.dtype)
        seconds = []
        for _ in range(5):
            started = time.perf_counter()
            # .item() waits for the device.
            (matrix @ matrix)[0, 0].item()
            seconds.append(time.perf_counter() - started)
        return 2 * side**3 / min(seconds)


@dataclass(frozen=True)
class Variant:
    """One row to be: what changes a plain transformer, and the row whose output it should have."""

    name: str
    change: Callable[[Any], None]
    against: str = "stock"
    is_stock: bool = False
    skips: bool = False
    """Whether it leaves work out, so that what it makes is meant to differ."""


def variants(*, on_gpu: bool, compiled: bool) -> list[Variant]:
    """Return what is measured beside stock."""

    def switched(name: str, **switches: Any) -> Variant:
        return Variant(name, lambda transformer: switch(transformer, Switches(**switches)))

    def fused(transformer: Any) -> None:
        adapted(transformer)
        transformer.fuse_lora()

    def adapted_and_compiled(transformer: Any) -> None:
        adapted(transformer)
        switch(transformer, Switches(compile=True))

    return [
        Variant("adapter", adapted, against=""),
        Variant("adapter, fused", fused, against="adapter"),
        *(replace(switched(f"first-block cache {each:g}", first_block_cache=each), skips=True) for each in THRESHOLDS),
        *([switched("compile", compile=True)] if compiled else []),
        *([Variant("compile, adapter", adapted_and_compiled, against="adapter")] if compiled else []),
        # At the end: diffusers keeps the last backend as the process's default.
        *(switched(f"attention {each}", attention=each) for each in (BACKENDS if on_gpu else CPU_BACKENDS)),
    ]


def adapted(transformer: Any) -> None:
    """Add a LoRA adapter of small random weights to attention."""
    from peft import LoraConfig  # noqa: PLC0415 - takes a second, for two variants

    targets = ["to_q", "to_k", "to_v", "to_out.0"]
    transformer.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, init_lora_weights=False, target_modules=targets))
    torch.manual_seed(3)
    for name, weight in transformer.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.01)


def measured(bench: Bench, *, compiled: bool) -> list[Row]:
    """Measure all variants; one that does not run here says why."""
    stock, made = bench.measure(Variant("stock", lambda _: None, against="", is_stock=True), {})
    outputs, rows = {"stock": made}, [stock]
    _print(stock)
    for variant in variants(on_gpu=bench.device.type == "cuda", compiled=compiled):
        try:
            row, made = bench.measure(variant, outputs)
        except Exception as error:  # noqa: BLE001 - kernels fail in their own ways; the table says that one did
            row = Row(variant.name, unavailable=f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")
        else:
            outputs[variant.name] = made
            row = replace(row, speed_up=(stock.seconds_per_step or math.nan) / (row.seconds_per_step or math.nan))
        rows.append(row)
        _print(row)
        torch.compiler.reset()
        gc.collect()
        torch.cuda.empty_cache()
    return rows


def pair(bench: Bench, attention: str | None, *, compiled: bool, count: int) -> dict[str, list[float]]:
    """Return seconds per step of stock and of the lossless switches, in turn on one set of weights."""
    transformer = shapes.transformer(bench.shape)
    switch(transformer, Switches(compile=compiled, attention=attention))
    parts = bench.components(transformer)

    def ours() -> float:
        if attention is not None:
            transformer.set_attention_backend(attention)
        return _steps(bench, parts, stock=False)

    def theirs() -> float:
        transformer.set_attention_backend("native")
        # Compiled blocks run as they were written.
        with torch.compiler.set_stance("force_eager"):
            return _steps(bench, parts, stock=True)

    sides = {"ours": ours, "stock": theirs}
    for side in sides.values():
        side()
    return rounds(sides, count)


def _steps(bench: Bench, parts: Components, *, stock: bool) -> float:
    times: list[float] = []
    bench.run(parts, bench.steps, times, stock=stock)
    return per_step(times)


def per_step(times: Sequence[float]) -> float:
    """Return the mean of the steps between these ends: a cache makes some steps cheaper than others."""
    return (times[-1] - times[0]) / (len(times) - 1)


def _stock(parts: Components) -> QwenImageEditPlusPipeline:
    scheduler = FlowMatchEulerDiscreteScheduler.from_config(dict(LIGHTNING_SCHEDULE))
    pipe = QwenImageEditPlusPipeline(
        scheduler, parts.vae, parts.text_encoder, parts.tokenizer, parts.processor, parts.transformer
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


@contextmanager
def _passes(transformer: Any) -> Iterator[list[None]]:
    """Note each pass through the last block, in which a cache's first block has no part."""
    passes: list[None] = []
    attention = transformer.transformer_blocks[-1].attn
    hook = attention.register_forward_hook(lambda *_: passes.append(None))
    try:
        yield passes
    finally:
        hook.remove()


def _relative_error(made: torch.Tensor, plain: torch.Tensor) -> float:
    return float((made - plain).norm() / plain.norm())


def _psnr(made: np.ndarray[Any, Any], plain: np.ndarray[Any, Any]) -> float | None:
    error = float(np.mean((made.astype(float) - plain.astype(float)) ** 2))
    return 10 * math.log10(255**2 / error) if error else None


HEADING = (
    f"{'':24} {'s/step':>9} {'speed-up':>9} {'MFU':>7} {'peak GiB':>9} {'first run':>10} {'rel. error':>10} "
    f"{'PSNR':>7} {'skipped':>8}"
)


def _print(row: Row) -> None:
    if row.unavailable:
        print(f"{row.variant:24} not here: {row.unavailable[:90]}", flush=True)
        return
    values: Sequence[tuple[float | None, str]] = (
        (row.seconds_per_step, "9.4f"),
        (row.speed_up, "9.2f"),
        (row.mfu, "7.1%"),
        (row.peak_gib, "9.1f"),
        (row.first_run_seconds, "10.1f"),
        (row.relative_error, "10.1e"),
        (row.psnr_db, "7.1f"),
        (row.skipped, "8.0%"),
    )
    cells = (
        format("–", f">{style.split('.')[0]}") if value is None else format(value, style) for value, style in values
    )
    print(f"{row.variant:24}", *cells, flush=True)
