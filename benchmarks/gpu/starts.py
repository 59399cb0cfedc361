"""How long a model takes to its first pass: loading it, and compiling it; each in a fresh process.

python -m benchmarks.gpu.starts load|compile KIND SIZE FOLDER      prints seconds
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import QwenImageTransformer2DModel

from benchmarks.gpu import shapes
from benchmarks.gpu.shapes import SHAPES, Shape
from benchmarks.harness import rounds
from tasks.engines.qwen.loading import Switches, switch


def loading(size: str, count: int) -> tuple[float, dict[str, list[float]]]:
    """Return the gigabytes of a part of the transformer, and seconds from its files to its first pass by kind.

    The files are in the page cache. ``stock`` is ``from_pretrained`` and ``to``; ``engine`` is the engine's call,
    ``parallel`` the same with DARKROOM_QWEN_PARALLEL_LOADING.
    """
    with tempfile.TemporaryDirectory() as folder:
        shape = SHAPES[size]
        shapes.transformer(shape, shape.load_layers).save_pretrained(folder, max_shard_size="2GB")
        gigabytes = sum(file.stat().st_size for file in Path(folder).glob("*.safetensors")) / 1e9
        kinds: dict[str, Mapping[str, str]] = {
            "stock": {},
            "engine": {},
            "parallel": {"HF_ENABLE_PARALLEL_LOADING": "1"},
        }
        sides = {
            kind: lambda kind=kind, variables=variables: _fresh("load", kind, size, folder, variables)
            for kind, variables in kinds.items()
        }
        return gigabytes, rounds(sides, count)


def compiling(size: str) -> dict[str, float]:
    """Return seconds to the first pass, by what is compiled and whether its persistent cache was empty."""
    told = {}
    for kind in ("regional", "whole"):
        with tempfile.TemporaryDirectory() as folder:
            variables = {"TORCHINDUCTOR_CACHE_DIR": folder}
            for cache in ("cold", "warm"):
                told[f"{kind}, {cache}"] = _fresh("compile", kind, size, folder, variables)
    return told


def _fresh(what: str, kind: str, size: str, folder: str, variables: Mapping[str, str]) -> float:
    command = [sys.executable, "-m", "benchmarks.gpu.starts", what, kind, size, folder]
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return float(json.loads(done.stdout.strip().splitlines()[-1]))


def load(kind: str, shape: Shape, folder: str) -> float:
    """Load and pass once. Weights of files that are mapped are read by the first pass."""
    _forward(shapes.transformer(shape, 1), shape)  # the device and its libraries are up
    began = time.perf_counter()
    if kind == "stock":
        model = QwenImageTransformer2DModel.from_pretrained(folder, torch_dtype=shapes.dtype()).to(shapes.device())
    else:
        model = QwenImageTransformer2DModel.from_pretrained(
            folder, torch_dtype=shapes.dtype(), device_map=str(shapes.device()), use_safetensors=True
        )
    _forward(model, shape)
    return time.perf_counter() - began


def compile_once(kind: str, shape: Shape) -> float:
    """Compile as the engine does, or the whole transformer, and pass once."""
    model: Any = shapes.transformer(shape)
    _forward(model, shape)
    began = time.perf_counter()
    if kind == "regional":
        switch(model, Switches(compile=True))
    else:
        model = torch.compile(model)
    _forward(model, shape)
    return time.perf_counter() - began


def _forward(model: Any, shape: Shape) -> None:
    side = shape.side // 16
    options = {"device": shapes.device(), "dtype": shapes.dtype()}
    with torch.no_grad():
        made = model(
            hidden_states=torch.zeros(1, 2 * side * side, shape.transformer["in_channels"], **options),
            encoder_hidden_states=torch.zeros(
                1, shape.prompt_tokens, shape.transformer["joint_attention_dim"], **options
            ),
            encoder_hidden_states_mask=torch.ones(1, shape.prompt_tokens, device=shapes.device(), dtype=torch.long),
            timestep=torch.ones(1, **options),
            img_shapes=[[(1, side, side), (1, side, side)]],
            return_dict=False,
        )[0]
        made.float().sum().item()  # waits for the device


if __name__ == "__main__":
    _, what, kind, size, folder = sys.argv
    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    print(json.dumps(load(kind, SHAPES[size], folder) if what == "load" else compile_once(kind, SHAPES[size])))
