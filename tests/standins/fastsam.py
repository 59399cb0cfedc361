"""Weights in FastSAM's shape, made by code in a second: ``python -m tests.standins.fastsam FILE``.

The model is a YOLOv8-seg, by default of the smallest size, with one class and random weights. What it finds means
nothing, but it finds as much of it as FastSAM does, in masks of all sizes that overlap and follow the photo.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from tasks.engines.fastsam import CONFIDENCE
from tests.lab import DATA

# After our engine, which keeps it off the network and out of the user's home.
from ultralytics.nn.tasks import SegmentationModel  # isort: skip

CALIBRATION_SIZE = 320
FOUND_PER_LEVEL = 6
"""Boxes over the threshold on each of the three levels, before the model drops those that are nearly equal."""
PADDING = 114 / 255
"""Grey that ultralytics pads photos with."""
PHOTOS = ("astronaut.jpg", "chelsea.jpg", "coffee.jpg", "launch-pad.jpg")


def build(path: Path, *, seed: int = 0, shape: str = "n") -> Path:
    """Write the weights; the same seed gives the same model. ``shape``: n is smallest, s and x are FastSAM's own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SegmentationModel(f"yolov8{shape}-seg.yaml", nc=1, verbose=False)
        model.names = {0: "object"}
        _calibrate(model, _pictures())
        torch.save({"model": model.eval().half(), "train_args": {"task": "segment"}}, path)
    return path


def _pictures() -> torch.Tensor:
    """The tests' photos, padded to squares as ultralytics pads them: B × 3 × H × W, 0–1."""
    squares = torch.full((len(PHOTOS), 3, CALIBRATION_SIZE, CALIBRATION_SIZE), PADDING)
    for square, name in zip(squares, PHOTOS, strict=True):
        with Image.open(DATA / name) as photo:
            photo.thumbnail((CALIBRATION_SIZE, CALIBRATION_SIZE))
            pixels = torch.from_numpy(np.array(photo.convert("RGB"))).permute(2, 0, 1) / 255
        square[:, : pixels.shape[1], : pixels.shape[2]] = pixels
    return squares


def _calibrate(model: SegmentationModel, pictures: torch.Tensor) -> None:
    """Give every layer a signal, and the head outputs as spread as a trained one's."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    model.train()
    with torch.no_grad():
        model(pictures)
    head = model.model[-1]
    model.eval()
    inputs: list[list[torch.Tensor]] = []
    hook = head.register_forward_pre_hook(lambda _, args: inputs.append(list(args[0])))
    with torch.no_grad():
        model(pictures)
        hook.remove()
        for level, features in enumerate(inputs[0]):
            _standardise(head.cv2[level], features, spread=1.5)
            _standardise(head.cv4[level], features, spread=1.0)
            head.cv3[level][-1] = scoring = _scoring(head.cv3[level][-1])
            found = head.cv3[level](features).flatten().topk(FOUND_PER_LEVEL * len(pictures)).values
            scoring[-1].bias += float(np.log(CONFIDENCE / (1 - CONFIDENCE))) - found[-1]


def _scoring(layer: nn.Conv2d) -> nn.Sequential:
    """Return layers that score changes from place to place, relative to the photo's own: each has its objects."""
    edges = nn.Conv2d(layer.in_channels, 1, 3, padding=1, padding_mode="replicate")
    edges.weight.copy_(layer.weight * torch.tensor([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]))
    return nn.Sequential(edges, nn.InstanceNorm2d(1, affine=True))


def _standardise(branch: nn.Sequential, features: torch.Tensor, *, spread: float) -> None:
    """Scale and shift a branch's last layer so that each of its channels has mean 0 and this standard deviation."""
    last = branch[-1]
    found = branch(features).transpose(0, 1).flatten(1)
    scale = spread / found.std(dim=1).clamp(min=1e-6)
    last.weight *= scale[:, None, None, None]
    last.bias.copy_((last.bias - found.mean(dim=1)) * scale)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
