"""How much a key may ask for."""

import re

import httpx
import pytest
import redis
from pydantic import ValidationError

from api.settings import GatewaySettings
from tests.api.callers import Person, asking_for_keys, person
from tests.api.conftest import MakeServer
from tests.api.pictures import picture, text
from tests.api.test_access import UNKNOWN_IMAGE
from tests.api.workers import FakeWorker
from tests.lab import wait_for


def read(client: httpx.Client, who: Person) -> int:
    """Return the status of a read."""
    return client.get(f"/api/images/{UNKNOWN_IMAGE}", headers=who.headers).status_code


def test_one_key_s_haste_is_its_own(make_server: MakeServer, broker: "redis.Redis") -> None:
    """At its limit a key is told when to go on, other keys and other kinds of requests are served, and all say so."""
    hasty, calm = person(broker), person(broker)
    with asking_for_keys(make_server, rate_reads="3/minute") as asking:

        def read(**headers: str) -> httpx.Response:
            return asking.get(f"/api/images/{UNKNOWN_IMAGE}", headers=headers)

        left = []
        for _ in range(3):
            answer = read(**hasty.headers)
            assert answer.status_code == 404
            assert answer.headers["ratelimit-policy"] == '"reads";q=3;w=60'
            left.append(re.fullmatch(r'"reads";r=(\d+);t=(\d+)', answer.headers["ratelimit"])[1])  # type: ignore[index]
        assert left == ["2", "1", "0"]
        refused = read(**hasty.headers)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["ratelimit"].startswith('"reads";r=0;t=')
        assert read(**calm.headers).status_code == 404
        upload = {"content": picture(), "headers": {"content-type": "image/jpeg", **hasty.headers}}
        assert asking.post("/api/images", **upload).status_code == 201  # type: ignore[arg-type]
        # Who is not let in is not counted, and liveness never is.
        assert "ratelimit" not in read().headers
        assert "ratelimit" not in asking.get("/api/health").headers


def test_all_processes_count_together(make_server: MakeServer, broker: "redis.Redis") -> None:
    """A second gateway knows what the first one has counted."""
    who = person(broker)
    rate = {"rate_reads": "2/hour"}
    with asking_for_keys(make_server, **rate) as one, asking_for_keys(make_server, **rate) as other:
        assert [read(each, who) for each in (one, other, one, other)] == [404, 404, 429, 429]


def test_time_heals(make_server: MakeServer, broker: "redis.Redis") -> None:
    """After the window a key that was refused is served again, without anybody's help."""
    who = person(broker)
    with asking_for_keys(make_server, rate_reads="1 per 1 second") as asking:
        wait_for(lambda: read(asking, who) == 429, "two of one in a window", 10)
        wait_for(lambda: read(asking, who) == 404, "the next window", 10)


def test_a_full_broker_still_lets_read(make_server: MakeServer, broker: "redis.Redis") -> None:
    """What cannot be counted is refused where it would store more, and served where it only looks."""
    who = person(broker)
    with asking_for_keys(make_server) as asking:
        assert asking.get(f"/api/images/{UNKNOWN_IMAGE}", headers=who.headers).status_code == 404
        broker.config_set("maxmemory", 1)
        try:
            assert asking.get(f"/api/images/{UNKNOWN_IMAGE}", headers=who.headers).status_code == 404
            answer = asking.post("/api/image-utils/canny", headers=who.headers, json={})
            assert (answer.status_code, answer.json()["code"]) == (503, "broker_full")
        finally:
            broker.config_set("maxmemory", 0)


def test_a_rate_that_cannot_be_read_is_refused_at_the_start() -> None:
    """A typing error in a setting ends the start, not a request."""
    with pytest.raises(ValidationError, match="rate_edits"):
        GatewaySettings(rate_edits="many")


def test_an_owner_s_open_jobs_are_capped(make_server: MakeServer, broker: "redis.Redis", worker: FakeWorker) -> None:
    """At the cap an edit is a 429 that makes no job, whichever key of the owner asks; an ended job makes room."""
    one = person(broker)
    other, stranger = person(broker, owner=one.key.owner), person(broker)
    edit = {"task_type": "white-balance", "input_image": text(picture())}
    with asking_for_keys(make_server, max_open_jobs_per_owner=2) as asking:

        def submit(who: Person) -> httpx.Response:
            return asking.post("/api/generate/async", json=edit, headers=who.headers)

        accepted = [submit(one), submit(other)]
        assert [answer.status_code for answer in accepted] == [200, 200]
        refused = submit(one)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_jobs")
        assert int(refused.headers["retry-after"]) >= 1
        assert worker.queued() == 2
        assert submit(stranger).status_code == 200
        asking.delete(f"/api/generate/{accepted[0].json()['task_id']}", headers=other.headers)
        assert submit(one).status_code == 200


def test_without_keys_nothing_is_capped(make_server: MakeServer, worker: FakeWorker) -> None:
    """A person on their own machine may fill the queue."""
    edit = {"task_type": "white-balance", "input_image": text(picture())}
    with make_server(max_open_jobs_per_owner=1) as client:
        assert {client.post("/api/generate/async", json=edit).status_code for _ in range(3)} == {200}
