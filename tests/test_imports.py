"""What importing costs."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "diffusers", "transformers", "ultralytics", "cv2", "boto3")


@pytest.mark.parametrize(
    "imported",
    [
        "api",
        "tasks",
        "api.app",
        "tasks.app",
        "tasks.client",
        "tasks.image_utils",
        "tasks.workflows",
        "tasks.generation",
        "tasks.segmentation",
        "tasks.smart_masks",
        "darkroom.cli",
        "darkroom.machine.life",
        "worker_profiles.local",
        "celeryconfig",
    ],
)
def test_the_light_side_stays_light(imported: str) -> None:
    """In a fresh process, neither the gateway nor a client loads a model library, cv2 or boto3: all are there."""
    code = f"import {imported}, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_everything_that_a_client_needs_has_a_name_in_tasks() -> None:
    """Each public name of ``tasks`` can be imported, without cv2."""
    code = (
        "import sys, tasks\n"
        "for name in tasks.__all__: getattr(tasks, name)\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
