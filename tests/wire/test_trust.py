"""Who is not trusted over TLS, what they are told, and what survives."""

import asyncio
import os
import ssl
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import redis
import trustme

from api.settings import GatewaySettings
from darkroom import stack
from darkroom.acl import Server
from darkroom.doctor import Finding, Verdict, check_broker
from darkroom.stack import StackSettings
from tasks import addresses, ledger
from tasks.errors import UnavailableError
from tasks.ledger import Ledger
from tasks.settings import Settings
from tests import lab
from tests.api.servers import serve
from tests.conftest import QUICK
from tests.lab import wait_for
from tests.tasks import pictures
from tests.wire.conftest import LOGIN, Darkroom
from tests.wire.servers import PASSWORDS, TlsProxy, Wire
from tests.wire.test_flow import flower, submit

WRONG = "a-wrong-password"


def test_an_address_asks_for_every_check() -> None:
    """TLS without options checks the certificate and the name, for every library that reads the address."""
    url = Settings(redis_url="rediss://worker:secret@broker:6379/0").redis_url
    assert url.endswith("?ssl_cert_reqs=required")
    assert addresses.tls_options(url) == {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    context = addresses.tls_context(url)
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert addresses.tls_context("redis://broker:6379/0") is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("rediss://worker:secret@broker/0?ssl_cert_reqs=none", "ssl_cert_reqs=required is the only choice"),
        ("rediss://worker:secret@broker/0?ssl_cert_reqs=optional", "ssl_cert_reqs=required is the only choice"),
        ("rediss://worker:secret@broker/0?ssl_check_hostname=false", "not ssl_check_hostname"),
        ("rediss://worker:secret@broker/0?ssl_ca_certs=/no/such/file", "there is no such file"),
        ("redis://worker:secret@broker/0?ssl_cert_reqs=required", "rediss://"),
        ("redis://worker:sec/ret@broker/0", "special characters"),
        ("amqp://worker:secret@broker/0", "begins with redis://"),
    ],
)
def test_an_address_that_protects_from_nobody_is_refused(url: str, why: str) -> None:
    """The error says what to change and repeats no password."""
    with pytest.raises(ValueError, match=why) as refused:
        Settings(redis_url=url)
    assert "sec" not in str(refused.value)


def test_the_command_line_refuses_such_an_address_too() -> None:
    """It exits with 2 and a sentence that repeats no password."""
    environment = {**os.environ, "REDIS_URL": "rediss://worker:secret@broker/0?ssl_cert_reqs=none"}
    told = subprocess.run(
        [sys.executable, "-m", "darkroom", "doctor"], env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 2
    assert "ssl_cert_reqs=required is the only choice" in told.stderr
    assert "secret" not in told.stdout + told.stderr


def test_settings_do_not_show_passwords() -> None:
    """Neither setting stands among the others where settings are printed."""
    shown = Settings(redis_url="redis://u:hush@broker/0", image_cache_url="redis://u:hush@cache/0")
    assert "hush" not in repr(shown)


def test_a_strangers_certificate_is_refused(servers: Wire, tmp_path: Path) -> None:
    """A server with another authority's certificate, or another name, gets no password from anybody."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    other = servers.url(Server.BROKER, "worker", ssl_ca_certs=str(tmp_path / "other.pem"))
    with (
        closing(ledger.connect(other, patience_seconds=0).client) as client,
        pytest.raises(UnavailableError) as unavailable,
    ):
        Ledger(client).apply(ledger.overview())
    assert "certificate" in str(unavailable.value.__cause__).lower()

    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example").configure_cert(context)
    proxy = TlsProxy(context, servers.broker.port)
    try:
        misnamed = f"rediss://worker:secret@127.0.0.1:{proxy.port}/0?ssl_ca_certs={tmp_path / 'authority.pem'}"
        client = redis.Redis.from_url(addresses.checked(misnamed))
        with closing(client), pytest.raises(redis.ConnectionError, match="certificate"):
            client.ping()
    finally:
        proxy.close()


def test_the_start_waits_for_a_server_that_it_trusts(servers: Wire, tmp_path: Path) -> None:
    """`darkroom up` sees a server behind TLS, and says why it does not take one whose certificate it cannot check."""

    async def silent(**urls: str) -> list[str]:
        settings = StackSettings.model_validate({**urls, "data": tmp_path})
        return await stack.silent_servers(settings)

    urls = {"redis_url": servers.url(Server.BROKER, "worker"), "image_cache_url": servers.url(Server.CACHE, "images")}
    assert asyncio.run(silent(**urls)) == []
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    urls["redis_url"] = servers.url(Server.BROKER, "worker", ssl_ca_certs=str(tmp_path / "other.pem"))
    [why] = asyncio.run(silent(**urls))
    assert "certificate" in why.lower()


def test_a_gateway_with_a_wrong_password_says_so_in_its_log(servers: Wire, capfd: pytest.CaptureFixture[str]) -> None:
    """Its clients get 503 without a word about the broker; its log says that the password is wrong, not which."""
    settings = GatewaySettings.model_validate(
        {
            **{name.lower(): url for name, url in servers.environment("gateway").items()},
            "redis_url": servers.url(Server.BROKER, "gateway", WRONG),
        }
    )
    with serve(settings) as server:
        answer = httpx.get(f"{server.url}/api/generate/status/some-job")
        assert answer.status_code == 503
        assert answer.json()["code"] == "broker_unavailable"
        wait_for(lambda: "username-password" in capfd.readouterr().out, "the log's line")
    assert WRONG not in answer.text


def test_a_worker_with_a_wrong_password_ends(servers: Wire, tmp_path: Path) -> None:
    """It exits with 78, which says that a restart changes nothing, and its last line says why."""
    environment = {
        **QUICK,
        **servers.environment("worker"),
        "REDIS_URL": servers.url(Server.BROKER, "worker", WRONG),
    }
    worker = lab.WorkerProcess("jobs", environment, tmp_path / "log")
    try:
        assert worker.process.wait(30) == 78, worker.log.read_text()
        assert "invalid username-password pair" in worker.log.read_text()
        assert WRONG not in worker.log.read_text()
    finally:
        worker.kill()


def test_the_doctor_names_a_wrong_password(servers: Wire) -> None:
    """It tells a refused user from a server that is away, and does not mind a user with few rights."""
    operators = servers.operators[Server.BROKER]
    right = operators.replace("operator", "flower")

    def found(url: str) -> Finding:
        return asyncio.run(check_broker(StackSettings(redis_url=url), runs=True))

    wrong = found(operators.replace("operator:", f"gateway:{WRONG}"))
    assert wrong.verdict is Verdict.FAIL
    assert "refuses the user" in wrong.text
    assert found(right).verdict is Verdict.OK


def test_cut_connections_cost_nothing(darkroom: Darkroom, http: httpx.Client) -> None:
    """When every TLS connection to the broker is cut in mid-job, the job ends once, and the workers are the same."""
    pids = {name: worker.process.pid for name, worker in darkroom.workers.items()}
    job_id = submit(http)
    wait_for(lambda: http.get(f"/api/generate/status/{job_id}").json()["status"] == "processing", "its generation")
    assert darkroom.wire.broker.cut() > 10
    wait_for(lambda: http.get(f"/api/generate/status/{job_id}").json().get("status") == "done", "its end")
    photo = {"input_image": ("coffee.jpg", pictures.sample("coffee.jpg"))}
    assert http.post("/api/generate", data={"task_type": "white-balance"}, files=photo).is_success
    assert {name: worker.process.pid for name, worker in darkroom.workers.items()} == pids
    assert all(worker.process.poll() is None for worker in darkroom.workers.values())


def test_flower_is_for_those_with_its_login(darkroom: Darkroom) -> None:
    """Every page, the API and /metrics ask for the login; with it Flower shows, and changes nothing."""
    for path in ("/", "/tasks", "/broker", "/api/workers", "/api/tasks", "/metrics"):
        assert httpx.get(f"{darkroom.flower}{path}").status_code == 401, path
        assert flower(darkroom, path).is_success, path
    user, _, password = LOGIN.partition(":")
    assert httpx.get(f"{darkroom.flower}/metrics", auth=(user, password + "x")).status_code == 401
    asked = httpx.post(f"{darkroom.flower}/api/task/send-task/tasks.housekeeping.expire_images", auth=(user, password))
    assert asked.status_code == 403
    assert "flower_events_total" in flower(darkroom, "/metrics").text


def test_no_password_is_told_to_anybody(darkroom: Darkroom, servers: Wire) -> None:
    """No log, no page of Flower, no list of processes and no key of the broker holds a password."""
    secrets = [*PASSWORDS.values(), LOGIN, darkroom.key]
    with redis.Redis.from_url(servers.operators[Server.BROKER], decode_responses=True) as operator:
        told = [operator.dump(key) for key in operator.scan_iter()]
    pages = "".join(flower(darkroom, path).text for path in ("/", "/tasks", "/broker", "/api/workers", "/no-such-page"))
    titles = "".join(path.read_text(errors="replace") for path in _command_lines(darkroom))
    for secret in secrets:
        assert secret not in darkroom.logs()
        assert secret not in pages
        assert secret not in titles
        assert not any(secret.encode() in (value or b"") for value in told)


def _command_lines(darkroom: Darkroom) -> list[Path]:
    groups = {worker.process.pid for worker in darkroom.workers.values()}
    return [
        process / "cmdline"
        for process in Path("/proc").glob("[0-9]*")
        if process.joinpath("cmdline").exists() and os.getpgid(int(process.name)) in groups
    ]
