"""The small parts that hold jobs together, each on its own."""

import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from celery.exceptions import Ignore, SoftTimeLimitExceeded, WorkerLostError
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from tasks import ledger
from tasks.app import app
from tasks.base import DarkroomTask, let_go
from tasks.errors import (
    DarkroomError,
    Draining,
    ErrorCode,
    InputError,
    JobTaken,
    ProcessingError,
    UnavailableError,
    error_of,
    translate,
)
from tasks.generation import required_picture
from tasks.jobs import Edit, Stage
from tasks.lease import Lease
from tasks.ledger import Ledger
from tasks.settings import settings
from tasks.sweeper import is_lost, was_held
from tasks.validation import validated
from tests.tasks.test_ledger import in_body, read


@given(st.sampled_from(ErrorCode), st.text())
def test_an_error_survives_as_its_arguments(code: ErrorCode, detail: str) -> None:
    """Class, code and sentence can be rebuilt from what Celery stores: the class and its arguments."""
    error = error_of(code, detail)
    rebuilt = type(error)(*error.args)
    assert (type(rebuilt), rebuilt.code, rebuilt.detail) == (type(error), code, detail)


@pytest.mark.parametrize(
    ("foreign", "code"),
    [
        (MemoryError(), ErrorCode.OUT_OF_MEMORY),
        (SoftTimeLimitExceeded(), ErrorCode.TIME_LIMIT),
        (WorkerLostError(), ErrorCode.WORKER_LOST),
        (ZeroDivisionError("secret"), ErrorCode.INTERNAL),
    ],
)
def test_foreign_errors_are_told_apart_by_type(foreign: BaseException, code: ErrorCode) -> None:
    """Each becomes one of ours, and no text of it reaches a client."""
    assert translate(foreign).code is code
    assert "secret" not in translate(foreign).detail


def test_a_full_gpu_is_told_without_pytorch() -> None:
    """PyTorch's own error of a full GPU is out_of_memory, also where an engine let it through."""
    torch = pytest.importorskip("torch")
    assert translate(torch.OutOfMemoryError("CUDA out of memory")).code is ErrorCode.OUT_OF_MEMORY


@pytest.mark.parametrize(
    "made",
    [
        np.full((4, 4, 3), np.nan, np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((8, 4, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_not_stored(made: NDArray[Any]) -> None:
    """NaN, another shape or another size than the photo's fails the job as engine_failed."""
    photo = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ProcessingError) as failed:
        required_picture(made, photo)
    assert failed.value.code is ErrorCode.ENGINE_FAILED
    assert required_picture(photo, photo) is photo
    assert required_picture(photo, None) is photo


@pytest.mark.parametrize(
    ("stage", "lease_until", "held"),
    [(Stage.BODY, 5.0, True), (Stage.OPENING, 5.0, True), (Stage.BODY, 0.0, False), (Stage.PARTS, 5.0, False)],
)
def test_a_lapsed_lease_means_that_the_message_is_gone(
    book: Ledger, submitted: Callable[[], str], stage: Stage, lease_until: float, held: bool
) -> None:
    """Who held a job had its message; a chord's parts are several, and some may still wait."""
    job = replace(read(book, submitted()), stage=stage, lease_until=lease_until)
    assert was_held(job) is held


@pytest.mark.parametrize("deadly", [MemoryError(), SystemExit(1), KeyboardInterrupt(), RuntimeError("x")])
def test_no_error_of_a_task_reaches_the_worker(deadly: BaseException) -> None:
    """What would end or wedge a worker of Celery 5.7 leaves the task as an ordinary error."""

    class Deadly(DarkroomTask):
        name = "tests.deadly"

        def run(self, *_: Any, **__: Any) -> None:
            raise deadly

    task = Deadly()
    task.bind(app)
    with pytest.raises(ProcessingError):
        task()


@pytest.mark.parametrize("wanted", [Ignore(), JobTaken(), InputError(ErrorCode.MASK_EMPTY, "empty")])
def test_outcomes_pass_through(wanted: Exception) -> None:
    """Celery's own signals and our errors keep their type."""

    class Wanted(DarkroomTask):
        name = "tests.wanted"

        def run(self, *_: Any, **__: Any) -> None:
            raise wanted

    task = Wanted()
    task.bind(app)
    with pytest.raises(type(wanted)):
        task()


@given(st.floats(0, 1e9), st.floats(-1e6, 1e6))
def test_a_message_is_lost_once_its_list_has_moved_past_it(enqueued_at: float, ahead: float) -> None:
    """A message can still wait exactly as long as nothing younger stands at the head of its list."""
    assert is_lost(enqueued_at, None, list_is_empty=True)
    assert not is_lost(enqueued_at, None, list_is_empty=False)
    lost = is_lost(enqueued_at, enqueued_at + ahead, list_is_empty=False)
    if ahead > settings().clock_skew_seconds + 1e-3:
        assert lost
    if ahead < settings().clock_skew_seconds - 1e-3:
        assert not lost


def test_a_lease_renews_while_a_step_takes_long(book: Ledger, submitted: Callable[[], str]) -> None:
    """A job whose only step outlasts the lease is not taken from its worker."""
    job_id = submitted()
    token = in_body(book, job_id)
    renewed = threading.Event()
    with Lease(book, token, threading.Event()) as lease:
        lease.report(1, 1, "long")
        first = read(book, job_id).lease_until
        while not renewed.wait(0.01):
            if read(book, job_id).lease_until > first:
                renewed.set()
    assert book.apply(ledger.claim(ledger.new_token(job_id), Stage.BODY, "w")) is ledger.Claimed.HELD


def test_a_lease_tells_of_a_cancel_at_the_next_report(book: Ledger, submitted: Callable[[], str]) -> None:
    """The step after a cancel is not begun."""
    job_id = submitted()
    with Lease(book, in_body(book, job_id), threading.Event()) as lease:
        lease.report(1, 3, "one")
        book.apply(ledger.cancel(job_id))
        with pytest.raises(JobTaken):
            lease.report(2, 3, "two")


def test_a_lease_tells_of_a_drain_at_the_next_report(book: Ledger, submitted: Callable[[], str]) -> None:
    """The step after the worker was told to stop is not begun."""
    draining = threading.Event()
    with Lease(book, in_body(book, submitted()), draining) as lease:
        lease.report(1, 3, "one")
        draining.set()
        with pytest.raises(Draining):
            lease.report(2, 3, "two")


def test_a_report_said_again_is_no_event(book: Ledger, submitted: Callable[[], str]) -> None:
    """An engine may report as often as it wants to notice a cancel; clients see each step once."""
    job_id = submitted()
    with Lease(book, in_body(book, job_id), threading.Event()) as lease:
        before = len(book.apply(ledger.events(job_id)))
        for _ in range(5):
            lease.report(1, 3, "one")
    assert len(book.apply(ledger.events(job_id))) == before + 1


def test_a_job_that_takes_too_long_fails_at_its_next_step(
    book: Ledger, submitted: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the time limit the step is not begun; the error says so."""
    with Lease(book, in_body(book, submitted()), threading.Event()) as lease:
        monkeypatch.setattr("time.monotonic", lambda: lease._started + 10_000)
        with pytest.raises(DarkroomError) as caught:
            lease.report(1, 3, "late")
        monkeypatch.undo()
    assert caught.value.code is ErrorCode.TIME_LIMIT


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"operation": "removal", "photo": "a" * 64}, ErrorCode.MASK_MISSING),
        ({"operation": "removal", "mask": "a" * 64}, ErrorCode.IMAGE_MISSING),
        ({"operation": "insertion", "photo": "a" * 64, "mask": "a" * 64}, ErrorCode.REFERENCE_MISSING),
        ({"operation": "text-to-image", "prompt": " "}, ErrorCode.PARAMETER_INVALID),
        ({"operation": "explode", "photo": "a" * 64}, ErrorCode.PARAMETER_INVALID),
        ({"operation": "white-balance", "photo": "../etc/passwd"}, ErrorCode.PARAMETER_INVALID),
        (
            {"operation": "white-balance", "photo": "a" * 64, "true_cfg_scale": float("nan")},
            ErrorCode.PARAMETER_INVALID,
        ),
        ({"operation": "white-balance", "photo": "a" * 64, "num_inference_steps": 0}, ErrorCode.PARAMETER_INVALID),
        ({"operation": "white-balance", "photo": "a" * 64, "width": 17}, ErrorCode.PARAMETER_INVALID),
        ({"operation": "white-balance", "photo": "a" * 64, "sed": 1}, ErrorCode.PARAMETER_INVALID),
    ],
)
def test_a_bad_edit_has_a_code_and_a_sentence(fields: dict[str, Any], code: ErrorCode) -> None:
    """Whatever is missing or wrong in an edit, the error names it."""
    with pytest.raises(InputError) as caught:
        validated(Edit, fields)
    assert caught.value.code is code
    assert caught.value.detail


def test_a_preview_is_stored_and_told_by_its_id(book: Ledger, submitted: Callable[[], str]) -> None:
    """Pixels go to the store; a repeated report does not store again."""
    job_id = submitted()
    stored: list[bytes] = []

    def keep(preview: bytes) -> str:
        stored.append(preview)
        return "c" * 64

    with Lease(book, in_body(book, job_id), threading.Event(), keep) as lease:
        lease.report(1, 3, "one", preview=b"webp")
        lease.report(1, 3, "one", preview=b"webp")
        assert read(book, job_id).preview == "c" * 64
    assert stored == [b"webp"]


def test_a_store_that_is_away_costs_the_preview_only(book: Ledger, submitted: Callable[[], str]) -> None:
    """The edit goes on without telling that step."""

    def keep(_preview: bytes) -> str:
        raise UnavailableError(ErrorCode.STORE_UNAVAILABLE, "away")

    job_id = submitted()
    with Lease(book, in_body(book, job_id), threading.Event(), keep) as lease:
        lease.report(1, 3, "one", preview=b"webp")
        lease.report(2, 3, "two")
    assert read(book, job_id).step == 2


def test_a_failed_task_lets_go_of_its_pictures() -> None:
    """What the frames of an error and of its cause held is free at once, though the error lives on."""

    class Picture:
        pass

    alive: list[weakref.ref[Picture]] = []

    def decode() -> None:
        picture = Picture()
        alive.append(weakref.ref(picture))
        raise OSError

    def run() -> None:
        try:
            decode()
        except OSError as error:
            raise InputError(ErrorCode.IMAGE_TRUNCATED, "It ends early.") from error

    with pytest.raises(InputError) as caught:
        run()
    assert alive[0]() is not None
    let_go(caught.value)
    assert alive[0]() is None
