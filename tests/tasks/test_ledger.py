"""The ledger's moves on a real server."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tasks import ledger
from tasks.errors import ConflictError, ErrorCode, UnavailableError
from tasks.idempotency import Idempotency, Recalled
from tasks.jobs import Edit, Failure, Job, Role, Stage, State
from tasks.ledger import Claimed, Held, Ledger, Requeued, Submitted, Token
from tasks.queues import Priority, Queue
from tasks.settings import settings
from tests.lab import wait_for

FAILURE = Failure(ErrorCode.ENGINE_FAILED, "It did not work.")
LIST = "a-list-of-this-test"


def read(book: Ledger, job_id: str) -> Job:
    """Return the record."""
    found = book.apply(ledger.read(job_id))
    assert found is not None
    return found[0]


def claimed(book: Ledger, job_id: str, stage: Literal[Stage.OPENING, Stage.BODY] = Stage.OPENING) -> Token:
    """Claim the job and return the token."""
    token = ledger.new_token(job_id)
    assert book.apply(ledger.claim(token, stage, "w")) is Claimed.CLAIMED
    return token


def in_body(book: Ledger, job_id: str) -> Token:
    """Bring the job to its body and claim that."""
    chord = ledger.new_token(job_id)
    book.apply(ledger.launch(claimed(book, job_id), chord, 1, {Role.PHOTO: "p"}))
    book.apply(ledger.part(chord, Role.MAE, "m"))
    return claimed(book, job_id, Stage.BODY)


def expire_lease(book: Ledger, job_id: str) -> None:
    """Let the time of the job's holder run out, without waiting for it."""
    book.client.hset(f"darkroom:job:{job_id}", "lease_until", "0")


def states(book: Ledger, job_id: str) -> list[State]:
    """Return the states of the job's events."""
    return [event.state for event in book.apply(ledger.events(job_id))]


def test_a_job_goes_from_submit_to_done(book: Ledger, submitted: Callable[[], str]) -> None:
    """The moves of a chord, in order, end in a record with parts, result and events."""
    job_id = submitted()
    token = in_body(book, job_id)
    assert book.apply(ledger.progress(token, 2, 4, "half")) is Held.YES
    assert book.apply(ledger.succeed(token, {"image_id": "x"})) is Held.YES
    job = read(book, job_id)
    assert (job.state, job.result, job.progress) == (State.DONE, {"image_id": "x"}, 1.0)
    assert job.parts == {Role.PHOTO: "p", Role.MAE: "m"}
    assert job.typical_seconds is not None
    assert states(book, job_id) == [
        State.QUEUED,
        State.PREPROCESSING,
        State.PROCESSING,
        State.PROCESSING,
        State.DONE,
    ]


def test_a_record_and_its_message_are_written_together(book: Ledger, removal_edit: Edit) -> None:
    """SUBMIT pushes the message once, however often it is called."""
    job_id = ledger.new_job_id()
    move = ledger.submit(job_id, removal_edit, message="m", list_key=LIST + job_id, owner="test")
    assert [book.apply(move).answer for _ in range(3)] == [Submitted.CREATED, Submitted.KNOWN, Submitted.KNOWN]
    assert book.client.lrange(LIST + job_id, 0, -1) == ["m"]


def test_an_id_belongs_to_one_edit(book: Ledger, removal_edit: Edit) -> None:
    """The same id with another edit, or from another owner, is refused and changes nothing."""
    job_id = ledger.new_job_id()
    book.apply(ledger.submit(job_id, removal_edit, owner="test"))
    other = removal_edit.model_copy(update={"seed": 2})
    assert book.apply(ledger.submit(job_id, other, owner="test")).answer is Submitted.OTHER
    assert book.apply(ledger.submit(job_id, removal_edit, owner="else")).answer is Submitted.OTHER
    assert read(book, job_id).edit == removal_edit


def test_an_unknown_job_is_none(book: Ledger) -> None:
    """No move makes a job out of an id that nobody submitted."""
    job_id = ledger.new_job_id()
    assert book.apply(ledger.read(job_id)) is None
    assert book.apply(ledger.cancel(job_id)) is None
    assert book.apply(ledger.claim(ledger.new_token(job_id), Stage.OPENING, "w")) is Claimed.UNKNOWN
    assert book.apply(ledger.succeed(ledger.new_token(job_id), {})) is Held.LOST
    assert book.apply(ledger.read(job_id)) is None


def test_one_of_many_claims_wins(book: Ledger, submitted: Callable[[], str]) -> None:
    """Of 32 attempts at once, exactly one holds the job."""
    job_id = submitted()
    moves = [ledger.claim(ledger.new_token(job_id), Stage.OPENING, "w") for _ in range(32)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(book.apply, moves))
    assert answers.count(Claimed.CLAIMED) == 1
    assert answers.count(Claimed.HELD) == 31


def test_a_claim_repeated_after_a_lost_answer_is_the_same_claim(book: Ledger, submitted: Callable[[], str]) -> None:
    """A client that did not hear the answer and asks again holds the job, in one attempt."""
    job_id = submitted()
    move = ledger.claim(ledger.new_token(job_id), Stage.OPENING, "w")
    assert [book.apply(move), book.apply(move)] == [Claimed.CLAIMED, Claimed.CLAIMED]
    assert read(book, job_id).attempts == 1


def test_the_body_is_not_claimed_before_its_parts_are_there(book: Ledger, submitted: Callable[[], str]) -> None:
    """A body message that comes early or twice does nothing."""
    job_id = submitted()
    early = ledger.claim(ledger.new_token(job_id), Stage.BODY, "w")
    assert book.apply(early) is Claimed.ELSEWHERE
    book.apply(ledger.launch(claimed(book, job_id), ledger.new_token(job_id), 1, {}))
    assert book.apply(ledger.claim(ledger.new_token(job_id), Stage.BODY, "w")) is Claimed.ELSEWHERE


def test_a_zombie_is_fenced(book: Ledger, submitted: Callable[[], str]) -> None:
    """Once another attempt holds the job, nothing that the first one says changes it."""
    job_id = submitted()
    zombie = in_body(book, job_id)
    expire_lease(book, job_id)
    heir = claimed(book, job_id, Stage.BODY)
    moves = [
        ledger.renew(zombie),
        ledger.progress(zombie, 9, 9, "late"),
        ledger.succeed(zombie, {"image_id": "zombie"}),
        ledger.fail(zombie, FAILURE),
        ledger.release(zombie, LIST, "m"),
    ]
    assert [book.apply(move) for move in moves] == [Held.LOST] * 5
    assert read(book, job_id).state is State.PROCESSING
    assert book.apply(ledger.succeed(heir, {"image_id": "heir"})) is Held.YES
    assert read(book, job_id).result == {"image_id": "heir"}


def test_progress_after_the_end_is_refused(book: Ledger, submitted: Callable[[], str]) -> None:
    """A late step changes neither the record nor the events."""
    job_id = submitted()
    token = in_body(book, job_id)
    book.apply(ledger.succeed(token, {}))
    before = states(book, job_id)
    assert book.apply(ledger.progress(token, 1, 4, "late")) is Held.LOST
    assert states(book, job_id) == before


def test_progress_never_goes_back(book: Ledger, submitted: Callable[[], str]) -> None:
    """A second attempt that starts over keeps the progress that clients have seen."""
    job_id = submitted()
    book.apply(ledger.progress(in_body(book, job_id), 4, 4, "last"))
    expire_lease(book, job_id)
    book.apply(ledger.progress(claimed(book, job_id, Stage.BODY), 1, 4, "first"))
    progress = [event.progress for event in book.apply(ledger.events(job_id))]
    assert progress == sorted(progress)
    assert progress[-1] == 0.75


@pytest.mark.parametrize("stage", ["queued", "preprocessing", "parts", "body", "processing"])
def test_cancel_is_final_in_every_state(book: Ledger, submitted: Callable[[], str], stage: str) -> None:
    """A job cancelled anywhere on its way stays cancelled, and its holder learns it."""
    job_id = submitted()
    token, chord = ledger.new_token(job_id), ledger.new_token(job_id)
    if stage != "queued":
        token = claimed(book, job_id)
    if stage in {"parts", "body", "processing"}:
        book.apply(ledger.launch(token, chord, 1, {}))
    if stage in {"body", "processing"}:
        book.apply(ledger.part(chord, Role.MAE, "m"))
    if stage == "processing":
        token = claimed(book, job_id, Stage.BODY)
    assert book.apply(ledger.cancel(job_id)) is State.CANCELLED
    assert book.apply(ledger.renew(token)) is Held.CANCELLED
    assert book.apply(ledger.succeed(token, {})) is Held.LOST
    assert book.apply(ledger.enter(chord, Role.MAE)) is Held.LOST
    assert book.apply(ledger.claim(ledger.new_token(job_id), Stage.OPENING, "w")) is Claimed.FINAL
    assert read(book, job_id).state is State.CANCELLED
    assert states(book, job_id)[-1] is State.CANCELLED


def test_cancel_against_finish_has_one_winner(book: Ledger, submitted: Callable[[], str]) -> None:
    """In 50 races, exactly one of the two ends the job, and the record agrees with the last event."""
    for _ in range(50):
        job_id = submitted()
        token = in_body(book, job_id)
        start = threading.Barrier(2)

        def at_once(move: ledger.Move[object], start: threading.Barrier = start) -> object:
            start.wait()
            return book.apply(move)

        with ThreadPoolExecutor(2) as pool:
            cancelled = pool.submit(at_once, ledger.cancel(job_id))
            finished = pool.submit(at_once, ledger.succeed(token, {}))
        won = finished.result() is Held.YES
        assert cancelled.result() is (State.DONE if won else State.CANCELLED)
        assert states(book, job_id)[-1] is read(book, job_id).state


def test_a_poison_job_is_buried_after_three_attempts(book: Ledger, submitted: Callable[[], str]) -> None:
    """The fourth claim fails the job with worker_lost and puts it among the dead letters."""
    job_id = submitted()
    in_body(book, job_id)
    for _ in range(2):
        expire_lease(book, job_id)
        claimed(book, job_id, Stage.BODY)
    expire_lease(book, job_id)
    assert book.apply(ledger.claim(ledger.new_token(job_id), Stage.BODY, "w")) is Claimed.EXHAUSTED
    failure = read(book, job_id).failure
    assert failure is not None
    assert failure.code is ErrorCode.WORKER_LOST
    assert job_id in book.client.lrange("darkroom:jobs:dead", 0, -1)


def test_a_release_gives_the_attempt_back(book: Ledger, submitted: Callable[[], str]) -> None:
    """A drained job is queued again, at the front, with no attempt counted, and can be claimed at once."""
    job_id = submitted()
    token = in_body(book, job_id)
    book.client.lpush(LIST + job_id, "other")
    assert book.apply(ledger.release(token, LIST + job_id, "mine")) is Held.YES
    assert book.client.rpop(LIST + job_id) == "mine"
    assert (read(book, job_id).state, read(book, job_id).attempts) == (State.QUEUED, 0)
    claimed(book, job_id, Stage.BODY)


def test_a_part_counts_once(book: Ledger, submitted: Callable[[], str]) -> None:
    """A header task that runs twice does not complete a chord of two."""
    job_id = submitted()
    chord = ledger.new_token(job_id)
    book.apply(ledger.launch(claimed(book, job_id), chord, 2, {}))
    assert book.apply(ledger.enter(chord, Role.MAE)) is Held.YES
    for _ in range(2):
        assert book.apply(ledger.part(chord, Role.MAE, "m")) is Held.YES
    assert read(book, job_id).stage is Stage.PARTS
    book.apply(ledger.part(chord, Role.MASKED_BACKGROUND, "b"))
    assert read(book, job_id).stage is Stage.BODY


def test_a_part_that_comes_twice_is_not_made_twice(book: Ledger, submitted: Callable[[], str]) -> None:
    """A second delivery of a header task is refused, and does not hold the job against its body."""
    job_id = submitted()
    chord = ledger.new_token(job_id)
    book.apply(ledger.launch(claimed(book, job_id), chord, 2, {}))
    for role in (Role.MAE, Role.MASKED_BACKGROUND):
        book.apply(ledger.enter(chord, role))
        book.apply(ledger.part(chord, role, "m"))
        assert book.apply(ledger.enter(chord, role)) is Held.LOST
    claimed(book, job_id, Stage.BODY)


def test_a_part_that_kills_its_process_is_buried_after_three_starts(book: Ledger, submitted: Callable[[], str]) -> None:
    """Starts of a part without an end are counted across relaunches; the fourth fails the job as worker_lost."""
    job_id = submitted()
    chord = ledger.new_token(job_id)
    book.apply(ledger.launch(claimed(book, job_id), chord, 1, {}))
    for _ in range(2):
        assert book.apply(ledger.enter(chord, Role.MAE)) is Held.YES
    expire_lease(book, job_id)
    assert book.apply(ledger.requeue(read(book, job_id), LIST, "m")) is Requeued.REQUEUED
    chord = ledger.new_token(job_id)
    book.apply(ledger.launch(claimed(book, job_id), chord, 1, {}))
    assert book.apply(ledger.enter(chord, Role.MAE)) is Held.YES
    assert book.apply(ledger.enter(chord, Role.MAE)) is Held.BURIED
    assert book.apply(ledger.enter(chord, Role.MAE)) is Held.LOST
    failure = read(book, job_id).failure
    assert failure is not None
    assert failure.code is ErrorCode.WORKER_LOST
    assert job_id in book.apply(ledger.dead())


def test_setbacks_of_a_part_are_no_lost_workers(book: Ledger, submitted: Callable[[], str]) -> None:
    """A part that ends because something is away may be started again as often as a job may be set back."""
    job_id = submitted()
    for _ in range(4):
        chord = ledger.new_token(job_id)
        book.apply(ledger.launch(claimed(book, job_id), chord, 1, {}))
        assert book.apply(ledger.enter(chord, Role.MAE)) is Held.YES
        book.apply(ledger.set_back(chord, Failure(ErrorCode.STORE_UNAVAILABLE, "x")))
        expire_lease(book, job_id)


def test_a_part_that_is_gone_is_noticed_after_the_grace(book: Ledger, submitted: Callable[[], str]) -> None:
    """When one part is made and no other runs, the lease of the first no longer hides that the second is lost."""
    job_id = submitted()
    chord = ledger.new_token(job_id)
    book.apply(ledger.launch(claimed(book, job_id), chord, 3, {}))
    for role in (Role.MAE, Role.MASKED_BACKGROUND):
        book.apply(ledger.enter(chord, role))
    book.apply(ledger.part(chord, Role.MAE, "m"))
    assert read(book, job_id).lease_until > 0, "the second part runs"
    book.apply(ledger.part(chord, Role.MASKED_BACKGROUND, "b"))
    assert read(book, job_id).lease_until == 0


def test_a_part_that_lost_its_workers_goes_to_the_dead_letters(book: Ledger, submitted: Callable[[], str]) -> None:
    """A header task fails its job; as worker_lost it is also set aside."""
    jobs = {}
    for code in (ErrorCode.WORKER_LOST, ErrorCode.MASK_EMPTY):
        job_id = jobs[code] = submitted()
        chord = ledger.new_token(job_id)
        book.apply(ledger.launch(claimed(book, job_id), chord, 1, {}))
        assert book.apply(ledger.fail(chord, Failure(code, "x"))) is Held.YES
    dead = book.apply(ledger.dead())
    assert jobs[ErrorCode.WORKER_LOST] in dead
    assert jobs[ErrorCode.MASK_EMPTY] not in dead


def test_a_pool_has_work_from_a_submit_to_the_end(book: Ledger, submitted: Callable[[], str]) -> None:
    """A job counts for the pool that prepares it until it is prepared, and for its own until it ends."""

    def open_jobs() -> tuple[int, int]:
        queues = book.apply(ledger.overview()).queues
        return queues[Queue.IMAGE_UTILS].open_jobs, queues[Queue.GENERATION].open_jobs

    prepared, generated = open_jobs()
    job_id = submitted()
    assert open_jobs() == (prepared + 1, generated + 1)
    token = in_body(book, job_id)
    assert open_jobs() == (prepared, generated + 1)
    book.apply(ledger.succeed(token, {}))
    assert open_jobs() == (prepared, generated)


def test_parts_of_an_older_chord_are_dropped(book: Ledger, submitted: Callable[[], str]) -> None:
    """After a relaunch, header tasks of the first chord neither store nor fail anything."""
    job_id = submitted()
    old, new = ledger.new_token(job_id), ledger.new_token(job_id)
    book.apply(ledger.launch(claimed(book, job_id), old, 1, {}))
    assert book.apply(ledger.requeue(read(book, job_id), LIST, "m")) is Requeued.REQUEUED
    book.apply(ledger.launch(claimed(book, job_id), new, 1, {}))
    assert book.apply(ledger.enter(old, Role.MAE)) is Held.LOST
    assert book.apply(ledger.part(old, Role.MAE, "old")) is Held.LOST
    assert book.apply(ledger.fail(old, FAILURE)) is Held.LOST
    assert book.apply(ledger.part(new, Role.MAE, "new")) is Held.YES
    assert read(book, job_id).parts == {Role.MAE: "new"}


def test_a_header_fails_its_job_at_once(book: Ledger, submitted: Callable[[], str]) -> None:
    """The live chord's token ends the job with the header's own error, and cannot commit a result."""
    job_id = submitted()
    chord = ledger.new_token(job_id)
    book.apply(ledger.launch(claimed(book, job_id), chord, 2, {}))
    assert book.apply(ledger.succeed(chord, {})) is Held.LOST
    assert book.apply(ledger.fail(chord, FAILURE)) is Held.YES
    assert (read(book, job_id).state, read(book, job_id).failure) == (State.ERROR, FAILURE)


def test_a_requeue_is_refused_once_the_job_moved_on(book: Ledger, submitted: Callable[[], str]) -> None:
    """What the sweeper saw must still be so: a held, requeued or finished job is left alone."""
    job_id = submitted()
    seen = read(book, job_id)
    token = claimed(book, job_id)
    assert book.apply(ledger.requeue(seen, LIST, "m")) is Requeued.MOVED
    book.apply(ledger.release(token, LIST, "m"))
    assert book.apply(ledger.requeue(seen, LIST, "m")) is Requeued.MOVED
    book.apply(ledger.cancel(job_id))
    assert book.apply(ledger.requeue(read(book, job_id), LIST, "m")) is Requeued.MOVED


def test_a_vanished_chord_is_relaunched_three_times_at_most(book: Ledger, submitted: Callable[[], str]) -> None:
    """A chord whose header never completes opens the job again, and fails it in the end."""
    job_id = submitted()
    outcomes = []
    for _ in range(3):
        book.apply(ledger.launch(claimed(book, job_id), ledger.new_token(job_id), 1, {}))
        outcomes.append(book.apply(ledger.requeue(read(book, job_id), LIST, "m")))
    assert outcomes == [Requeued.REQUEUED, Requeued.REQUEUED, Requeued.BURIED]


def test_an_open_job_is_due_after_its_lease(book: Ledger, submitted: Callable[[], str]) -> None:
    """The sweeper is shown a held job only when its lease has ended, and a finished one never."""
    job_id = submitted()
    token = claimed(book, job_id)
    assert job_id not in book.apply(ledger.due(10_000))
    wait_for(lambda: job_id in book.apply(ledger.due(10_000)), "the end of the lease")
    book.apply(ledger.fail(token, FAILURE))
    assert job_id not in book.apply(ledger.due(10_000))


def test_the_line_is_by_priority_then_age(book: Ledger, removal_edit: Edit) -> None:
    """An interactive job stands before every batch job, and jobs of one priority in the order of their submission."""
    ids = [ledger.new_job_id() for _ in range(3)]
    priorities = [Priority.BATCH, Priority.INTERACTIVE, Priority.BATCH]
    for job_id, priority in zip(ids, priorities, strict=True):
        book.apply(ledger.submit(job_id, removal_edit, owner="test", priority=priority))
    positions = [read(book, job_id).queue_position for job_id in ids]
    assert None not in positions
    assert sorted(ids, key=lambda job_id: positions[ids.index(job_id)] or 0) == [ids[1], ids[0], ids[2]]
    book.apply(ledger.cancel(ids[1]))
    assert read(book, ids[1]).queue_position is None


def test_records_and_events_of_ended_jobs_expire(book: Ledger, submitted: Callable[[], str]) -> None:
    """Only a finished job has a time to live, and its stream is bounded."""
    job_id = submitted()
    assert book.client.ttl(f"darkroom:job:{job_id}") == -1
    token = in_body(book, job_id)
    for step in range(1, 600):
        book.apply(ledger.progress(token, step, 600, "step"))
    assert book.client.xlen(ledger.events_key(job_id)) < 400
    book.apply(ledger.cancel(job_id))
    assert book.client.ttl(f"darkroom:job:{job_id}") > 0
    assert book.client.ttl(ledger.events_key(job_id)) > 0


def test_a_server_that_is_away_is_a_clear_error() -> None:
    """Without a server, a move raises broker_unavailable instead of a Redis error."""
    nobody = Ledger(redis.Redis(port=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)))
    with pytest.raises(UnavailableError) as caught:
        nobody.apply(ledger.due(1))
    assert caught.value.code is ErrorCode.BROKER_UNAVAILABLE


def test_only_the_opening_attempt_launches(book: Ledger, submitted: Callable[[], str]) -> None:
    """The holder of a body cannot send the job back into a chord."""
    job_id = submitted()
    token = in_body(book, job_id)
    assert book.apply(ledger.launch(token, ledger.new_token(job_id), 1, {})) is Held.LOST
    assert read(book, job_id).stage is Stage.BODY


def test_a_job_without_parts_waits_for_its_pool_at_once(book: Ledger, submitted: Callable[[], str]) -> None:
    """Nothing has to be prepared for a prompt: after its opening the body can be claimed."""
    job_id = submitted()
    assert book.apply(ledger.launch(claimed(book, job_id), ledger.new_token(job_id), 0, {})) is Held.YES
    assert read(book, job_id).stage is Stage.BODY
    assert read(book, job_id).queue_position is not None
    claimed(book, job_id, Stage.BODY)


def test_a_preview_is_in_the_record_and_its_event_until_the_job_ends(
    book: Ledger, submitted: Callable[[], str]
) -> None:
    """A step without a preview has none, and neither has a finished job."""
    job_id = submitted()
    token = in_body(book, job_id)
    book.apply(ledger.progress(token, 1, 3, "one", preview="c" * 64))
    assert read(book, job_id).preview == "c" * 64
    book.apply(ledger.progress(token, 2, 3, "two"))
    assert read(book, job_id).preview is None
    book.apply(ledger.progress(token, 3, 3, "three", preview="d" * 64))
    book.apply(ledger.succeed(token, {}))
    assert read(book, job_id).preview is None
    shown = [event.preview for event in book.apply(ledger.events(job_id)) if event.step]
    assert shown == ["c" * 64, None, "d" * 64, None]


def test_a_record_keeps_values_that_are_defaults_elsewhere(book: Ledger, removal_edit: Edit) -> None:
    """40 steps asked for with the fast preset are still 40 when the worker reads the job."""
    asked = Edit(**{**removal_edit.model_dump(include={"operation", "photo", "mask"}), "preset": "fast"})
    asked = asked.model_copy(update={"num_inference_steps": 40, "true_cfg_scale": 4.0})
    job_id = ledger.new_job_id()
    book.apply(ledger.submit(job_id, asked, owner="test"))
    assert read(book, job_id).edit == asked


def test_requests_under_one_key_are_one_job(book: Ledger, removal_edit: Edit) -> None:
    """Of 16 submits at once under an idempotency key one creates the job, the others are told its id; one message."""
    key = Idempotency("test-of-keys", ledger.new_job_id(), "digest")
    moves = [
        ledger.submit(
            ledger.new_job_id(), removal_edit, message="m", list_key=LIST + key.key, owner=key.owner, idempotency=key
        )
        for _ in range(16)
    ]
    with ThreadPoolExecutor(16) as pool:
        receipts = list(pool.map(book.apply, moves))
    assert sorted(receipt.answer for receipt in receipts) == [Submitted.CREATED] + [Submitted.KNOWN] * 15
    assert len({receipt.job_id for receipt in receipts}) == 1
    assert book.client.llen(LIST + key.key) == 1
    assert book.apply(ledger.recall(key)) == Recalled("digest", receipts[0].job_id)


def test_a_key_belongs_to_one_request_of_one_owner(book: Ledger, removal_edit: Edit) -> None:
    """Another request under the key is refused and writes nothing; another owner's key of that name is another key."""
    key = Idempotency("test", ledger.new_job_id(), "digest")
    first = book.apply(ledger.submit(ledger.new_job_id(), removal_edit, owner="test", idempotency=key))
    other_id = ledger.new_job_id()
    other = Idempotency("test", key.key, "another")
    refused = book.apply(ledger.submit(other_id, removal_edit, owner="test", idempotency=other))
    assert refused.answer is Submitted.CONFLICT
    with pytest.raises(ConflictError) as raised:
        refused.accepted()
    assert raised.value.code is ErrorCode.IDEMPOTENCY_CONFLICT
    assert book.apply(ledger.read(other_id)) is None
    theirs = Idempotency("else", key.key, "another")
    created = book.apply(ledger.submit(other_id, removal_edit, owner="else", idempotency=theirs))
    assert (first.answer, created.answer) == (Submitted.CREATED, Submitted.CREATED)


def test_a_key_is_forgotten_after_its_time(book: Ledger, removal_edit: Edit) -> None:
    """Keys live for their setting; one whose job's record is gone makes a new job."""
    key = Idempotency("test", ledger.new_job_id(), "digest")
    receipt = book.apply(ledger.submit(ledger.new_job_id(), removal_edit, owner="test", idempotency=key))
    assert 0 < book.client.ttl(key.name) <= settings().idempotency_seconds
    book.client.delete(f"darkroom:job:{receipt.job_id}")
    again = book.apply(ledger.submit(ledger.new_job_id(), removal_edit, owner="test", idempotency=key))
    assert again.answer is Submitted.CREATED
    assert book.apply(ledger.recall(key)) == Recalled("digest", again.job_id)


def test_a_request_without_a_job_is_remembered_too(book: Ledger) -> None:
    """The first under a key is new, later ones learn what the first asked for."""
    key = Idempotency("test", ledger.new_job_id(), "digest")
    assert book.apply(ledger.recall(key)) is None
    assert book.apply(ledger.remember(key)) is None
    assert book.apply(ledger.remember(Idempotency("test", key.key, "another"))) == Recalled("digest", None)


def test_an_ended_job_is_put_into_the_outbox(book: Ledger, removal_edit: Edit) -> None:
    """A job with a webhook is due the moment that it ends, however it ends, and only once; one without never is."""
    told, quiet = ledger.new_job_id(), ledger.new_job_id()
    book.apply(ledger.submit(told, removal_edit, owner="test", webhook="https://example.org/hook"))
    book.apply(ledger.submit(quiet, removal_edit, owner="test"))
    assert book.client.zscore("darkroom:webhooks:due", told) is None
    for job_id in (told, quiet, told):
        book.apply(ledger.cancel(job_id))
    assert book.client.zscore("darkroom:webhooks:due", told) == pytest.approx(read(book, told).finished_at, abs=0.001)
    assert book.client.zscore("darkroom:webhooks:due", quiet) is None
    assert read(book, told).webhook == "https://example.org/hook"


def test_the_first_event_is_told_before_it_is_written(book: Ledger, submitted: Callable[[], str]) -> None:
    """A job that waits has no stream, which would take more memory than all else of it; nobody can tell."""
    job_id = submitted()
    assert not book.client.exists(ledger.events_key(job_id))
    told = book.apply(ledger.events(job_id))
    found = book.apply(ledger.read(job_id))
    assert [event.state for event in told] == [State.QUEUED]
    assert found is not None
    assert found[1] == told[0].id
    assert book.apply(ledger.events(job_id, told[0].id)) == ()
    assert book.apply(ledger.events(job_id, "1764-0")) == told
    claimed(book, job_id)
    written = book.apply(ledger.events(job_id))
    assert written[0] == told[0]
    assert [event.state for event in written] == [State.QUEUED, State.PREPROCESSING]
    assert book.apply(ledger.events(job_id, told[0].id)) == written[1:]
    assert book.client.xlen(ledger.events_key(job_id)) == 2


def test_a_submission_wakes_nobody(book: Ledger, removal_edit: Edit) -> None:
    """Every gateway hears what is published, and nobody can wait for a job before there is one."""
    job_id = ledger.new_job_id()
    with book.client.pubsub() as listener:
        listener.subscribe(f"celery-task-meta-{job_id}")
        assert listener.get_message(timeout=5)
        book.apply(ledger.submit(job_id, removal_edit, owner="test"))
        assert listener.get_message(timeout=0.2) is None
        book.apply(ledger.cancel(job_id))
        assert listener.get_message(timeout=5)
