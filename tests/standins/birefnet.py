"""A folder in BiRefNet's shape, made by code: ``python -m tests.standins.birefnet FOLDER``.

The layout and the interface are the real ones: code of the repository's own, a list of logits of which the last counts,
checksums of every file. The object that it finds is whatever is bright.
"""

import hashlib
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

CONFIG = """
from transformers import PretrainedConfig


class BiRefNetConfig(PretrainedConfig):
    model_type = "SegformerForSemanticSegmentation"
"""

CODE = """
import torch
from transformers import PreTrainedModel

from .BiRefNet_config import BiRefNetConfig


class BiRefNet(PreTrainedModel):
    config_class = BiRefNetConfig

    def __init__(self, config):
        super().__init__(config)
        self.brightness = torch.nn.Conv2d(3, 1, 1)
        self.post_init()

    def forward(self, x):
        bright = self.brightness(x)
        return [torch.zeros_like(bright), bright]
"""


def build(folder: Path) -> Path:
    """Write the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    described = {
        "architectures": ["BiRefNet"],
        "auto_map": {
            "AutoConfig": "BiRefNet_config.BiRefNetConfig",
            "AutoModelForImageSegmentation": "birefnet.BiRefNet",
        },
    }
    (folder / "config.json").write_text(json.dumps(described))
    (folder / "BiRefNet_config.py").write_text(CONFIG)
    (folder / "birefnet.py").write_text(CODE)
    weights = {"brightness.weight": torch.full((1, 3, 1, 1), 3.0), "brightness.bias": torch.zeros(1)}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return sign(folder)


def sign(folder: Path) -> Path:
    """Write the checksums of what is there, as ``darkroom models pull`` does at its end."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    sums = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n" for path in files
    )
    (folder / "SHA256SUMS").write_text("".join(sums))
    return folder


if __name__ == "__main__":
    build(Path(sys.argv[1]))
