"""What importing costs."""

import os
import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "diffusers", "transformers", "ultralytics", "cv2", "boto3")


LIGHT = (
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
)


def test_the_light_side_stays_light() -> None:
    """In a fresh process, neither the gateway nor a client loads a model library, cv2 or boto3: all are there.

    One process imports everything, as what all of it does not load none of it does; it ends with the first that does.
    """
    code = (
        "import importlib, sys\n"
        f"for name in {LIGHT!r}:\n"
        "    importlib.import_module(name)\n"
        f"    assert not (loaded := set({HEAVY!r}) & set(sys.modules)), (name, loaded)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("imported", "missing"),
    [
        (
            "tasks.worker, tasks.consumer, tasks.generation, tasks.segmentation, tasks.webhooks, "
            "tasks.client, darkroom.cli, darkroom.flower",
            "opentelemetry",
        ),
        # FastAPI loads the API itself, which records nothing.
        ("api.app; api.app.build(api.app.GatewaySettings())", "opentelemetry.sdk"),
    ],
)
def test_traces_that_are_off_need_no_package(imported: str, missing: str) -> None:
    """Without an endpoint nothing of OpenTelemetry is asked for; it need not even be installed."""
    # Nothing but ours may ask for it: redis-py tries, and goes on without.
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        f"import {imported}\n"
        f"print([m for m in sys.modules if m.startswith({missing!r} + '.') or m == 'tasks.telemetry'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_traces_that_are_off_load_nothing_heavy() -> None:
    """Where the packages are installed, an exporter is loaded only with an endpoint."""
    code = (
        "import tasks.client, tasks.worker, api.app, sys\n"
        "print([m for m in sys.modules if m.startswith('opentelemetry.exporter')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_traces_that_are_not_installed_are_off() -> None:
    """With an endpoint and without the packages a process says what is missing, and goes on."""
    code = (
        "import sys; sys.modules['opentelemetry.sdk'] = None\n"
        "from tasks import tracing\n"
        "assert tracing.start('cpu') is tracing.OFF\n"
    )
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "tracing.unavailable" in done.stdout
    assert "`tracing`" in done.stdout


def test_everything_that_a_client_needs_has_a_name_in_tasks() -> None:
    """Each public name of ``tasks`` can be imported, without cv2."""
    code = (
        "import sys, tasks\n"
        "for name in tasks.__all__: getattr(tasks, name)\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
