"""``python -m tests.observability.worker``: a generation worker whose engine waits, on a machine that has a GPU.

The rest is the worker that is deployed. A prompt of "fail" fails.
"""

import os
import sys
import threading
from pathlib import Path

import numpy as np

from tasks import gpu
from tasks.__main__ import main
from tasks.engines import Edited, EngineName, Inputs, Report, Tell
from tasks.gpu import GpuState

GATE_VARIABLE = "TEST_GATE"
"""A file: while it is there, edits go on."""
FAIL = "fail"
LIBRARY = GpuState(gpu="GPU-test", memory_used=60 * 2**30, memory_total=80 * 2**30, utilisation=0.97)


class HeldEngine:
    """Satisfies ``GenerationEngine``: its second step begins when the gate is gone."""

    name = EngineName.QWEN
    device = "cpu"

    def versions(self) -> dict[str, str]:
        """There are none to tell."""
        return {}

    def edit(self, inputs: Inputs, report: Report) -> Edited:
        """Wait, then paint or fail."""
        gate = Path(os.environ[GATE_VARIABLE])
        while gate.exists():
            report(1, 2, "held")
            threading.Event().wait(0.02)
        report(2, 2, "painting")
        if inputs.edit.prompt == FAIL:
            raise MemoryError
        return Edited(np.zeros((64, 64, 3), np.uint8))


class FakeGpu:
    """What the driver of such a machine would tell."""

    def state(self) -> GpuState:
        """Tell it."""
        return LIBRARY


def create(_tell: Tell) -> HeldEngine:
    """Construct the engine."""
    return HeldEngine()


if __name__ == "__main__":
    sys.modules["tasks.engines.qwen"] = sys.modules["__main__"]
    gpu.find = FakeGpu  # type: ignore[assignment]
    main()
