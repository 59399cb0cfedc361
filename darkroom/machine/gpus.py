"""The GPUs of a machine, as CUDA names them."""

import os
import re
import subprocess

_LISTED = re.compile(r"^GPU \d+: .*\(UUID: (GPU-[0-9a-f-]+)\)", re.MULTILINE)
_LIST_SECONDS = 60.0
"""The driver of a machine with eight GPUs takes up to half a minute for its first answer without its daemon."""


def gpu_ids() -> tuple[str, ...]:
    """Return a name for each GPU that this process may use; none where there is no driver.

    What ``CUDA_VISIBLE_DEVICES`` grants counts, if it is set. Otherwise the driver's list, by UUID: the numbers of
    nvidia-smi and those of CUDA are in different orders.
    """
    granted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if granted is not None:
        return granted_ids(granted)
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_LIST_SECONDS, check=True)  # noqa: S607 - where the driver puts it differs
    except (OSError, subprocess.SubprocessError):
        return ()
    return listed_ids(done.stdout)


def granted_ids(value: str) -> tuple[str, ...]:
    """Return the devices of a ``CUDA_VISIBLE_DEVICES``; like CUDA, none from the first that is negative on."""
    ids: list[str] = []
    for each in value.split(","):
        name = each.strip()
        if not name or name.startswith("-"):
            break
        ids.append(name)
    return tuple(ids)


def listed_ids(listing: str) -> tuple[str, ...]:
    """Return the UUIDs of ``nvidia-smi -L``."""
    return tuple(_LISTED.findall(listing))
