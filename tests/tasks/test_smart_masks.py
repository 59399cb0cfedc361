"""What a click says, where it is computed, and what of a mask is handed out; no worker."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from celery import signals
from obstore.store import LocalStore

from tasks import segmentation, smart_masks
from tasks.app import app
from tasks.engines import RefinerName, SegmenterName
from tasks.errors import ConflictError, ErrorCode, InputError
from tasks.imaging.instances import Instances
from tasks.imaging.probe import Limits
from tasks.options import SmartMaskOptions
from tasks.queues import Queue
from tasks.runtime import Runtime
from tasks.settings import Settings
from tasks.smart_masks import Segmenter, queue_of, read_segmenter
from tasks.store import ImageStore
from tests.tasks import pictures
from worker_profiles import ProfileName, load

SIZE = (400, 300)


def options(**given: Any) -> SmartMaskOptions:
    return SmartMaskOptions(**given)


def disc(radius: float) -> np.ndarray:
    y, x = np.mgrid[0:300, 0:400]
    return np.where((y - 150) ** 2 + (x - 200) ** 2 <= radius**2, 255, 0).astype(np.uint8)


@pytest.mark.parametrize(
    ("model_type", "engine", "refiner", "queue"),
    [
        ("fastsam", SegmenterName.FASTSAM, RefinerName.GRABCUT, Queue.IMAGE_UTILS),
        ("fastsam", SegmenterName.FASTSAM, RefinerName.BIREFNET, Queue.IMAGE_UTILS),
        ("birefnet", SegmenterName.FASTSAM, RefinerName.GRABCUT, Queue.IMAGE_UTILS),
        ("birefnet", SegmenterName.FASTSAM, RefinerName.BIREFNET, Queue.SEGMENTATION),
        ("fastsam", SegmenterName.OPENCV, RefinerName.GRABCUT, Queue.SEGMENTATION),
    ],
)
def test_clicks_need_the_segmentation_pool_for_its_models_only(
    model_type: str, engine: SegmenterName, refiner: RefinerName, queue: Queue
) -> None:
    """With kept masks a click is the CPU pool's, unless BiRefNet is there and asked for."""
    assert queue_of(options(model_type=model_type), engine, Segmenter(masks_key="k", refiner=refiner)) is queue


def test_what_the_pool_said_is_read_back() -> None:
    """An announcement survives its text; without one there are no masks and no refiner."""
    said = Segmenter(masks_key="k", refiner=RefinerName.BIREFNET)
    assert read_segmenter(said.model_dump_json()) == said
    assert read_segmenter(None) == Segmenter(masks_key=None, refiner=RefinerName.GRABCUT)


def test_points_become_pixels() -> None:
    """Coordinates are cut down to pixels, labels part them, and what is a pixel outside is moved inside."""
    prompt = segmentation.prompt_of(options(points=[(10.9, 20.2), (-1, 301), (401, 0)], labels=[1, 0, 1]), SIZE, None)
    assert (prompt.include, prompt.exclude) == ([(10, 20), (399, 0)], [(0, 299)])
    assert segmentation.prompt_of(options(bbox=(-0.5, 3.7, 400.9, 90)), SIZE, None).box == (0, 3, 400, 90)


@pytest.mark.parametrize(
    "given",
    [
        {"points": [(5, 5), (402, 7)]},
        {"points": [(-1.5, 7)]},
        {"points": [(7, 302)]},
        {"bbox": (5, 5, 500, 50)},
        {"bbox": (5, -9, 50, 50)},
    ],
)
def test_prompts_outside_the_photo_are_refused(given: dict[str, Any]) -> None:
    """More than a pixel outside is a mistake: the sentence names the place and the photo's size."""
    with pytest.raises(InputError) as caught:
        segmentation.prompt_of(options(**given), SIZE, None)
    assert caught.value.code is ErrorCode.PROMPT_OUTSIDE
    assert "400 × 300" in caught.value.detail


@pytest.mark.parametrize("box", [(50, 50, 50, 90), (90, 50, 50, 90), (50.1, 50, 50.9, 90), (400, 0, 401, 9)])
def test_a_box_holds_a_pixel(box: tuple[float, float, float, float]) -> None:
    """A box without area, or the wrong way round, is refused."""
    with pytest.raises(InputError) as caught:
        segmentation.prompt_of(options(bbox=box), SIZE, None)
    assert caught.value.code is ErrorCode.PARAMETER_INVALID


def test_a_mask_is_finished_as_asked() -> None:
    """Holes are filled, the border moves, and only a soft edge has grey."""
    ring = disc(60)
    ring[disc(20) > 0] = 0
    assert np.array_equal(segmentation.finished(ring, options()), disc(60))
    wider, narrower = (
        segmentation.finished(ring, options(border_adjustment=10)),
        segmentation.finished(ring, options(border_adjustment=-10)),
    )
    assert np.count_nonzero(narrower) < np.count_nonzero(disc(60)) < np.count_nonzero(wider)
    soft = segmentation.finished(ring, options(use_blur=True))
    assert np.any((soft > 0) & (soft < 255))


def test_a_mask_that_shrinks_away_is_said() -> None:
    """A border that leaves nothing is the caller's mistake, named."""
    with pytest.raises(InputError, match="-80") as caught:
        segmentation.finished(disc(60), options(border_adjustment=-80))
    assert caught.value.code is ErrorCode.NOTHING_FOUND


@pytest.fixture
def sent(environment: dict[str, str]) -> Iterator[list[str]]:
    """The queues that tasks are sent to; nobody runs them."""
    routed: list[str] = []

    def note(routing_key: str = "", **_: Any) -> None:
        routed.append(routing_key)

    signals.after_task_publish.connect(note)
    yield routed
    signals.after_task_publish.disconnect(note)
    with redis.Redis.from_url(environment["REDIS_URL"]) as broker:
        broker.delete(Queue.SEGMENTATION, Queue.IMAGE_UTILS)


def test_a_task_finds_its_queue(sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent from Python without a queue, each task goes where it can be carried out; a given queue is kept."""
    segmentation.segment.delay("a" * 64)
    segmentation.smart_mask.delay("a" * 64, points=[(1, 2)])
    monkeypatch.setattr(segmentation, "settings", lambda: Settings(segmentation_engine=SegmenterName.FASTSAM))
    segmentation.smart_mask.delay("a" * 64, points=[(1, 2)], owner="ann", request_id="r")
    segmentation.smart_mask.apply_async(["a" * 64], {"points": [(1, 2)]}, queue=Queue.SEGMENTATION)
    assert sent == [Queue.SEGMENTATION, Queue.SEGMENTATION, Queue.IMAGE_UTILS, Queue.SEGMENTATION]


def test_options_are_checked_before_anything_is_sent(sent: list[str]) -> None:
    """A client learns from the call itself that its options are wrong."""
    with pytest.raises(InputError):
        segmentation.smart_mask.delay("a" * 64, points=[(1, 2)], labels=[1, 0])
    assert sent == []


class SlowStore(ImageStore):
    """Its reader's request is cancelled while an image is read."""

    def open(self, image_id: str) -> bytes:
        app.ledger.client.set(smart_masks.cancelled_key("local", "late"), 1, ex=60)
        return super().open(image_id)


class NoSegmenter:
    """A model that must not be run."""

    masks_key = "none"

    def segment(self, photo: np.ndarray) -> Instances:
        raise AssertionError("an inference for a cancelled request")


@pytest.fixture
def slow(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """This process as a worker on such a store; yields an image in it."""
    hot = redis.Redis.from_url(environment["IMAGE_CACHE_URL"].replace("/0", "/4"))
    store = SlowStore(hot, LocalStore(tmp_path), hot_seconds=60, limits=Limits())
    app.runtime = Runtime(profile=load(ProfileName.T4), store=store, segmenter=NoSegmenter())
    yield store.put(pictures.encoded(pictures.photo())).id
    app._runtime = None
    app.ledger.client.delete(smart_masks.cancelled_key("local", "late"))
    hot.close()


def test_a_request_cancelled_while_its_photo_is_read_goes_no_further(slow: str) -> None:
    """What takes long begins with a second look: neither the model nor GrabCut runs."""
    for ask in (
        lambda: segmentation.segment(slow, request_id="late"),
        lambda: segmentation.smart_mask(slow, points=[(5, 5)], request_id="late"),
    ):
        app.ledger.client.delete(smart_masks.cancelled_key("local", "late"))
        with pytest.raises(ConflictError) as caught:
            ask()
        assert caught.value.code is ErrorCode.REQUEST_CANCELLED
