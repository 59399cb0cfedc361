"""The outbox on a real ledger, without a worker."""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from tasks import ledger, outbox
from tasks.errors import ErrorCode
from tasks.jobs import Edit, Failure, Stage
from tasks.ledger import Held, Ledger, Token
from tasks.outbox import Attempt, Begun, Outcome, Taken
from tasks.queues import Queue
from tasks.settings import settings
from tests.lab import wait_for

URL = "https://receiver.example.org/hook"
Ended = Callable[..., str]


@pytest.fixture
def book(environment: dict[str, str]) -> Iterator[Ledger]:
    """A ledger in an empty database of its own."""
    opened = ledger.connect(environment["REDIS_URL"].replace("/0", "/4"))
    opened.client.flushdb()
    yield opened
    opened.client.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A lease and an overlap of secrets that a test can wait for."""
    monkeypatch.setenv("DARKROOM_WEBHOOK_LEASE_SECONDS", "0.8")
    monkeypatch.setenv("DARKROOM_WEBHOOK_SECRET_OVERLAP_SECONDS", "1")
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def ended(book: Ledger, removal_edit: Edit) -> Ended:
    """Have a job end (cancelled), and return its id."""

    def end(owner: str = "test", webhook: str = URL) -> str:
        job_id = ledger.new_job_id()
        book.apply(ledger.submit(job_id, removal_edit, owner=owner, webhook=webhook))
        book.apply(ledger.cancel(job_id))
        return job_id

    return end


def due(book: Ledger) -> dict[str, float]:
    """Seconds until each entry is looked at."""
    now = time.time()
    return {job_id: at - now for job_id, at in book.client.zrange("darkroom:webhooks:due", 0, -1, withscores=True)}


def begun(book: Ledger, job_id: str) -> tuple[Token, Attempt]:
    """Begin an attempt."""
    token = ledger.new_token(job_id)
    return token, book.apply(outbox.begin(token))


def in_body(book: Ledger, edit: Edit, webhook: str) -> Token:
    """Return the token of a job that is being generated."""
    job_id = ledger.new_job_id()
    book.apply(ledger.submit(job_id, edit, owner="test", webhook=webhook))
    opening, body = ledger.new_token(job_id), ledger.new_token(job_id)
    book.apply(ledger.claim(opening, Stage.OPENING, "w"))
    book.apply(ledger.launch(opening, ledger.new_token(job_id), 0, {}))
    book.apply(ledger.claim(body, Stage.BODY, "w"))
    return body


@pytest.mark.parametrize("end", ["done", "error", "cancelled", "buried"])
def test_every_end_of_a_job_is_in_the_outbox_from_that_moment(book: Ledger, removal_edit: Edit, end: str) -> None:
    """However a job ends; not before, and not without a webhook."""
    for webhook in (URL, ""):
        token = in_body(book, removal_edit, webhook)
        assert due(book) == {}
        if end == "done":
            book.apply(ledger.succeed(token, {}))
        elif end == "error":
            book.apply(ledger.fail(token, Failure(ErrorCode.ENGINE_FAILED, "no")))
        elif end == "cancelled":
            book.apply(ledger.cancel(token.job_id))
        else:
            book.client.hset(f"darkroom:job:{token.job_id}", mapping={"attempts": 3, "lease_until": 0})
            book.apply(ledger.claim(ledger.new_token(token.job_id), Stage.BODY, "w"))
        assert list(due(book)) == ([token.job_id] if webhook else [])
        assert book.apply(ledger.succeed(token, {})) is not Held.YES
        book.client.delete("darkroom:webhooks:due")


def test_a_taken_webhook_is_due_again_after_the_lease(book: Ledger, ended: Ended, quick: None) -> None:
    """A second sweep does not take it; a message that was lost costs a lease."""
    job_id = ended()
    assert book.apply(outbox.take(9)).job_ids == (job_id,)
    assert book.apply(outbox.take(9)).job_ids == ()
    wait_for(lambda: book.apply(outbox.take(9)).job_ids == (job_id,), "the lease to end")


def test_owners_take_turns(book: Ledger, ended: Ended) -> None:
    """Behind twenty of one owner, the first of two others are among the first three."""
    many = [ended("many") for _ in range(20)]
    one, other = ended("one"), ended("other")
    assert book.apply(outbox.take(4)).job_ids == (many[0], one, other, many[1])
    assert book.apply(outbox.take(2)).job_ids == (many[2], many[3])


def test_one_attempt_runs_at_a_time(book: Ledger, ended: Ended, quick: None) -> None:
    """Another message for it finds it held; after the lease, when its worker must be dead, it is begun again."""
    job_id = ended()
    token, first = begun(book, job_id)
    assert first == Attempt(Begun.BEGUN, 1)
    assert book.apply(outbox.begin(token)) == first, "an answer that was lost is asked for again"
    assert begun(book, job_id)[1].answer is Begun.HELD
    heir = wait_for(lambda: (it := begun(book, job_id))[1].answer is Begun.BEGUN and it, "the lease to end")
    assert heir[1].number == 2
    assert book.apply(outbox.settle(token, Outcome.DELIVERED)) is False
    assert book.apply(outbox.settle(heir[0], Outcome.DELIVERED)) is True
    assert due(book) == {}


def test_a_postponed_webhook_waits(book: Ledger, ended: Ended) -> None:
    """Until its time it is not taken, and a message that comes early does nothing; attempts are counted on."""
    job_id = ended()
    token, _ = begun(book, job_id)
    book.apply(outbox.settle(token, Outcome.POSTPONED, 100))
    assert 0 < due(book)[job_id] <= 100
    assert book.apply(outbox.take(9)).job_ids == ()
    assert begun(book, job_id)[1].answer is Begun.EARLY
    book.client.hset(f"darkroom:job:{job_id}", "webhook_at", 1)
    assert begun(book, job_id)[1] == Attempt(Begun.BEGUN, 2)


@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.GONE, Outcome.REFUSED, Outcome.GIVEN_UP])
def test_a_settled_webhook_is_over(book: Ledger, ended: Ended, outcome: Outcome) -> None:
    """It leaves the outbox, a late message does nothing, and what was not delivered is kept among the dead."""
    job_id = ended()
    token, _ = begun(book, job_id)
    book.apply(outbox.settle(token, outcome))
    assert due(book) == {}
    assert begun(book, job_id)[1].answer is Begun.SETTLED
    assert book.client.hget(f"darkroom:job:{job_id}", "webhook_outcome") == outcome
    dead = [] if outcome is Outcome.DELIVERED else [job_id]
    assert book.client.lrange("darkroom:webhooks:dead", 0, -1) == dead


def test_a_webhook_whose_record_expired_is_told_of(book: Ledger, ended: Ended) -> None:
    """It is not taken, but named, so that somebody reads of it; and no move makes a record anew."""
    job_id = ended()
    token, _ = begun(book, job_id)
    book.client.delete(f"darkroom:job:{job_id}")
    assert book.apply(outbox.settle(token, Outcome.POSTPONED, 0)) is False
    assert begun(book, job_id)[1].answer is Begun.SETTLED
    book.client.zadd("darkroom:webhooks:due", {job_id: 0})
    assert book.apply(outbox.take(9)) == Taken((), (job_id,))
    assert due(book) == {}
    assert not book.client.exists(f"darkroom:job:{job_id}")


def test_the_queue_holds_so_many_messages_at_most(book: Ledger, ended: Ended) -> None:
    """What the queue has no room for stays in the outbox, where owners take turns."""
    places = settings().webhooks_queued
    for _ in range(places + 5):
        ended()
    assert outbox.dispatch(book) == places
    assert outbox.dispatch(book) == 0
    assert book.client.llen(Queue.JOBS) == places
    message = json.loads(book.client.rpop(Queue.JOBS))
    assert message["headers"]["task"] == "tasks.webhooks.deliver"
    assert outbox.dispatch(book) == 1


def test_an_owner_s_secret_is_made_once(book: Ledger) -> None:
    """Asked for again it is the same; others have others; 32 random bytes, as the standard writes them."""
    secret = book.apply(outbox.secret_of("one")).current
    assert book.apply(outbox.secret_of("one")).signing == (secret,)
    assert book.apply(outbox.secret_of("other")).current != secret
    assert secret.startswith("whsec_")
    assert len(secret) == len("whsec_") + 44


def test_a_rotated_secret_signs_on_for_a_while(book: Ledger, quick: None) -> None:
    """All of them sign, the newest first; after the overlap it alone. A repeated call of one rotation rotates once."""
    old = book.apply(outbox.secret_of("one")).current
    move = outbox.rotate_secret("one")
    rotated = book.apply(move)
    assert book.apply(move) == rotated
    assert rotated.signing == (rotated.current, old)
    newest = book.apply(outbox.rotate_secret("one"))
    assert newest.signing == (newest.current, rotated.current, old)
    wait_for(lambda: book.apply(outbox.secret_of("one")).signing == (newest.current,), "the end of the overlap")


def test_so_many_secrets_sign_at_most(book: Ledger) -> None:
    """Somebody who rotates all the time makes no header without end."""
    secrets = [book.apply(outbox.rotate_secret("one")).current for _ in range(9)]
    signing = book.apply(outbox.secret_of("one")).signing
    assert signing == tuple(reversed(secrets[-(1 + outbox.OLDER_SECRETS_MAX) :]))
