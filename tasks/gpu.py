"""The GPU of a worker, as NVIDIA's management library sees it: how full it is and how busy, whoever uses it."""

import os
from dataclasses import dataclass
from typing import Any

import pynvml
import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GpuState:
    """A GPU at one moment."""

    gpu: str
    """Its UUID: another process of this machine that names the same one means the same one."""
    memory_used: int
    """Bytes, of all processes."""
    memory_total: int
    utilisation: float
    """Share of the last sample period (up to a second) in which a kernel ran; 0–1."""


class Gpu:
    """The GPU that this process computes on."""

    def __init__(self, handle: Any) -> None:
        """Take a handle of the library."""
        self._handle = handle
        self._uuid = str(pynvml.nvmlDeviceGetUUID(handle))

    def state(self) -> GpuState | None:
        """Return how it is; None if it does not tell, as after an error that stays."""
        try:
            memory = pynvml.nvmlDeviceGetMemoryInfo(self._handle)
            busy = pynvml.nvmlDeviceGetUtilizationRates(self._handle).gpu
        except pynvml.NVMLError as error:
            log.warning("gpu.does_not_tell", reason=str(error))
            return None
        return GpuState(self._uuid, int(memory.used), int(memory.total), busy / 100)


def find() -> Gpu | None:
    """Return the GPU that this process sees first; None on a machine without GPU or driver."""
    try:
        pynvml.nvmlInit()
        return Gpu(_first_visible(os.environ.get("CUDA_VISIBLE_DEVICES")))
    except pynvml.NVMLError as error:
        log.info("gpu.none", reason=str(error))
        return None


def _first_visible(visible: str | None) -> Any:
    """Return the library's handle of the first GPU in a value of CUDA_VISIBLE_DEVICES: a number or a UUID."""
    first = "0" if visible is None else visible.partition(",")[0].strip()
    if first.isdigit():
        return pynvml.nvmlDeviceGetHandleByIndex(int(first))
    return pynvml.nvmlDeviceGetHandleByUUID(first)
