"""The generation pool on one GPU, with random weights at real size, against stock diffusers in the same process.

On a machine without a GPU a small model runs on one thread of the CPU, to see that everything works; its figures say
nothing of the real one. Parts: ``steps`` (seconds per step with each switch, MFU, what a switch changes), ``jobs``
(four steps from bytes to bytes, and what caches keep), ``load``, ``compile``.

    python -m benchmarks.generation [--size small|real] [--only PART …] [--steps N] [--rounds N] [--json FILE]
"""

import argparse
import gc
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from diffusers.utils import logging as diffusers_logging
from rich.console import Console
from transformers.utils import logging as transformers_logging

from benchmarks.__main__ import table
from benchmarks.gpu import jobs, starts, steps
from benchmarks.gpu.shapes import SHAPES
from benchmarks.gpu.steps import Bench, Row
from benchmarks.harness import Measure, as_json, at_least, at_most, machine, number, ratios

ROWS = {"step": 17, "mfu": 18, "cache": 19, "job": 20, "outside": 21, "kept": 22, "load": 23, "compile": 24}
LOSSLESS = {torch.bfloat16: 2e-2, torch.float32: 1e-5}
"""Relative error of the latents up to which a switch has only rounded in another order: three digits of bf16."""


class Run:
    """One run, and the figures beside the measures."""

    def __init__(self, size: str, count: int, step_count: int) -> None:
        self.size, self.count = size, count
        self.bench = Bench(SHAPES[size], step_count)
        self.rows: list[Row] = []

    def steps(self) -> Iterator[Measure]:
        """Measure every switch once, then the best lossless ones against stock, in turn."""
        shape, bench = self.bench.shape, self.bench
        print(f"{shape.flop / 1e12:.4g} TFLOP a step, {shape.tokens} tokens\n{steps.HEADING}", flush=True)
        self.rows = steps.measured(bench, compiled=True)
        attention = self._best_attention()
        values = steps.pair(bench, attention, compiled=True, count=self.count)
        names = "compiled blocks" + (f", attention {attention}" if attention else "")
        told = f"{number(_median(values['ours']))} s against {number(_median(values['stock']))} s"
        limit = f"{number(shape.flop / bench.peak)} s at an MFU of 100 %"
        faster = ratios(values["stock"], values["ours"])
        yield Measure(ROWS["step"], f"seconds per step, {names}: stock eager", faster, at_least(1.3), told, limit)
        used = tuple(100 * shape.flop / each / bench.peak for each in values["ours"])
        yield Measure(ROWS["mfu"], f"MFU, {names}", used, at_least(55, " %"), f"peak {bench.peak / 1e12:.4g} TFLOP/s")
        yield from self._cache()

    def _best_attention(self) -> str | None:
        bound = LOSSLESS[self.bench.dtype]
        found = [
            row
            for row in self.rows
            if row.variant.startswith("attention ") and (row.speed_up or 0) > 1 and (row.relative_error or 0) <= bound
        ]
        best = max(found, key=lambda row: row.speed_up or 0, default=None)
        return best.variant.removeprefix("attention ") if best else None

    def _cache(self) -> Iterator[Measure]:
        for row in (row for row in self.rows if row.skipped and row.relative_error is not None):
            told = f"{row.skipped:.0%} of the passes skipped, {number(row.speed_up or 0)}× as fast"
            limit = "random weights: what trained ones skip, and what it does to a picture, only they show"
            error = (100 * (row.relative_error or 0),)
            yield Measure(ROWS["cache"], f"error of the {row.variant}", error, at_most(3, " %"), told, limit)

    def jobs(self) -> Iterator[Measure]:
        """Measure whole jobs of one and of two conditions, each of a photo that nothing is kept of."""
        shape, engine = self.bench.shape, jobs.engine(self.bench.shape, compiled=self.bench.device.type == "cuda")
        for conditions in (1, 2):
            jobs.run(engine, jobs.photo(shape.side, 0), conditions)
            took = [jobs.run(engine, jobs.photo(shape.side, 1 + turn), conditions) for turn in range(self.count)]
            name = f"{jobs.STEPS} steps, {conditions} condition{'s' if conditions > 1 else ''}"
            goals = (at_most(1.6, " s"), at_most(20, " %")) if conditions == 1 else (None, None)
            whole = tuple(each.whole for each in took)
            limit = f"{number(jobs.STEPS * shape.flop / self.bench.peak)} s of denoising at an MFU of 100 %"
            yield Measure(ROWS["job"], f"{name}, bytes to bytes", whole, goals[0], "", limit if conditions == 1 else "")
            outside = tuple(each.share_outside for each in took)
            yield Measure(ROWS["outside"], f"{name}, outside the denoising", outside, goals[1])
        kept, same = jobs.cached(engine, jobs.photo(shape.side, 99))
        told = f"{kept.compared} tensors compared, the pictures are {'the same' if same else 'different'}"
        yield Measure(
            ROWS["kept"], "kept tensors that differ from computed ones", (len(kept.different),), at_most(0, ""), told
        )

    def load(self) -> Iterator[Measure]:
        """Measure loading."""
        gigabytes, values = starts.loading(self.size, self.count)
        told = ", ".join(f"{kind} {number(_median(each))} s" for kind, each in values.items())
        for kind in ("engine", "parallel"):
            faster = ratios(values["stock"], values[kind])
            what = f"files of {gigabytes:.3g} GB to the first pass, {kind}: stock"
            yield Measure(ROWS["load"], what, faster, at_least(3), told)

    def compile(self) -> Iterator[Measure]:
        """Measure compiling, once: a cold start is cold once."""
        values = starts.compiling(self.size)
        told = ", ".join(f"{kind} {number(each)} s" for kind, each in values.items())
        part = values["regional, cold"] / values["whole, cold"]
        yield Measure(ROWS["compile"], "compiling blocks, cold: the whole transformer", (part,), at_most(0.2), told)


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def main() -> None:
    """Measure, print a table and write JSON where it is asked for."""
    on_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generation", description=__doc__)
    parser.add_argument("--size", choices=SHAPES, default="real" if on_gpu else "small")
    parser.add_argument("--only", action="append", choices=("steps", "jobs", "load", "compile"))
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not on_gpu:
        torch.set_num_threads(1)  # threads that share cores with other work vary more than what is measured
    for library in (diffusers_logging, transformers_logging):
        library.disable_progress_bar()
        library.set_verbosity_error()
    run = Run(arguments.size, arguments.rounds, arguments.steps)
    parts: dict[str, Callable[[], Iterator[Measure]]] = {
        "steps": run.steps,
        "jobs": run.jobs,
        "load": run.load,
        "compile": run.compile,
    }
    measures: list[Measure] = []
    for name in arguments.only or parts:
        measures += parts[name]()
        gc.collect()
        torch.cuda.empty_cache()
    device = torch.cuda.get_device_name() if on_gpu else "CPU, one thread: these figures say nothing of a GPU"
    libraries = {name: version(name) for name in ("torch", "diffusers", "transformers")}
    about = {**machine(), "device": device, "size": arguments.size, **libraries}
    Console(width=200).print(table(measures, about))
    if arguments.json:
        record: dict[str, Any] = {**as_json(measures, about), "switches": [asdict(row) for row in run.rows]}
        arguments.json.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
