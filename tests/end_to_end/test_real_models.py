"""The engines with models, through `darkroom up`: real classes on stand-in weights, real queues, real HTTP."""

import base64
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from darkroom.stack import free_ports
from tasks import ledger
from tasks.queues import Queue
from tests import standins
from tests.end_to_end.test_edits import INSERTION, REMOVAL, WHITE_BALANCE, body, statuses
from tests.lab import wait_for
from tests.tasks import pictures
from worker_profiles import for_queue

ROOT = Path(__file__).parents[2]
VARIABLES = ("PORT", "FLOWER_PORT", "BROKER_PORT", "CACHE_PORT")
SMALL = {
    "DARKROOM_QWEN_WORKING_PIXELS": str(64 * 64),
    "DARKROOM_QWEN_REFERENCE_PIXELS": str(32 * 32),
}
"""Edits are small, as their content means nothing; masks have the profile's size, as their cost is measured."""


class Models:
    """A running Darkroom with models."""

    def __init__(self, http: httpx.Client, broker: str) -> None:
        self.http = http
        self._book = ledger.connect(broker)

    def taken(self, queue: Queue) -> int:
        """Tasks that the worker of a queue has taken since its start, by its own counter."""
        return int(self._worker(queue)["taken"])

    def is_idle(self, queue: Queue) -> bool:
        """Whether the worker of a queue runs nothing."""
        return not self._worker(queue)["active"]

    def _worker(self, queue: Queue) -> dict[str, Any]:
        profile = for_queue(queue).name
        return next(one for one in self._book.apply(ledger.overview()).workers if one["profile"] == profile)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    """`darkroom up` with SEGMENTATION_ENGINE=fastsam and GENERATION_ENGINE=qwen on stand-ins."""
    folder = tmp_path_factory.mktemp("models")
    python_path = {"PYTHONPATH": str(ROOT)}
    standins.qwen.build(folder)
    standins.fastsam.build(folder / "own.pt")
    ports = dict(zip(VARIABLES, map(str, free_ports(4)), strict=True))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("REDIS_", "IMAGE_"))}
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "darkroom", "up"],
            cwd=folder,
            env={
                **inherited,
                **ports,
                **SMALL,
                **python_path,
                "SEGMENTATION_ENGINE": "fastsam",
                "SEGMENTATION_WEIGHTS": str(folder / "own.pt"),
                "GENERATION_ENGINE": "qwen",
                "DARKROOM_MODELS_FOLDER": str(folder),
                "DARKROOM_START_SECONDS": "180",
                "DARKROOM_LOG_FORMAT": "json",
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(
            lambda: "Darkroom is ready" in log.read_text() or process.poll() is not None, "Darkroom with models", 180
        )
        assert process.poll() is None, log.read_text()
        with httpx.Client(base_url=f"http://127.0.0.1:{ports['PORT']}", timeout=60) as http:
            yield Models(http, f"redis://127.0.0.1:{ports['BROKER_PORT']}/0")
    finally:
        process.terminate()
        assert process.wait(60) == 0, log.read_text()


def picture_of(result: dict[str, Any]) -> np.ndarray:
    """Decode the picture of a result."""
    return pictures.decoded(base64.b64decode(result["image"]))


@pytest.mark.parametrize(
    ("task_type", "images"),
    [("removal", REMOVAL), ("insertion", INSERTION), ("white-balance", WHITE_BALANCE)],
    ids=["removal", "insertion", "white-balance"],
)
def test_every_edit_is_done_by_the_model_with_its_adapter(
    models: Models, task_type: str, images: dict[str, Any]
) -> None:
    """The photo's size, its exact pixels outside the mask, and the operation's own adapter."""
    answer = models.http.post("/api/generate", json=body(task_type, images, num_inference_steps=3))
    assert answer.status_code == 200, answer.text
    result = answer.json()
    edited, photo = picture_of(result), pictures.decoded(pictures.sample(images["input_image"]))
    assert edited.shape == photo.shape
    assert not np.array_equal(edited, photo)
    if "conditional_images" in images:
        outside = pictures.grey(pictures.sample(images["conditional_images"][0])) < 128
        assert np.abs(edited[outside].astype(int) - photo[outside]).max() <= 2, "two JPEG decoders may differ by a step"
    assert result["model_used"] == "qwen"
    assert task_type in str(result["reproducibility"]["details"])


def test_a_prompt_alone_makes_a_picture_of_the_size_asked_for(models: Models) -> None:
    """Text-to-image needs no photo, no mask and no preparation."""
    asked = {"prompt": "a lighthouse", "width": 128, "height": 64, "preset": "fast", "seed": 3}
    result = models.http.post("/api/generate", json=asked).json()
    assert picture_of(result).shape == (64, 128, 3)
    assert result["parameters_used"]["num_inference_steps"] == 4
    assert picture_of(models.http.post("/api/generate", json=asked).json()).tobytes() == picture_of(result).tobytes()


def test_each_step_is_an_event_and_previews_are_pictures(models: Models) -> None:
    """A client that follows a job sees every step begin, and small WebP pictures of it on the way."""
    wanted = body("removal", REMOVAL, num_inference_steps=5, preview_every=2)
    accepted = models.http.post("/api/generate/async", json=wanted).json()
    seen = [status for _, status in statuses(models.http, accepted["task_id"])]
    assert seen[-1]["status"] == "done"
    steps = [status["current_step"] for status in seen if status["status"] == "processing" and status["total_steps"]]
    assert set(range(1, 6)) <= set(steps)
    previews = [status["preview_url"] for status in seen if status["preview_url"]]
    assert previews
    shown = models.http.get(previews[0])
    assert shown.headers["content-type"] == "image/webp"
    assert len(shown.content) < 20_000


def test_a_cancel_stops_the_model_within_a_step(models: Models) -> None:
    """A job of a hundred steps that is cancelled in an early one frees its worker for the next."""
    wanted = body("removal", REMOVAL, num_inference_steps=100)
    task_id = models.http.post("/api/generate/async", json=wanted).json()["task_id"]
    for _, status in statuses(models.http, task_id):
        if status["current_step"] >= 2:
            break
    assert models.http.post(f"/api/generate/async/cancel/{task_id}").json()["status"] == "cancelled"
    after = models.http.post("/api/generate", json=body("white-balance", WHITE_BALANCE, num_inference_steps=2))
    assert after.status_code == 200, after.text
    final = models.http.get(f"/api/generate/status/{task_id}").json()
    assert final["status"] == "cancelled"
    assert final["current_step"] < 90


def mask_of(answer: dict[str, Any]) -> np.ndarray:
    """Decode the mask of a smart-mask answer."""
    return pictures.grey(base64.b64decode(answer["mask_base64"]))


def click(models: Models, photo: str, **prompt: Any) -> dict[str, Any]:
    """Ask for a mask on a photo that is stored."""
    answer = models.http.post("/api/smart-mask", json={"image_id": photo, **prompt})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["success"]
    return found


def upload(models: Models, data: bytes, **query: str) -> dict[str, Any]:
    """Store a photo."""
    answer = models.http.post("/api/images", content=data, params=query, headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 201, answer.text
    stored: dict[str, Any] = answer.json()
    return stored


def a_photo(seed: int, height: int = 480, width: int = 640) -> bytes:
    """A JPEG that nobody has sent before."""
    made = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    return pictures.encoded(np.kron(made, np.ones((height // 12, width // 16, 1), np.uint8)), "JPEG")


def test_every_kind_of_prompt_gives_a_mask(models: Models) -> None:
    """Points, a box, strokes, automatic detection, a sharper edge; inline or by id; the mask has the photo's size."""
    photo = pictures.sample("launch-pad.jpg")
    first = models.http.post(
        "/api/smart-mask", json={"image": base64.b64encode(photo).decode(), "points": [[322, 220]], "labels": [1]}
    ).json()
    assert mask_of(first).shape == (427, 640)
    stored = first["image_id"]
    strokes = base64.b64encode(pictures.sample("removal-mask.png")).decode()
    for prompt in (
        {"points": [[322, 220], [100, 100]], "labels": [1, 0]},
        {"bbox": [290, 80, 350, 340]},
        {"mask": strokes},
        {"auto_detect": True},
        {"points": [[322, 220]], "model_type": "birefnet"},
        {"points": [[322, 220]], "border_adjustment": 5, "use_blur": True},
    ):
        found = click(models, stored, **prompt)
        assert mask_of(found).shape == (427, 640)
        assert mask_of(found).any()
        assert found["model_used"] in {"fastsam", "opencv"}
    detected = models.http.post("/api/smart-mask/detect", json={"image_id": stored})
    assert detected.status_code == 200, detected.text


def test_later_clicks_leave_the_segmentation_pool_alone_and_are_fast(models: Models) -> None:
    """The second click on a photo runs nothing on the GPU pool, and is at least 20 times faster than the first."""

    def ratio(seed: int) -> float:
        stored = upload(models, a_photo(seed))["image_id"]
        before = models.taken(Queue.SEGMENTATION)
        start = time.perf_counter()
        click(models, stored, points=[[320, 240]])
        first = time.perf_counter() - start
        wait_for(lambda: models.taken(Queue.SEGMENTATION) == before + 1, "the counter of the segmentation worker")
        later = []
        for x in range(40, 600, 40):
            start = time.perf_counter()
            click(models, stored, points=[[x, 200]])
            later.append(time.perf_counter() - start)
        assert models.taken(Queue.SEGMENTATION) == before + 1
        return first / statistics.median(later)

    assert any(ratio(seed) >= 20 for seed in range(3))


def test_masks_can_be_found_before_the_first_click(models: Models) -> None:
    """An upload with prefetch=masks warms them: the first click on the photo needs the CPU pool only."""
    before = models.taken(Queue.SEGMENTATION)
    stored = upload(models, a_photo(99), prefetch="masks")["image_id"]
    wait_for(lambda: models.taken(Queue.SEGMENTATION) == before + 1, "the prefetch")
    wait_for(lambda: models.is_idle(Queue.SEGMENTATION), "its masks")
    assert upload(models, a_photo(99), prefetch="masks")["prefetch"] == "stored"
    click(models, stored, points=[[320, 240]])
    assert models.taken(Queue.SEGMENTATION) == before + 1
