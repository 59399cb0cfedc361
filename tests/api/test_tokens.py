"""Signed addresses."""

import time

import httpx
import pytest
import redis

from api import tokens
from api.tokens import Grant
from tasks.keys import SECRET_KEY, KeyStore, Scope
from tests.api.callers import Person, asking_for_keys, person
from tests.api.conftest import MakeServer
from tests.api.test_access import ROUTES, belongings
from tests.api.workers import FakeWorker
from tests.lab import wait_for


def token(asking: httpx.Client, who: Person, path: str, **more: object) -> dict[str, str]:
    """Ask for a token."""
    answer = asking.post("/api/tokens", json={"path": path, **more}, headers=who.headers)
    assert answer.status_code == 201, answer.text
    told: dict[str, str] = answer.json()
    return told


def test_an_address_with_a_token_opens_for_who_sends_no_header(
    make_server: MakeServer, broker: "redis.Redis", worker: FakeWorker
) -> None:
    """Every route that a token can open opens with its own token, and with the token of no other address."""
    owner = person(broker, Scope.EDIT)
    with asking_for_keys(make_server) as asking:
        ids = belongings(asking, owner, worker)
        paths = [path.format(**ids) for (_, path), permission in ROUTES.items() if permission and permission.by_token]
        signed = {path: token(asking, owner, path) for path in paths}
        assert len(signed) == 5
        for path in paths:
            answer = asking.get(signed[path]["url"])
            assert answer.status_code == 200, path
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert "public" not in answer.headers["cache-control"]
            for other in set(paths) - {path}:
                wrong = asking.get(path, params={"token": signed[other]["token"]})
                assert (wrong.status_code, wrong.json()["code"]) == (401, "token_invalid")
        job = ids["job_id"]
        for method, path in (("DELETE", f"/api/generate/{job}"), ("POST", "/api/tokens")):
            answer = asking.request(method, path, params={"token": signed[paths[0]]["token"]})
            assert (answer.status_code, answer.json()["code"]) == (401, "key_missing")


def test_a_token_ends(make_server: MakeServer, broker: "redis.Redis", worker: FakeWorker) -> None:
    """With its time, when it is changed, with its key, and with the secret that signed it."""
    owner, other = person(broker, owner="studio"), person(broker, owner="studio")
    with asking_for_keys(make_server, key_refresh_seconds=0.1) as asking:
        path = f"/api/images/{belongings(asking, owner, worker)['image_id']}"
        secret = str(broker.get(SECRET_KEY))
        over = tokens.sign(secret, path, Grant(owner.key.id, int(time.time()) - 1))
        for bad in (over, tokens.sign("guess", path, Grant(owner.key.id, 2**40)), "", "x.y"):
            assert asking.get(path, params={"token": bad}).json()["code"] == "token_invalid"
        ending, lasting = token(asking, owner, path), token(asking, other, path)
        assert asking.get(ending["url"]).is_success
        KeyStore(broker).revoke(owner.key.id)
        wait_for(lambda: asking.get(ending["url"]).status_code == 401, "the end of the key's tokens", 5)
        assert asking.get(lasting["url"]).is_success
        KeyStore(broker).rotate_secret()
        wait_for(lambda: asking.get(lasting["url"]).status_code == 401, "the end of all tokens", 5)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"path": "/api/generate/async/cancel/x"}, "path"),
        ({"path": "/api/system/health"}, "path"),
        ({"path": "https://elsewhere.example/api/images/x"}, "path"),
        ({"path": "/api/images/x", "seconds": 3601}, "seconds"),
        ({"path": "/api/images/x", "seconds": 0}, "seconds"),
        ({"seconds": 5}, "path"),
    ],
)
def test_no_token_for_anything_else(client: httpx.Client, body: dict[str, object], field: str) -> None:
    """What a token cannot open, and a life of more than an hour, is refused by name."""
    answer = client.post("/api/tokens", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_without_keys_the_same_page_works(client: httpx.Client) -> None:
    """A page that asks for tokens runs against a gateway without keys unchanged."""
    url = client.post("/api/tokens", json={"path": "/api/generate/status/x"}).json()["url"]
    assert client.get(url).json()["code"] == "job_unknown"
