"""Jobs on real workers: the opening task, the chord's header, the body."""

import numpy as np
import pytest

import tasks
from tasks import ledger
from tasks.app import app
from tasks.client import JobHandle
from tasks.errors import ConflictError, DarkroomError, ErrorCode, InputError, NotFoundError
from tasks.jobs import Edit, Operation, Role, State
from tasks.messages import PART
from tasks.queues import Queue
from tests.lab import WorkerProcess, logged, wait_for
from tests.tasks import pictures

pytestmark = pytest.mark.usefixtures("workers")
WAIT = 60


def put(pixels: np.ndarray) -> str:
    """Store a picture made by code."""
    return tasks.put_image(pictures.encoded(pixels))


def removal(**fields: object) -> Edit:
    """A small removal."""
    return Edit(operation=Operation.REMOVAL, photo=put(pictures.photo()), mask=put(pictures.mask()), **fields)


def failure(handle: JobHandle) -> DarkroomError:
    """Wait for a job to fail and return its error."""
    with pytest.raises(DarkroomError) as caught:
        handle.result(WAIT)
    return caught.value


def test_a_removal_keeps_the_photo_outside_the_mask() -> None:
    """The result has the photo's size, its exact pixels outside the mask, and others inside."""
    photo, mask = pictures.photo(), pictures.mask()
    edited = pictures.decoded(tasks.submit(removal()).image(WAIT))
    assert edited.shape == photo.shape
    assert np.array_equal(edited[mask == 0], photo[mask == 0])
    assert not np.array_equal(edited[mask > 0], photo[mask > 0])


def test_states_come_in_order_and_progress_grows() -> None:
    """A client sees queued, preprocessing, processing with its stages, and done."""
    events = list(tasks.submit(removal()).events())
    order = [event.state for event in events]
    assert list(dict.fromkeys(order)) == [State.QUEUED, State.PREPROCESSING, State.PROCESSING, State.DONE]
    assert [event.progress for event in events] == sorted(event.progress for event in events)
    assert any(event.total_steps and event.message for event in events)
    assert [event.id for event in events] == sorted(
        (event.id for event in events), key=lambda i: [*map(int, i.split("-"))]
    )


def test_an_insertion_with_and_without_a_reference_mask() -> None:
    """The reference's object is taken by its mask, or found; both change the masked area only."""
    photo, mask = pictures.photo(), pictures.mask()
    reference = np.full((200, 200, 3), 250, np.uint8)
    reference[60:140, 60:140] = (200, 30, 30)
    edit = Edit(operation=Operation.INSERTION, photo=put(photo), mask=put(mask), reference=put(reference))
    masked = edit.model_copy(update={"reference_mask": put(pictures.mask(200, 200, (60, 60, 140, 140)))})
    for handle in (tasks.submit(edit), tasks.submit(masked)):
        edited = pictures.decoded(handle.image(WAIT))
        assert np.array_equal(edited[mask == 0], photo[mask == 0])
        red = edited[mask > 0].astype(int)
        assert (red[:, 0] > red[:, 1] + 60).mean() > 0.3


def test_white_balance_takes_a_cast_off() -> None:
    """A grey photo under warm light comes back closer to grey."""
    grey = np.repeat(pictures.photo().mean(axis=2, keepdims=True), 3, axis=2)
    warm = np.clip(grey * [1.2, 1.0, 0.7], 0, 255).astype(np.uint8)
    edited = pictures.decoded(tasks.submit(Edit(operation=Operation.WHITE_BALANCE, photo=put(warm))).image(WAIT))

    def cast(pixels: np.ndarray) -> float:
        return float(np.ptp(pixels.reshape(-1, 3).mean(axis=0)))

    assert cast(edited) < cast(warm) / 3


def test_conditions_are_made_for_the_operation() -> None:
    """A removal's record holds the images of every role that its engine gets."""
    handle = tasks.submit(removal(enable_debug=True))
    result = handle.result(WAIT)
    assert list(result["debug_info"]["conditions"]) == [Role.MASKED_BACKGROUND, Role.MASK, Role.MAE]
    assert set(handle.status().parts) == {Role.PHOTO, Role.MASKED_BACKGROUND, Role.MASK, Role.MAE}
    background = pictures.decoded(tasks.open_image(handle.status().parts[Role.MASKED_BACKGROUND]))
    assert not background[pictures.mask() > 0].any()


def test_a_result_says_how_to_get_it_again() -> None:
    """Engine, versions, seed and parameters are in the result, and the same seed gives the same picture."""
    first = tasks.submit(removal(seed=7)).result(WAIT)
    second = tasks.submit(removal(seed=7)).result(WAIT)
    assert first["image_id"] == second["image_id"]
    record = first["reproducibility"]
    assert (record["engine"], record["seed"], first["model_used"]) == ("opencv", 7, "opencv")
    assert record["versions"]["opencv"]
    assert first["generation_time"] >= sum(first["stages"].values()) - 0.01


def test_a_photo_from_a_phone_is_turned_upright() -> None:
    """A photo with an EXIF orientation is edited upright, with the mask as the user saw it."""
    upright = pictures.photo(240, 320)
    turned = tasks.put_image(pictures.with_orientation(np.rot90(upright, 1), 6))
    edit = Edit(operation=Operation.REMOVAL, photo=turned, mask=put(pictures.mask(240, 320)))
    assert pictures.decoded(tasks.submit(edit).image(WAIT)).shape == (320, 240, 3)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"mask": np.zeros((240, 320), np.uint8)}, ErrorCode.MASK_EMPTY),
        ({"mask": pictures.mask(320, 320)}, ErrorCode.MASK_MISMATCH),
    ],
)
def test_what_only_pixels_tell_fails_the_job_with_its_code(changed: dict[str, np.ndarray], code: ErrorCode) -> None:
    """A bad mask found by the opening task ends the job in an input error with a sentence."""
    edit = removal().model_copy(update={name: put(pixels) for name, pixels in changed.items()})
    error = failure(tasks.submit(edit))
    assert isinstance(error, InputError)
    assert error.code is code
    assert len(error.detail) > 20


def test_a_failed_header_fails_the_job_with_the_headers_own_error() -> None:
    """An empty reference mask, found by a header task, is the job's error, and no chord error."""
    edit = removal().model_copy(
        update={
            "operation": Operation.INSERTION,
            "reference": put(pictures.photo(seed=1)),
            "reference_mask": put(np.zeros((240, 320), np.uint8)),
        }
    )
    handle = tasks.submit(edit)
    assert failure(handle).code is ErrorCode.MASK_EMPTY
    states = [event.state for event in handle.events()]
    assert states.count(State.ERROR) == 1


def test_a_part_of_a_cancelled_job_does_nothing() -> None:
    """A header task whose job is gone returns without opening an image."""
    part = {"job": ledger.new_job_id(), "launch": "none", "role": Role.CANNY}
    sent = tasks.canny.apply_async(args=["0" * 64], headers={PART: part})
    assert sent.get(timeout=WAIT) is None


def test_delay_makes_a_job_like_any_other() -> None:
    """``task.delay`` has the record from the first moment, and Celery's own client gets the job's result."""
    edit = removal()
    sent = tasks.removal.delay(photo=edit.photo, mask=edit.mask)
    handle = JobHandle(sent.id)
    assert handle.status().edit.operation is Operation.REMOVAL
    assert sent.get(timeout=WAIT) == handle.result(WAIT)
    assert sent.state == "SUCCESS"


def test_a_message_sent_by_name_becomes_a_job() -> None:
    """A client without our code, who sends the task by its name, gets the same record."""
    edit = removal()
    fields = {"photo": edit.photo, "mask": edit.mask}
    sent = app.send_task("tasks.workflows.removal", kwargs=fields, queue=Queue.IMAGE_UTILS, priority=0)
    handle = JobHandle(sent.id)
    wait_for(lambda: ledger_has(sent.id), "the record")
    assert handle.result(WAIT)["image_id"]


def ledger_has(job_id: str) -> bool:
    """Whether there is a record."""
    return app.ledger.apply(ledger.read(job_id)) is not None


def test_celerys_client_gets_a_jobs_error_as_our_exception() -> None:
    """AsyncResult.get raises the class, code and sentence of the job's failure."""
    edit = removal()
    sent = tasks.removal.delay(photo=edit.photo, mask=put(np.zeros((240, 320), np.uint8)))
    with pytest.raises(InputError) as caught:
        sent.get(timeout=WAIT)
    assert caught.value.code is ErrorCode.MASK_EMPTY
    assert sent.state == "FAILURE"


def test_a_running_job_stops_within_a_step_of_its_cancel(workers: dict[str, WorkerProcess]) -> None:
    """After a cancel the engine is free again at once, and the job stays cancelled."""
    big = Edit(
        operation=Operation.REMOVAL,
        photo=tasks.put_image(pictures.sample("launch-pad.jpg")),
        mask=tasks.put_image(pictures.sample("removal-mask.png")),
    )
    running = tasks.submit(big)
    for event in running.events():
        if event.step == 2:
            break
    assert running.cancel() is State.CANCELLED
    log = workers["a100"].log
    # One that computed to the end would be done, only to be refused.
    wait_for(lambda: logged(log, "task.put_down", running.id), "the worker to put the job down")
    assert not logged(log, "task.done", running.id)
    assert tasks.submit(removal()).result(WAIT)
    assert [*running.events()][-1].state is State.CANCELLED
    with pytest.raises(ConflictError):
        running.result(WAIT)


def test_a_cancelled_job_that_waits_never_runs() -> None:
    """A job cancelled in the queue ends without an attempt of the engine."""
    handles = [tasks.submit(removal(seed=seed)) for seed in range(3)]
    assert handles[-1].cancel() is State.CANCELLED
    for handle in handles[:-1]:
        handle.result(WAIT)
    assert State.PROCESSING not in [event.state for event in handles[-1].events()]


def test_an_unknown_image_is_refused_before_anything_is_sent() -> None:
    """``submit`` checks that the images exist."""
    with pytest.raises(NotFoundError) as caught:
        tasks.submit(Edit(operation=Operation.WHITE_BALANCE, photo="0" * 64))
    assert caught.value.code is ErrorCode.IMAGE_UNKNOWN


def test_an_operation_that_the_engine_cannot_do_is_refused() -> None:
    """text-to-image on opencv is an input error that says what would serve it."""
    with pytest.raises(InputError) as caught:
        tasks.submit(Edit(operation=Operation.TEXT_TO_IMAGE, prompt="a lighthouse"))
    assert caught.value.code is ErrorCode.ENGINE_UNSUPPORTED
    assert "GENERATION_ENGINE" in caught.value.detail


@pytest.mark.parametrize("field", ["seed", "num_inference_steps", "surprise"])
def test_hostile_fields_in_a_message_fail_the_job_only(field: str) -> None:
    """A message with fields that no edit has, or of another type, ends in an error reply, and the worker goes on."""
    sent = app.send_task("tasks.workflows.removal", kwargs={field: "x" * 100}, queue=Queue.IMAGE_UTILS, priority=0)
    with pytest.raises(InputError):
        sent.get(timeout=WAIT)
    assert tasks.submit(removal()).result(WAIT)
