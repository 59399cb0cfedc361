"""What each speed switch of the qwen engine gains and what it changes, against the plain pipeline.

Every variant denoises the same noise with the same random weights through the engine's own pipeline: one condition,
true CFG off. It is compared with the plain pipeline, or where it has an adapter with that adapter unfused. On a GPU the
transformer and the VAE have their real size (20 B and 0.13 B parameters), elsewhere a small one; the text encoder takes
no part in a step and is left out. Random weights say how long a step takes and how exactly a switch computes; how much
a first-block cache skips at a threshold, and what that does to a picture, depends on trained ones.

FLOP of a step: 24·d²·n per block for the linear layers of n tokens of width d (attention's four d×d, the MLP's two
d×4d, a multiplication and an addition each), 4·d·n² for attention, and the embeddings at both ends. MFU divides by the
device's published dense bf16 peak, where it is listed here, else by the rate of one large matrix product measured in
the same run.

    python benchmarks/generation.py [--size small|real] [--steps N] [--compile] [--out FILE]
"""

import argparse
import gc
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
from diffusers.utils import logging as diffusers_logging
from PIL import Image

from tasks.engines.qwen.loading import Switches, switch
from tasks.engines.qwen.pipelines import Components, WatchedScheduler, decode, edit_pipeline, reference_area, unpacked
from tasks.engines.qwen.plan import LIGHTNING_SCHEDULE, Size

PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense bf16 FLOP/s, from NVIDIA's data sheets (SXM)."""
THRESHOLDS = (0.1, 0.2, 0.9)
"""Of the first-block cache: two that are in use, and one at which it skips all that it ever can."""
BACKENDS = ("_native_flash", "_native_efficient", "_native_cudnn", "flash", "_flash_3", "sage")
CPU_BACKENDS = ("_native_math",)
RANK = 16
"""Of the adapter that is measured against the same one fused into the weights."""


@dataclass(frozen=True)
class Shape:
    """What is measured. Sides are pixels; tokens are the prompt's."""

    transformer: dict[str, Any]
    vae: dict[str, Any]
    side: int
    prompt_tokens: int
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
        """FLOP of a pass; the module's docstring has the model."""
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
        load_layers=4,
    ),
}


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
    unavailable: str = ""


class Bench:
    """One device, one shape."""

    def __init__(self, shape: Shape, steps: int) -> None:
        self.shape = shape
        self.steps = steps
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.dtype = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        self.peak = self._peak()

    def transformer(self, layers: int | None = None) -> QwenImageTransformer2DModel:
        """Return the transformer with random weights, the same each time."""
        config = {**self.shape.transformer, **({"num_layers": layers} if layers else {})}
        return self._random(QwenImageTransformer2DModel, config)

    def measure(self, variant: "Variant", outputs: Mapping[str, Made]) -> tuple[Row, Made]:
        """Measure a variant and compare what it makes with the output that it should have."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        transformer = self.transformer()
        variant.change(transformer)
        parts = self._components(transformer)
        started = time.perf_counter()
        self._run(parts, 2, [])
        first = time.perf_counter() - started
        times: list[float] = []
        made = self._run(parts, self.steps, times)
        # The mean: a cache makes some steps cheaper than others.
        seconds = (times[-1] - times[0]) / (len(times) - 1)
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
        )
        return row, made

    def _run(self, parts: Components, steps: int, times: list[float]) -> Made:
        parts.transformer._reset_stateful_cache()
        pipe = edit_pipeline(parts, WatchedScheduler.from_config(dict(LIGHTNING_SCHEDULE)))
        pixels = np.random.default_rng(0).integers(0, 256, (self.shape.side, self.shape.side, 3), dtype=np.uint8)
        shape = (1, self.shape.prompt_tokens, self.shape.transformer["joint_attention_dim"])
        embeddings = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(self.device, self.dtype)

        def after_step(*_: Any) -> dict[str, Any]:
            if self.device.type == "cuda":
                torch.cuda.synchronize()
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

    def _components(self, transformer: QwenImageTransformer2DModel) -> Components:
        vae = self._random(AutoencoderKLQwenImage, self.shape.vae)
        nothing: Any = None  # the prompt comes as embeddings
        scheduler = WatchedScheduler.from_config(dict(LIGHTNING_SCHEDULE))
        return Components(scheduler, vae, nothing, nothing, nothing, transformer)

    def _random(self, kind: Any, config: dict[str, Any]) -> Any:
        torch.manual_seed(0)
        torch.set_default_dtype(self.dtype)
        try:
            with self.device:
                return kind(**config).to(self.device, self.dtype).eval()
        finally:
            torch.set_default_dtype(torch.float32)

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
    against: str = "plain"


def variants(*, on_gpu: bool, compiled: bool) -> list[Variant]:
    """Return what is measured beside the plain transformer."""

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
        *(switched(f"first-block cache {each:g}", first_block_cache=each) for each in THRESHOLDS),
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
    plain, made = bench.measure(Variant("plain", lambda _: None, against=""), {})
    outputs, rows = {"plain": made}, [plain]
    _print(plain)
    for variant in variants(on_gpu=bench.device.type == "cuda", compiled=compiled):
        try:
            row, made = bench.measure(variant, outputs)
        except Exception as error:  # noqa: BLE001 - kernels fail in their own ways; the table says that one did
            row = Row(variant.name, unavailable=f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")
        else:
            outputs[variant.name] = made
            row = replace(row, speed_up=(plain.seconds_per_step or math.nan) / (row.seconds_per_step or math.nan))
        rows.append(row)
        _print(row)
        torch.compiler.reset()
        gc.collect()
        torch.cuda.empty_cache()
    return rows


LOAD = """
import json, sys, time
import torch
from diffusers import QwenImageTransformer2DModel
folder, device, dtype = sys.argv[1:]
started = time.perf_counter()
options = {"device_map": "cuda"} if device == "cuda" else {}
model = QwenImageTransformer2DModel.from_pretrained(folder, torch_dtype=getattr(torch, dtype), **options)
# The files are mapped: only reading every weight has loaded them.
total = sum(parameter.float().abs().sum().item() for parameter in model.parameters())
print(json.dumps(time.perf_counter() - started))
"""


def loading(bench: Bench) -> dict[str, float]:
    """Measure how long weights take from files (in the page cache) to being read once, in fresh processes."""
    with tempfile.TemporaryDirectory() as folder:
        bench.transformer(bench.shape.load_layers).save_pretrained(folder, max_shard_size="2GB")
        size = sum(file.stat().st_size for file in Path(folder).glob("*.safetensors"))
        seconds = {"plain": _load_seconds(folder, bench, ""), "parallel": _load_seconds(folder, bench, "1")}
    return {"gigabytes": size / 1e9, **seconds}


def _load_seconds(folder: str, bench: Bench, parallel: str) -> float:
    command = [sys.executable, "-c", LOAD, folder, bench.device.type, str(bench.dtype).removeprefix("torch.")]
    environment = {**os.environ, "HF_ENABLE_PARALLEL_LOADING": parallel}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def _relative_error(made: torch.Tensor, plain: torch.Tensor) -> float:
    return float((made - plain).norm() / plain.norm())


def _psnr(made: np.ndarray[Any, Any], plain: np.ndarray[Any, Any]) -> float | None:
    error = float(np.mean((made.astype(float) - plain.astype(float)) ** 2))
    return 10 * math.log10(255**2 / error) if error else None


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
    )
    cells = (
        format("–", f">{style.split('.')[0]}") if value is None else format(value, style) for value, style in values
    )
    print(f"{row.variant:24}", *cells, flush=True)


def main() -> None:
    """Measure, print a table and write JSON where it is asked for."""
    parser = argparse.ArgumentParser(description="Speed switches of the qwen engine against the plain pipeline.")
    parser.add_argument("--size", choices=SHAPES, default="real" if torch.cuda.is_available() else "small")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--compile", action="store_true", default=torch.cuda.is_available(), help="a minute on a CPU")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        torch.set_num_threads(1)  # threads that share cores with other work vary more than what is measured
    diffusers_logging.disable_progress_bar()
    diffusers_logging.set_verbosity_error()
    bench = Bench(SHAPES[arguments.size], arguments.steps)
    device = torch.cuda.get_device_name() if bench.device.type == "cuda" else "CPU, one thread"
    print(f"{device}; {arguments.size} size; {bench.shape.flop / 1e12:.4g} TFLOP a step; {bench.shape.tokens} tokens")
    if bench.device.type != "cuda":
        print("No GPU here: these figures compare code paths on a CPU and say nothing about the real model on a GPU.")
    print(
        f"{'':24} {'s/step':>9} {'speed-up':>9} {'MFU':>7} {'peak GiB':>9} {'first run':>10} {'rel. error':>10} "
        f"{'PSNR':>7}"
    )
    rows = measured(bench, compiled=arguments.compile)
    seconds = loading(bench)
    print(
        f"loading {seconds['gigabytes']:.3g} GB: plain {seconds['plain']:.2f} s, parallel {seconds['parallel']:.2f} s"
    )
    if arguments.out:
        record = {
            "device": device,
            "size": arguments.size,
            "dtype": str(bench.dtype),
            "steps": arguments.steps,
            "flop_per_step": bench.shape.flop,
            "peak_flop_per_second": bench.peak,
            "versions": {name: version(name) for name in ("torch", "diffusers", "peft")},
            "variants": [asdict(row) for row in rows],
            "loading": seconds,
        }
        arguments.out.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
