"""A ledger of this process, and values to put in it."""

from collections.abc import Callable, Iterator

import pytest

from tasks import ledger
from tasks.jobs import Edit, Operation
from tasks.ledger import Ledger

PHOTO = "a" * 64
MASK = "b" * 64


@pytest.fixture(scope="session")
def book(environment: dict[str, str]) -> Iterator[Ledger]:
    """A ledger in a database of its own, where no sweeper looks."""
    opened = ledger.connect(environment["REDIS_URL"].replace("/0", "/1"))
    yield opened
    opened.client.flushdb()
    opened.client.close()


@pytest.fixture
def removal_edit() -> Edit:
    """An edit whose images nobody opens."""
    return Edit(operation=Operation.REMOVAL, photo=PHOTO, mask=MASK, seed=1)


@pytest.fixture
def submitted(book: Ledger, removal_edit: Edit) -> Callable[[], str]:
    """Submit a job without a message, so that no worker takes it, and return its id."""

    def submit() -> str:
        job_id = ledger.new_job_id()
        book.apply(ledger.submit(job_id, removal_edit, owner="test"))
        return job_id

    return submit
