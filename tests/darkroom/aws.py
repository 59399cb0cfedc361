"""AWS on the loopback interface: a moto server, what it lacks in front of it, and an instance metadata service.

moto knows autoscaling groups, instance protection and S3, but neither CompleteLifecycleAction nor
RecordLifecycleActionHeartbeat: ``AutoScaling`` answers these two itself and passes everything else on.
"""

import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import boto3
import httpx

from tests.lab import free_port, wait_for

REGION = "eu-west-1"
GROUP = "darkroom-a100"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
LIFECYCLE = ("CompleteLifecycleAction", "RecordLifecycleActionHeartbeat")
_RESPONSE = (
    '<{0}Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><{0}Result/>'
    "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{0}Response>"
)
_ERROR = (
    '<ErrorResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><Error><Type>Sender</Type>'
    "<Code>{}</Code><Message>As the test wants it.</Message></Error><RequestId>1</RequestId></ErrorResponse>"
)


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(BaseHTTPRequestHandler):
    def answer(self, status: int, text: bytes = b"", kind: str = "text/plain") -> None:
        """Send a whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@dataclass
class Imds:
    """A metadata service, version 2: a path is unknown until a test sets it, and nothing is told without a token."""

    values: dict[str, str] = field(default_factory=dict)
    """Texts by their paths below ``/latest/meta-data/``."""
    tokens: set[str] = field(default_factory=set)
    """Those that are valid; a test may empty it."""
    grants: int = 0
    looks: int = 0
    """How often the target lifecycle state was asked for."""
    url: str = ""

    def be(self, instance_id: str) -> None:
        """Be the service of an instance that was just launched."""
        self.values.update({"instance-id": instance_id, "placement/region": REGION})
        self.values["autoscaling/target-lifecycle-state"] = "InService"

    def aim_at(self, state: str) -> None:
        """Announce a target lifecycle state."""
        self.values["autoscaling/target-lifecycle-state"] = state

    def interrupt(self) -> None:
        """Announce a Spot interruption."""
        self.values["spot/instance-action"] = '{"action": "terminate", "time": "2030-01-01T00:02:00Z"}'


@contextmanager
def metadata_service() -> Iterator[Imds]:
    """A metadata service that knows nothing yet."""
    imds = Imds()

    class Handler(_Quiet):
        def do_PUT(self) -> None:
            seconds = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
            if self.path != "/latest/api/token" or not seconds.isdigit() or not 1 <= int(seconds) <= 21_600:
                self.answer(400)
                return
            imds.grants += 1
            token = uuid.uuid4().hex
            imds.tokens.add(token)
            self.answer(200, token.encode())

        def do_GET(self) -> None:
            if self.headers.get("X-aws-ec2-metadata-token") not in imds.tokens:
                self.answer(401)
                return
            value = imds.values.get(self.path.removeprefix("/latest/meta-data/"))
            imds.looks += self.path.endswith("/target-lifecycle-state")
            self.answer(404) if value is None else self.answer(200, value.encode())

    with _serving(Handler) as url:
        imds.url = url
        yield imds


@dataclass
class AutoScaling:
    """The autoscaling endpoint: keeps a record of all calls, answers for the hooks, and has moto do the rest."""

    moto: str
    calls: list[dict[str, str]] = field(default_factory=list)
    errors: dict[str, list[str]] = field(default_factory=dict)
    """Error codes that the next calls of an action get; an empty one is a page that is no answer at all."""
    url: str = ""

    def of(self, action: str, hook: str | None = None) -> list[dict[str, str]]:
        """Return the calls of an action, of one hook if asked so."""
        return [
            call for call in self.calls if call["Action"] == action and hook in (None, call.get("LifecycleHookName"))
        ]

    def results(self, hook: str) -> list[str]:
        """Return how a hook was completed, each time."""
        return [call["LifecycleActionResult"] for call in self.of("CompleteLifecycleAction", hook)]

    def beats(self, hook: str) -> int:
        """Count the heartbeats of a hook."""
        return len(self.of("RecordLifecycleActionHeartbeat", hook))

    @cached_property
    def client(self) -> Any:
        """A client of moto's own."""
        return client("autoscaling", self.moto)

    def launch(self) -> str:
        """Create the group with one instance, and return its id."""
        image = client("ec2", self.moto).describe_images()["Images"][0]["ImageId"]
        name = uuid.uuid4().hex
        self.client.create_launch_configuration(LaunchConfigurationName=name, ImageId=image, InstanceType="t3.micro")
        with suppress(self.client.exceptions.ClientError):
            self.client.delete_auto_scaling_group(AutoScalingGroupName=GROUP, ForceDelete=True)
        self.client.create_auto_scaling_group(
            AutoScalingGroupName=GROUP,
            LaunchConfigurationName=name,
            MinSize=0,
            MaxSize=1,
            DesiredCapacity=1,
            AvailabilityZones=[f"{REGION}a"],
            NewInstancesProtectedFromScaleIn=True,
        )
        return str(self._instance["InstanceId"])

    @property
    def is_protected(self) -> bool:
        """What moto says of the instance."""
        return bool(self._instance["ProtectedFromScaleIn"])

    @property
    def _instance(self) -> dict[str, Any]:
        [group] = self.client.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"]
        instance: dict[str, Any] = group["Instances"][0]
        return instance


@contextmanager
def autoscaling(moto: str) -> Iterator[AutoScaling]:
    """An autoscaling endpoint in front of moto."""
    front = AutoScaling(moto)

    class Handler(_Quiet):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            call = dict(parse_qsl(body.decode()))
            front.calls.append(call)
            errors = front.errors.get(call["Action"])
            if errors:
                code = errors.pop(0)
                page = _ERROR.format(code) if code else "<!doctype html>\n<title>Bad gateway</title>"
                self.answer(400 if code else 502, page.encode(), "text/xml")
            elif call["Action"] in LIFECYCLE:
                self.answer(200, _RESPONSE.format(call["Action"]).encode(), "text/xml")
            else:
                names = ("Authorization", "Content-Type", "X-Amz-Date")
                headers = {name: self.headers[name] for name in names if name in self.headers}
                answer = httpx.post(moto, content=body, headers=headers, trust_env=False)
                self.answer(answer.status_code, answer.content, answer.headers["Content-Type"])

    with _serving(Handler) as url:
        front.url = url
        yield front


def client(service: str, url: str) -> Any:
    """Return a client of a service at an address."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - moto takes any
    )


@contextmanager
def moto_server(folder: Path) -> Iterator[str]:
    """A moto server; yields its address."""
    url = f"http://127.0.0.1:{free_port()}"
    arguments = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", url.rpartition(":")[2]]
    with (folder / "moto.log").open("wb") as log, subprocess.Popen(arguments, stdout=log, stderr=log) as process:
        try:
            wait_for(lambda: _answers(url) or process.poll() is not None, "moto")
            assert process.poll() is None, (folder / "moto.log").read_text()
            yield url
        finally:
            process.terminate()
            process.wait(10)


def _answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/moto-api/", trust_env=False).is_success
    return False
