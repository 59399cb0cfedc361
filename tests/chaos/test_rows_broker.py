"""Rows 7, 9, 10 and 11: the broker is killed, silent, or demoted, under all of Darkroom at once."""

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Self

import httpx
import pytest

from tasks.jobs import State
from tests import lab
from tests.chaos.engine import Script
from tests.chaos.report import Report, seconds
from tests.chaos.scale import pick
from tests.chaos.stand import Server
from tests.chaos.whole import Answer, Whole, clients

NOTICE_SECONDS = 30
"""Row 9's bound, and row 10's after the healing."""


JOBS = pick(short=4, full=24)


class Client:
    """A client that submits one edit after the other, each with a key of its own and again until it is accepted."""

    def __init__(self, town: Whole, pause: float = 0.1) -> None:
        """Prepare; it begins with the block."""
        self._town = town
        self._pause = pause
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.jobs: list[str] = []
        """Accepted."""
        self.submissions = 0
        """Edits, each of which may have taken several requests."""
        self.answers: list[Answer] = []

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop after the edit that is being submitted."""
        self._stopped.set()
        self._thread.join()

    @property
    def works(self) -> bool:
        """Whether its last request was accepted."""
        return bool(self.answers) and self.answers[-1].status == 200

    def _run(self) -> None:
        while not self._stopped.wait(self._pause):
            self.submissions += 1
            self._submit(str(self.submissions))

    def _submit(self, label: str) -> None:
        key = f"{label}-{uuid.uuid4()}"
        while not self._stopped.is_set():
            body = {"prompt": Script(label=label, steps=2, seconds=0.02).model_dump_json()}
            headers = {"Idempotency-Key": key}
            send = partial(self._town.http.post, "/api/generate/async", json=body, headers=headers)
            self.answers.append(Answer.to("submit", partial(self._note, send)))
            if self.works:
                return
            threading.Event().wait(self._pause)

    def _note(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        answer = send()
        if answer.is_success:
            self.jobs.append(answer.json()["task_id"])
        return answer


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_dead_connections_are_noticed(town: Whole, report: Report, busy: bool) -> None:
    """When every connection to both servers goes dead, each pool works again in time, in the same process."""
    before = town.pids
    jobs = [town.submit(steps=4, seconds=0.1) for _ in range(JOBS if busy else 0)]
    if busy:
        lab.wait_for(lambda: any(town.stand.job(job).state is State.PROCESSING for job in jobs), "a job in the pool")
    dead = town.broker_line.black_hole(new=False) + town.cache_line.black_hole(new=False)
    at = time.monotonic()
    took = town.recovery(at, NOTICE_SECONDS)
    records = town.stand.all_final(jobs)
    done = time.monotonic() - at
    report.row(
        9,
        injected=f"{dead} connections dead, {'busy' if busy else 'idle'}",
        counted=f"{sum(job.state is State.DONE for job in records)} of {len(jobs)} jobs done, restarts "
        f"{sum(town.pids.get(name) != pid for name, pid in before.items())}",
        measured=f"pools work again: {seconds(list(took.values()))}; all jobs done after {done:.1f} s",
        bound=f"{NOTICE_SECONDS} s",
    )
    assert set(took) == set(town.probes())
    assert max(took.values()) <= NOTICE_SECONDS
    assert town.pids == before
    town.stand.verify(*jobs)
    assert {job.state for job in records} <= {State.DONE}


HOLE_SECONDS = pick(short=5, full=60)
ANSWER_SECONDS = 3
"""Row 10's bound for every answer of the gateway."""


def test_silence_of_everything_reaches_nobody(town: Whole, report: Report) -> None:
    """While no byte comes through, the gateway answers every route in time; afterwards all accepted jobs are done."""
    before = town.pids
    ended = town.submit(steps=1)
    town.stand.until(ended, State.DONE)
    jobs = [town.submit(steps=4, seconds=0.1) for _ in range(JOBS)]
    dead = town.broker_line.black_hole() + town.cache_line.black_hole()
    answers = clients(town.requests(ended), HOLE_SECONDS)
    town.broker_line.heal()
    town.cache_line.heal()
    healed = time.monotonic()
    took = town.recovery(healed, NOTICE_SECONDS)
    records = town.stand.all_final(jobs)
    done = time.monotonic() - healed
    slowest = max(answers, key=lambda answer: answer.seconds)
    report.row(
        10,
        injected=f"{dead} connections and every new one dead for {HOLE_SECONDS} s",
        counted=f"{len(answers)} answers, {sum(answer.status == 503 for answer in answers)} of them 503; "
        f"{sum(job.state is State.DONE for job in records)} of {len(jobs)} jobs done",
        measured=f"slowest answer {slowest.seconds:.2f} s ({slowest.request}); pools work again "
        f"{seconds(list(took.values()))} after healing, all jobs done {done:.1f} s",
        bound=f"{ANSWER_SECONDS} s; {NOTICE_SECONDS} s",
    )
    assert {answer.status for answer in answers if answer.request == "health"} == {200}
    assert all(answer.retry_after for answer in answers if answer.status == 503)
    assert not [answer for answer in answers if answer.status >= 500 and answer.status != 503]
    assert slowest.seconds <= ANSWER_SECONDS
    assert set(took) == set(town.probes())
    assert max(*took.values(), done) <= NOTICE_SECONDS
    assert town.pids == before
    town.stand.verify(*jobs)
    assert {job.state for job in records} == {State.DONE}


DEMOTED_SECONDS = pick(short=1, full=10)
RESUME_SECONDS = 10
"""Bound of rows 7 and 11."""


def test_a_demotion_ends_no_worker(town: Whole, report: Report, tmp_path: Path) -> None:
    """The broker becomes a replica of its own former replica, in mid-job, and the master again: nobody restarts."""
    before = town.pids
    admin = town.stand.broker.client
    with closing(Server(tmp_path, appendonly="no")) as other:
        other.client.replicaof("127.0.0.1", town.stand.broker.port)
        lab.wait_for(lambda: other.client.info("replication")["master_link_status"] == "up", "the replica")
        # Short ones: a job that is asked for afterwards waits behind them, and it tells when the pool works again.
        jobs = [town.submit(steps=2, seconds=0.1) for _ in range(JOBS)]
        lab.wait_for(lambda: any(town.stand.job(job).state is State.PROCESSING for job in jobs), "a job in the pool")
        other.client.replicaof("NO", "ONE")
        admin.replicaof("127.0.0.1", other.port)
        lab.wait_for(lambda: admin.info("replication")["role"] == "slave", "the demotion")
        answers = clients({"submit": town.requests(jobs[0])["submit"]}, DEMOTED_SECONDS, every=0.2)
        admin.replicaof("NO", "ONE")
        at = time.monotonic()
        took = town.recovery(at, RESUME_SECONDS)
    records = town.stand.all_final(jobs)
    done = time.monotonic() - at
    report.row(
        11,
        injected=f"REPLICAOF for {DEMOTED_SECONDS} s, then NO ONE; {len(jobs)} jobs in flight",
        counted=f"{sum(job.state is State.DONE for job in records)} of {len(jobs)} jobs done, same processes: "
        f"{town.pids == before}, submissions meanwhile {sorted({answer.status for answer in answers})}",
        measured=f"pools work again: {seconds(list(took.values()))}; all jobs done after {done:.1f} s",
        bound=f"{RESUME_SECONDS} s",
    )
    assert {answer.status for answer in answers} == {503}
    assert all(answer.retry_after for answer in answers)
    assert set(took) == set(town.probes())
    assert max(took.values()) <= RESUME_SECONDS
    assert town.pids == before
    town.stand.verify(*jobs)
    assert {job.state for job in records} == {State.DONE}


KILLS = pick(short=2, full=6)
OUTAGE_SECONDS = pick(short=4, full=30)


def test_a_killed_broker_loses_nothing(town: Whole, report: Report) -> None:
    """The broker is killed again and again, then away for long: what was accepted is done, and clients are told."""
    before = town.pids
    accepted, answers = Client(town), []
    resumed: list[float] = []
    with accepted:
        for number in range(KILLS + 1):
            lab.wait_for(lambda: accepted.works, "submissions")
            town.stand.broker.kill()
            if number == KILLS:
                answers = clients(town.requests("none"), OUTAGE_SECONDS)
            town.stand.broker.start()
            at = time.monotonic()
            resumed += town.recovery(at, RESUME_SECONDS).values()
    records = town.stand.all_final(accepted.jobs)
    slowest = max([*answers, *accepted.answers], key=lambda answer: answer.seconds)
    labels = {str(number) for number in range(accepted.submissions + 1)}
    executions = [entry for entry in town.stand.diary.read("started") if entry.label in labels]
    report.row(
        7,
        injected=f"kill -9 × {KILLS}, and an outage of {OUTAGE_SECONDS} s; appendfsync always",
        counted=f"{sum(job.state is State.DONE for job in records)} of {len(accepted.jobs)} accepted jobs done, "
        f"{len(executions)} executions; {sum(answer.status == 503 for answer in accepted.answers)} submissions refused",
        measured=f"pools work again: {seconds(resumed)}; slowest answer {slowest.seconds:.2f} s ({slowest.request})",
        bound=f"{RESUME_SECONDS} s",
    )
    assert max(resumed) <= RESUME_SECONDS
    assert {answer.status for answer in accepted.answers} == {200, 503}
    assert all(answer.retry_after for answer in [*answers, *accepted.answers] if answer.status == 503)
    assert not [answer for answer in answers if answer.status >= 500 and answer.status != 503]
    assert slowest.seconds <= ANSWER_SECONDS
    assert town.pids == before
    town.stand.verify(*accepted.jobs)
    assert {job.state for job in records} == {State.DONE}
    assert len(set(accepted.jobs)) == len(accepted.jobs) == accepted.submissions
