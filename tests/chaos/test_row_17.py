"""Row 17: no room: in the broker's memory, in the hot tier, in the store, on the disks."""

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import redis

from tasks.errors import ErrorCode
from tasks.jobs import State
from tests import lab
from tests.chaos.report import Report, seconds
from tests.chaos.scale import pick
from tests.chaos.whole import Answer, Whole, clients
from tests.tasks import pictures

JOBS = pick(short=4, full=12)
FULL_SECONDS = pick(short=3, full=30)
ANSWER_SECONDS = 3
RESUME_SECONDS = 10
BALLAST_BYTES = 32_000_000
"""Beside it the connections' own buffers, which come and go, are small; as they are in a broker of a gigabyte."""
BEGINS_WORK = ("submit", "generate", "utility", "smart mask")


def refusals(answers: list[Answer]) -> dict[str, set[tuple[int, str | None]]]:
    """Return what the requests that begin work were answered."""
    return {name: {(each.status, each.code) for each in answers if each.request == name} for name in BEGINS_WORK}


@contextmanager
def limited(admin: "redis.Redis", share: float) -> Iterator[None]:
    """Limit the broker's memory so that this share of it is in use; 2 is twice as much as it may have."""
    admin.setrange(
        "ballast", BALLAST_BYTES - 1, "x"
    )  # made by the server: no buffer of this client's counts for a moment
    admin.config_set("maxmemory", int(admin.info("memory")["used_memory"] / share))
    try:
        yield
    finally:
        admin.config_set("maxmemory", 0)
        admin.delete("ballast")


SPARE_CONNECTIONS = 16
"""Of all processes together: pools grow by one where two threads ask at once. A try to connect that fails takes two."""


def connections(admin: redis.Redis) -> int:
    """Return how many connections a server has."""
    return int(admin.info("clients")["connected_clients"])


def test_a_nearly_full_broker_finishes_what_it_accepted(town: Whole, report: Report) -> None:
    """From nine tenths of the broker's memory on new work is refused, and accepted jobs are done in what is left."""
    admin = town.stand.broker.client
    ended = town.submit(steps=1)
    town.stand.until(ended, State.DONE)
    jobs = [town.submit(steps=4, seconds=0.1) for _ in range(JOBS)]
    with limited(admin, 0.93):
        lab.wait_for(lambda: town.requests(ended)["submit"]().status_code == 503, "the refusal")
        answers = clients(town.requests(ended), 1.5, every=0.5)
        records = town.stand.all_final(jobs)
    slowest = max(answers, key=lambda answer: answer.seconds)
    report.row(
        17,
        injected="memory of the broker full to 93 %",
        counted=f"{sum(job.state is State.DONE for job in records)} of {JOBS} jobs done meanwhile; "
        f"{sum(answer.code == ErrorCode.BROKER_FULL for answer in answers)} requests refused",
        measured=f"slowest answer {slowest.seconds:.2f} s",
        bound=f"{ANSWER_SECONDS} s",
    )
    full = {(503, ErrorCode.BROKER_FULL.value)}
    assert refusals(answers) == dict.fromkeys(BEGINS_WORK, full)
    assert {answer.status for answer in answers if answer.request in {"status", "result", "system health"}} == {200}
    assert all(answer.retry_after for answer in answers if answer.status == 503)
    assert slowest.seconds <= ANSWER_SECONDS
    town.stand.verify(*jobs)
    assert {job.state for job in records} == {State.DONE}


def test_a_full_broker_keeps_what_it_accepted(town: Whole, report: Report) -> None:
    """A broker that can write nothing more refuses new work at once; when it can again, every accepted job is done."""
    before = town.pids
    admin = town.stand.broker.client
    ended = town.submit(steps=1)
    town.stand.until(ended, State.DONE)
    connected = connections(admin)
    jobs = [town.submit(steps=4, seconds=0.1) for _ in range(JOBS)]
    lab.wait_for(lambda: any(town.stand.job(job).state is State.PROCESSING for job in jobs), "a job in the pool")
    with limited(admin, 2):
        answers = clients(town.requests(ended), FULL_SECONDS, every=0.5)
        meanwhile = sum(town.stand.job(job).state is State.DONE for job in jobs)
    at = time.monotonic()
    took = town.recovery(at, RESUME_SECONDS)
    records = town.stand.all_final(jobs)
    left = connections(admin) - connected
    slowest = max(answers, key=lambda answer: answer.seconds)
    report.row(
        17,
        injected=f"memory of the broker full for {FULL_SECONDS} s: no write of Celery's own succeeds",
        counted=f"{meanwhile} of {JOBS} done meanwhile, {sum(job.state is State.DONE for job in records)} at last; "
        f"{sum(answer.code == ErrorCode.BROKER_FULL for answer in answers)} requests refused, same processes: "
        f"{town.pids == before}, connections {left:+}",
        measured=f"slowest answer {slowest.seconds:.2f} s; pools work again: {seconds(list(took.values()))}",
        bound=f"{ANSWER_SECONDS} s; {RESUME_SECONDS} s",
    )
    full = {(503, ErrorCode.BROKER_FULL.value)}
    assert refusals(answers) == dict.fromkeys(BEGINS_WORK, full)
    assert {answer.status for answer in answers if answer.request in {"status", "result", "system health"}} == {200}
    assert slowest.seconds <= ANSWER_SECONDS
    assert set(took) == set(town.probes())
    assert town.pids == before
    assert left <= SPARE_CONNECTIONS
    town.stand.verify(*jobs)
    assert {job.state for job in records} == {State.DONE}


AWAY_SECONDS = pick(short=2, full=60)


def test_a_store_that_is_away_ends_no_job(town: Whole, report: Report) -> None:
    """While the durable tier is away its clients get 503 before anything is accepted; running jobs end after it."""
    store, away = town.stand.folder / "images", town.stand.folder / "images-away"
    edit = {
        "task_type": "white-balance",
        "input_image": base64.b64encode(pictures.encoded(pictures.photo(48, 48, int(time.time())))).decode(),
    }
    asks = {
        "submit": partial(town.http.post, "/api/generate/async", json=edit),
        "upload": town.requests("none")["upload"],
        "utility": town.requests("none")["utility"],
    }
    assert asks["utility"]().is_success, "a gateway opens its store, and makes its folder, when it is first needed"
    jobs = [town.submit(steps=4, seconds=0.1) for _ in range(JOBS)]
    lab.wait_for(lambda: any(town.stand.job(job).state is State.PROCESSING for job in jobs), "a job in the pool")
    store.rename(away)
    store.write_text("no folder: the disk behind it is gone")
    try:
        accepted = town.stand.overview().open_jobs
        answers = clients(asks, AWAY_SECONDS, every=0.5)
        meanwhile = sum(town.stand.job(job).state is State.DONE for job in jobs)
        assert town.stand.overview().open_jobs <= accepted
    finally:
        store.unlink()
        away.rename(store)
    at = time.monotonic()
    records = town.stand.all_final(jobs)
    done = time.monotonic() - at
    slowest = max(answers, key=lambda answer: answer.seconds)
    refused = {answer.code for answer in answers if answer.request in {"submit", "upload"}}
    report.row(
        17,
        injected=f"durable tier away for {AWAY_SECONDS} s",
        counted=f"{meanwhile} of {JOBS} done meanwhile, {sum(job.state is State.DONE for job in records)} at last; "
        f"{sum(answer.code == ErrorCode.STORE_UNAVAILABLE for answer in answers)} requests refused",
        measured=f"slowest answer {slowest.seconds:.2f} s; all jobs done {done:.1f} s after its return",
        bound=f"{ANSWER_SECONDS} s",
    )
    assert refused == {ErrorCode.STORE_UNAVAILABLE}
    assert {answer.status for answer in answers if answer.request == "utility"} == {200}
    assert slowest.seconds <= ANSWER_SECONDS
    town.stand.verify(*jobs)
    assert {job.state for job in records} == {State.DONE}


def test_a_lost_hot_tier_costs_no_image(town: Whole, report: Report) -> None:
    """The hot tier is emptied in mid-job, then killed: jobs are done and pictures served out of the durable tier."""
    jobs = [town.submit(steps=4, seconds=0.1) for _ in range(JOBS)]
    lab.wait_for(lambda: any(town.stand.job(job).state is State.PROCESSING for job in jobs), "a job in the pool")
    emptied = town.stand.cache.client.dbsize()
    town.stand.cache.client.flushall()
    town.stand.cache.kill()
    try:
        records = town.stand.all_final(jobs)
        served = [Answer.to("result", partial(town.http.get, f"/api/generate/result/{job}")) for job in jobs]
    finally:
        town.stand.cache.start()
        lab.wait_for(lambda: town.requests("none")["upload"]() and town.stand.cache.client.dbsize(), "the hot tier")
    slowest = max(answer.seconds for answer in served)
    report.row(
        17,
        injected=f"hot tier emptied of {emptied} entries, then killed",
        counted=f"{sum(job.state is State.DONE for job in records)} of {JOBS} jobs done, "
        f"{sum(answer.status == 200 for answer in served)} results served",
        measured=f"slowest {slowest:.2f} s",
        bound=f"{ANSWER_SECONDS} s",
    )
    town.stand.verify(*jobs)
    assert {job.state for job in records} == {State.DONE}
    assert {answer.status for answer in served} == {200}
    assert slowest <= ANSWER_SECONDS
