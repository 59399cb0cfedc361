"""Smart masks on real workers: FastSAM on weights in its shape, and the engine without a model."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from celery.result import AsyncResult
from PIL import Image

from tasks import ledger, smart_masks, store
from tasks.app import Darkroom
from tasks.engines import RefinerName
from tasks.errors import ConflictError, DarkroomError, ErrorCode, InputError, NotFoundError
from tasks.imaging.instances import Instances
from tasks.imaging.selection import Prompt, choose
from tasks.queues import Queue
from tasks.settings import Settings
from tasks.smart_masks import SEGMENT_TASK, SMART_MASK_TASK, MaskSource, Segmenter, SmartMask
from tasks.store import ImageStore
from tests import lab, standins
from tests.conftest import QUICK
from tests.tasks import pictures

WAIT = 90
EXIT_CONFIGURATION = 78


@dataclass
class Stand:
    """Servers of its own, a client, and the means to start workers."""

    environment: dict[str, str]
    folder: Path
    client: Darkroom
    images: ImageStore
    broker: "redis.Redis"

    def worker(self, profile: str, *arguments: str, **environment: str) -> lab.WorkerProcess:
        """Start a worker."""
        log = self.folder / f"{profile}-{len(list(self.folder.glob('*.log')))}.log"
        return lab.WorkerProcess(profile, {**self.environment, **environment}, log, *arguments)

    def put(self, name: str = "coffee.jpg", *, shift: int = 0) -> str:
        """Store a photo of the tests; each shift makes another one of it."""
        with Image.open(lab.DATA / name) as photo:
            pixels = np.roll(np.array(photo.convert("RGB")), shift, axis=1)
        return self.images.put(pictures.encoded(pixels)).id

    def send(self, task: str, *args: str, queue: Queue, **options: Any) -> AsyncResult:
        """Send a task by its name, as the gateway does."""
        return self.client.send_task(task, args, options, queue=queue)

    def segment(self, image_id: str, **options: Any) -> dict[str, Any]:
        """Have a photo segmented."""
        made: dict[str, Any] = self.send(SEGMENT_TASK, image_id, queue=Queue.SEGMENTATION, **options).get(WAIT)
        return made

    def click(self, image_id: str, *guidance: str, queue: Queue = Queue.IMAGE_UTILS, **options: Any) -> SmartMask:
        """Have a click resolved."""
        made: SmartMask = self.send(SMART_MASK_TASK, image_id, *guidance, queue=queue, **options).get(WAIT)
        return made

    def mask(self, made: SmartMask) -> np.ndarray:
        """Return the pixels of a mask."""
        with Image.open(io.BytesIO(self.images.open(made["image_id"]))) as picture:
            assert picture.mode == "L"
            return np.array(picture)

    def instances(self, image_id: str) -> Instances:
        """Return what is kept of a photo."""
        data = self.images.open_derived(image_id, self.masks_key())
        assert data is not None
        return Instances.from_bytes(data)

    def masks_key(self) -> str:
        """Return what the segmentation pool keeps masks under."""
        key = smart_masks.read_segmenter(self.broker.get(smart_masks.SEGMENTER_KEY)).masks_key
        assert key is not None
        return key


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """Servers and a client, without a worker."""
    folder = tmp_path_factory.mktemp("smart-masks")
    with lab.valkeys(folder) as urls:
        environment = {
            **urls,
            **QUICK,
            "SEGMENTATION_ENGINE": "fastsam",
            "SEGMENTATION_WEIGHTS": str(standins.fastsam.build(folder / "standin.pt")),
            "DARKROOM_SEGMENTATION_SIZE": "320",
        }
        client = Darkroom(
            "darkroom", task_cls="tasks.base:DarkroomTask", config_source="celeryconfig", set_as_current=False
        )
        client.conf.update(
            broker_url=urls["REDIS_URL"], result_backend=f"tasks.results:LedgerBackend+{urls['REDIS_URL']}"
        )
        broker = ledger.connect(urls["REDIS_URL"]).client
        settings = Settings(image_cache_url=urls["IMAGE_CACHE_URL"], image_store_url=urls["IMAGE_STORE_URL"])
        yield Stand(environment, folder, client, store.connect(settings, broker), broker)
        client.close()


@pytest.fixture(scope="module")
def pools(stand: Stand) -> Iterator[dict[str, lab.WorkerProcess]]:
    """A worker with the model, and one without."""
    started = {"t4": stand.worker("t4"), "cpu": stand.worker("cpu", "-c", "2")}
    try:
        for worker in started.values():
            worker.wait_until_ready()
        yield started
    finally:
        for worker in started.values():
            worker.stop()


def inferences(worker: lab.WorkerProcess) -> int:
    """Count the passes through the model, the warm-up included."""
    return worker.log.read_text().count("fastsam.inference")


def failure(ask: Callable[[], object]) -> DarkroomError:
    """Return the error that a task ends in."""
    with pytest.raises(DarkroomError) as caught:
        ask()
    return caught.value


@pytest.mark.usefixtures("pools")
class TestFastSAM:
    def test_a_photo_is_segmented_once(self, stand: Stand, pools: dict[str, lab.WorkerProcess]) -> None:
        """The second request for the same photo runs no inference."""
        photo = stand.put()
        first = stand.segment(photo)
        passes = inferences(pools["t4"])
        assert first["masks"] == len(stand.instances(photo)) > 0
        assert stand.segment(photo) == first
        assert inferences(pools["t4"]) == passes

    def test_photos_that_wait_share_an_inference(self, stand: Stand, pools: dict[str, lab.WorkerProcess]) -> None:
        """Many photos at once take fewer passes than photos."""
        photos = [stand.put(shift=shift) for shift in range(1, 17)]
        before = inferences(pools["t4"])
        sent = [stand.send(SEGMENT_TASK, photo, queue=Queue.SEGMENTATION) for photo in photos]
        assert {each.get(WAIT)["image_id"] for each in sent} == set(photos)
        assert 0 < inferences(pools["t4"]) - before < len(photos)

    def test_a_click_is_chosen_from_what_is_kept(self, stand: Stand) -> None:
        """The mask is the smallest around the click, finished; its candidates are the larger ones, one step each."""
        photo = stand.put()
        stand.segment(photo)
        instances = stand.instances(photo)
        x, y = 300, 200
        choices = choose(instances, Prompt(include=[(x, y)]))
        assert len(choices) > 1
        made = [stand.click(photo, points=[(x, y)], candidate=step) for step in range(len(choices))]
        for step, each in enumerate(made):
            assert (each["model_used"], each["candidate"], each["refined_with"]) == (MaskSource.FASTSAM, step, None)
            assert [one["area"] for one in each["candidates"]] == sorted(
                instances.areas[choice[0]] for choice in choices
            )
            mask = stand.mask(each)
            assert mask.shape == (each["height"], each["width"]) == (400, 600)
            assert each["area"] == np.count_nonzero(mask)
            x0, y0, x1, y1 = each["box"]
            assert np.count_nonzero(mask[y0:y1, x0:x1]) == each["area"]
        assert len({each["image_id"] for each in made}) == len(choices)

    def test_a_step_too_far_is_said(self, stand: Stand) -> None:
        """A candidate that does not exist is an error that tells how many there are."""
        photo = stand.put()
        stand.segment(photo)
        error = failure(lambda: stand.click(photo, points=[(300, 200)], candidate=99))
        assert (type(error), error.code) == (InputError, ErrorCode.PARAMETER_INVALID)
        assert str(len(choose(stand.instances(photo), Prompt(include=[(300, 200)])))) in error.detail

    def test_boxes_strokes_and_nothing_at_all_are_prompts_too(self, stand: Stand) -> None:
        """Each kind of prompt is answered from the kept masks."""
        photo = stand.put()
        stand.segment(photo)
        strokes = np.zeros((200, 300), np.uint8)
        strokes[90:110, 100:180] = 255
        guidance = stand.images.put(pictures.encoded(strokes)).id
        boxed = stand.click(photo, bbox=(100, 50, 500, 350))
        stroked = stand.click(photo, guidance)
        main = stand.click(photo, auto_detect=True)
        assert {each["model_used"] for each in (boxed, stroked, main)} == {MaskSource.FASTSAM}

    def test_where_no_mask_is_grabcut_outlines(self, stand: Stand) -> None:
        """A click that no kept mask answers is answered by the other engine, which the reply names."""
        photo = stand.images.put(pictures.encoded(framed(square()))).id
        corner = np.zeros((24, 32), np.bool_)
        corner[:4, :4] = True
        kept = Instances.of([corner], [0.9], grid=(24, 32), photo=(240, 320))
        stand.images.put_derived(photo, stand.masks_key(), kept.to_bytes())
        assert stand.click(photo, points=[(10, 10)])["model_used"] == MaskSource.FASTSAM
        made = stand.click(photo, points=[(130, 110)])
        assert made["model_used"] == MaskSource.OPENCV
        assert overlap(stand.mask(made)) > 0.9

    def test_a_sharper_edge_says_what_sharpened_it(self, stand: Stand) -> None:
        """Without BiRefNet's weights, model_type birefnet refines by GrabCut and says so."""
        photo = stand.put()
        stand.segment(photo)
        assert stand.click(photo, points=[(300, 200)], model_type="birefnet")["refined_with"] == "grabcut"

    def test_a_click_without_masks_is_a_conflict(self, stand: Stand) -> None:
        """Before a photo is segmented its clicks say what has to come first."""
        error = failure(lambda: stand.click(stand.put(shift=100), points=[(5, 5)]))
        assert (type(error), error.code) == (ConflictError, ErrorCode.RESULT_NOT_READY)
        assert SEGMENT_TASK in error.detail

    def test_another_owner_s_photo_is_unknown(self, stand: Stand) -> None:
        """Neither is it segmented, nor are its masks chosen from."""
        photo = stand.put()
        stand.segment(photo)
        for ask in (
            lambda: stand.segment(photo, owner="bob"),
            lambda: stand.click(photo, points=[(5, 5)], owner="bob"),
        ):
            error = failure(ask)
            assert (type(error), error.code) == (NotFoundError, ErrorCode.IMAGE_UNKNOWN)

    def test_a_cancelled_request_does_nothing(self, stand: Stand, pools: dict[str, lab.WorkerProcess]) -> None:
        """A message of it that is reached later runs no inference and leaves no masks."""
        photo, known = stand.put(shift=50), stand.put()
        stand.segment(known)
        stand.broker.set(smart_masks.cancelled_key("local", "r1"), 1, ex=60)
        passes = inferences(pools["t4"])
        for ask in (
            lambda: stand.segment(photo, request_id="r1"),
            lambda: stand.segment(known, request_id="r1"),
            lambda: stand.click(photo, points=[(5, 5)], request_id="r1"),
        ):
            error = failure(ask)
            assert (type(error), error.code) == (ConflictError, ErrorCode.REQUEST_CANCELLED)
        assert inferences(pools["t4"]) == passes
        assert stand.segment(photo, request_id="r2")["masks"] > 0

    def test_prompts_outside_are_refused_by_the_worker_too(self, stand: Stand) -> None:
        """Any client can send a message."""
        error = failure(lambda: stand.click(stand.put(), points=[(5000, 5)]))
        assert (type(error), error.code) == (InputError, ErrorCode.PROMPT_OUTSIDE)

    def test_clicks_go_on_while_the_pool_sleeps(self, stand: Stand, pools: dict[str, lab.WorkerProcess]) -> None:
        """With the segmentation worker gone, also from the durable tier, every later click is answered."""
        photo = stand.put()
        stand.segment(photo)
        assert pools["t4"].stop() == 0
        redis.Redis.from_url(stand.environment["IMAGE_CACHE_URL"]).flushdb()
        made = stand.click(photo, points=[(300, 200)])
        assert made["model_used"] == MaskSource.FASTSAM
        assert stand.broker.llen(Queue.SEGMENTATION) == 0


def square() -> np.ndarray:
    return np.full((60, 60, 3), (210, 40, 40), np.uint8)


def framed(thing: np.ndarray) -> np.ndarray:
    """A thing on grey ground."""
    photo = np.full((240, 320, 3), 90, np.uint8)
    photo[80:140, 100:160] = thing
    return photo


def overlap(mask: np.ndarray) -> float:
    """Intersection over union of a mask with the framed square."""
    truth = np.zeros((240, 320), np.bool_)
    truth[80:140, 100:160] = True
    return np.count_nonzero((mask > 0) & truth) / np.count_nonzero((mask > 0) | truth)


def test_broken_weights_stop_the_worker_with_a_sentence(stand: Stand, tmp_path: Path) -> None:
    """It ends with the status of a wrong configuration, and its log says what to do."""
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"no checkpoint")
    worker = stand.worker("t4", SEGMENTATION_WEIGHTS=str(broken))
    try:
        lab.wait_for(lambda: worker.process.poll() is not None, "its end")
        assert worker.process.returncode == EXIT_CONFIGURATION
        assert "darkroom models pull fastsam-s" in worker.log.read_text()
    finally:
        worker.kill()


def test_without_a_model_each_click_is_outlined(stand: Stand, tmp_path: Path) -> None:
    """The opencv engine masks a thing that is clicked or boxed, and has nothing to make beforehand.

    With BiRefNet's weights in its models folder the worker announces it, and refines with it when asked.
    """
    broker = stand.environment["REDIS_URL"].replace("/0", "/2")
    client = Darkroom(
        "darkroom", task_cls="tasks.base:DarkroomTask", config_source="celeryconfig", set_as_current=False
    )
    client.conf.update(broker_url=broker, result_backend=f"tasks.results:LedgerBackend+{broker}")
    other = Stand(stand.environment, stand.folder, client, stand.images, stand.broker)
    standins.birefnet.build(tmp_path / "birefnet")
    worker = stand.worker("t4", SEGMENTATION_ENGINE="opencv", REDIS_URL=broker, DARKROOM_MODELS_FOLDER=str(tmp_path))
    try:
        worker.wait_until_ready()
        photo = stand.images.put(pictures.encoded(framed(square()))).id
        clicked = other.click(photo, points=[(130, 110)], queue=Queue.SEGMENTATION)
        boxed = other.click(photo, bbox=(90, 70, 170, 150), queue=Queue.SEGMENTATION)
        for each in (clicked, boxed):
            assert (each["model_used"], len(each["candidates"])) == (MaskSource.OPENCV, 1)
            assert overlap(stand.mask(each)) > 0.9
        refined = other.click(photo, bbox=(90, 70, 170, 150), model_type="birefnet", queue=Queue.SEGMENTATION)
        assert refined["refined_with"] == RefinerName.BIREFNET
        with redis.Redis.from_url(broker) as book:
            said = smart_masks.read_segmenter(book.get(smart_masks.SEGMENTER_KEY))
        assert said == Segmenter(masks_key=None, refiner=RefinerName.BIREFNET)
        error = failure(lambda: other.segment(photo))
        assert (type(error), error.code) == (InputError, ErrorCode.ENGINE_UNSUPPORTED)
    finally:
        worker.stop()
        client.close()
