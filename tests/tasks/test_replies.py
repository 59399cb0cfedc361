"""What is kept of a task that is no job."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from celery import states

from tasks import ledger
from tasks.app import app
from tasks.errors import ErrorCode, InputError
from tasks.ledger import Ledger
from tasks.results import LedgerBackend


@pytest.fixture
def backend(book: Ledger, environment: dict[str, str]) -> LedgerBackend:
    """The result backend on the ledger of this test."""
    return LedgerBackend(app=app, url=environment["REDIS_URL"].replace("/0", "/1"))


def kept(book: Ledger, task_id: str) -> Any:
    """Return a task's meta as it is kept; None if there is none."""
    text = book.client.get(f"celery-task-meta-{task_id}")
    return json.loads(text) if text else None


def test_a_reply_is_kept_for_a_while_and_told(book: Ledger, backend: LedgerBackend) -> None:
    """Who looks and who listens get the same, which is what Celery's own client reads."""
    task_id = ledger.new_job_id()
    with book.client.pubsub() as listener:
        listener.subscribe(f"celery-task-meta-{task_id}")
        assert listener.get_message(timeout=5)
        backend.store_result(task_id, {"image_id": "a"}, states.SUCCESS)
        heard = listener.get_message(timeout=5)
    assert heard is not None
    assert json.loads(heard["data"]) == kept(book, task_id)
    assert 0 < book.client.ttl(f"celery-task-meta-{task_id}") <= app.conf.result_expires
    assert backend.get_task_meta(task_id)["result"] == {"image_id": "a"}


def test_nothing_takes_the_place_of_a_success(book: Ledger, backend: LedgerBackend) -> None:
    """A message that came twice may fail the second time; one that failed may succeed then."""
    task_id = ledger.new_job_id()
    error = InputError(ErrorCode.PARAMETER_INVALID, "no")
    backend.store_result(task_id, error, states.FAILURE)
    assert kept(book, task_id)["status"] == states.FAILURE
    backend.store_result(task_id, 1, states.SUCCESS)
    backend.store_result(task_id, error, states.FAILURE)
    assert (kept(book, task_id)["status"], kept(book, task_id)["result"]) == (states.SUCCESS, 1)


def test_a_jobs_id_has_no_reply(book: Ledger, backend: LedgerBackend, submitted: Callable[[], str]) -> None:
    """What Celery says of a job by itself is dropped: only who holds the job can end it."""
    job_id = submitted()
    backend.store_result(job_id, 1, states.SUCCESS)
    assert kept(book, job_id) is None
    assert backend.get_task_meta(job_id)["status"] == states.PENDING
