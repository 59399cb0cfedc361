"""Row 13: a chord whose header vanishes, fails, or comes twice."""

from tasks.errors import ErrorCode
from tasks.jobs import Edit, Operation, State
from tasks.queues import Queue
from tests import lab
from tests.chaos.engine import Script
from tests.chaos.report import Report
from tests.chaos.stand import Stand
from tests.tasks import pictures


def test_a_deleted_header_is_launched_again(stand: Stand, report: Report) -> None:
    """When the queue with a waiting header is deleted, its job is opened again, and done once."""
    job_id = stand.leave_parts_waiting()
    assert len(stand.messages(Queue.IMAGE_UTILS)) == 2
    stand.broker.client.delete(Queue.IMAGE_UTILS)
    deleted_at = stand.job(job_id).enqueued_at
    stand.start_all("jobs", "cpu", "a100")
    lab.wait_for(lambda: stand.job(job_id).enqueued_at > deleted_at, "the job to be opened again")
    job = stand.until(job_id, State.DONE)
    stand.verify(job_id)
    report.row(
        13,
        injected="the queue of a waiting header deleted",
        counted=f"openings {stand.runs(job_id, 'removal')}, executions {stand.executions(job_id)}, "
        f"commits {stand.commits(job_id)}",
        measured=f"launched to done {(job.finished_at or 0) - deleted_at:.2f} s, the workers' start included",
        bound="relaunched",
    )
    assert (stand.executions(job_id), stand.commits(job_id)) == (1, 1)


def test_what_comes_twice_is_done_once(stand: Stand, report: Report) -> None:
    """With each message of a job delivered twice, opening, header and body, the job is executed and committed once.

    A header that fails ends its job once, with its own code; the body is never executed.
    """
    job_id = stand.submit(operation=Operation.REMOVAL)
    twice(stand, Queue.IMAGE_UTILS)
    cpu = stand.start("cpu", "-c", "1")
    lab.wait_for(lambda: stand.messages(Queue.GENERATION), "the body's message")
    lab.wait_for(
        lambda: not stand.messages(Queue.IMAGE_UTILS) and stand.unacked() == 0, "the second opening to be over"
    )
    bodies = len(stand.messages(Queue.GENERATION))
    twice(stand, Queue.GENERATION)
    cpu.kill()
    second = stand.leave_parts_waiting()
    twice(stand, Queue.IMAGE_UTILS)
    stand.start("cpu", "-c", "1")
    lab.wait_for(lambda: stand.bodies(second), "the second body's message")
    lab.wait_for(lambda: not stand.messages(Queue.IMAGE_UTILS) and stand.unacked() == 0, "the header to be over")
    bodies += len(stand.bodies(second))
    failing = stand.submit_edit(unmaskable(stand))
    failed = stand.until(failing, State.ERROR)
    stand.start("a100")
    for each in (job_id, second):
        stand.until(each, State.DONE)
    lab.wait_for(lambda: stand.unacked() == 0 and not stand.messages(Queue.GENERATION), "the queues to be empty")
    stand.verify(job_id, second, failing)
    report.row(
        13,
        injected="opening, two parts and body delivered twice; a part that fails",
        counted=f"messages for bodies {bodies}, executions {[stand.executions(each) for each in (job_id, second)]}, "
        f"commits {[stand.commits(each) for each in (job_id, second, failing)]}",
        measured=f"{failed.failure.code if failed.failure else None} after "
        f"{(failed.finished_at or 0) - failed.created_at:.2f} s",
        bound="completed once; failed once, with the header's code",
    )
    assert bodies == 2
    assert [stand.executions(each) for each in (job_id, second, failing)] == [1, 1, 0]
    assert [stand.commits(each) for each in (job_id, second, failing)] == [1, 1, 1]
    assert failed.failure is not None
    assert failed.failure.code is ErrorCode.MASK_EMPTY


def twice(stand: Stand, queue: Queue) -> None:
    """Deliver what waits in a queue a second time."""
    stand.broker.client.lpush(queue, *reversed(stand.broker.client.lrange(queue, 0, -1)))


def unmaskable(stand: Stand) -> Edit:
    """Return an insertion whose reference mask is empty: the part that isolates the reference fails."""
    edit = stand.edit(Script(), Operation.INSERTION)
    empty = stand.images.put(pictures.encoded(pictures.mask(64, 64, (0, 0, 0, 0)))).id
    return edit.model_copy(update={"reference_mask": empty})
