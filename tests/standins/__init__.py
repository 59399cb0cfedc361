"""Checkpoints in the shape of real ones, made on the spot.

A stand-in loads torch and the libraries of its model with it, so each is imported on first use: collecting the tests
takes none.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, ["birefnet", "fastsam", "qwen"])
