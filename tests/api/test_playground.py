"""The page at the front door, as bytes over HTTP."""

import io
import json
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image

from api import playground
from tests.api.callers import asking_for_keys
from tests.api.conftest import MakeServer
from tests.api.servers import Server
from tests.lab import DATA

ROOT = Path(__file__).parents[2]
FILES = playground.assets()


def address(name: str) -> str:
    """Return where a file of the page is served."""
    return "/" if name == playground.PAGE else f"/playground/{name}"


def test_every_file_comes_as_what_it_is(client: httpx.Client) -> None:
    """Page, modules, styles and photos have their media type and the page's policy, and HEAD tells the same."""
    assert {"index.html", "samples/samples.json", "samples/coffee.jpg"} <= set(FILES)
    for name, asset in FILES.items():
        answer = client.get(address(name))
        assert (answer.status_code, answer.content) == (200, asset.body), name
        assert answer.headers["content-type"] == playground.MEDIA_TYPES[Path(name).suffix]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == playground.POLICY
        head = client.head(address(name))
        assert (head.status_code, head.content) == (200, b"")
        told = ("content-type", "content-length", "etag", "content-security-policy")
        assert [head.headers[each] for each in told] == [answer.headers[each] for each in told]


def test_a_browser_asks_again_and_loads_only_what_is_new(client: httpx.Client) -> None:
    """Nothing is taken from a cache unasked; what is unchanged costs no bytes and keeps its policy."""
    for name in ("index.html", "samples/samples.json"):
        first = client.get(address(name))
        assert first.headers["cache-control"] == "no-cache"
        again = client.get(address(name), headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["content-security-policy"] == playground.POLICY
        assert again.headers["etag"] == first.headers["etag"]
    other = client.get("/", headers={"If-None-Match": '"of yesterday"'})
    assert other.status_code == 200


def test_a_changed_file_has_another_tag(tmp_path: Path) -> None:
    """A tag stands for the bytes: two gateways with the same files agree, and no time of a copy matters."""
    page = tmp_path / "index.html"
    page.write_text("one")
    one, same = playground.assets(tmp_path)["index.html"], playground.assets(tmp_path)["index.html"]
    page.write_text("two")
    assert one.headers() == same.headers()
    assert playground.assets(tmp_path)["index.html"].headers()["ETag"] != one.headers()["ETag"]


def test_nothing_else_of_the_disk_is_served(server: Server) -> None:
    """Neither our own code, nor what lies above the folder, however the way there is written."""
    paths = (
        "__init__.py",
        "samples/README.md",
        "samples",
        "samples/",
        "",
        "../app.py",
        "../../pyproject.toml",
        "js/../../app.py",
        "%2e%2e/app.py",
        "..%2fapp.py",
        "..%5capp.py",
        "/etc/passwd",
        "//etc/passwd",
        "samples/coffee.jpg%00.html",
        "%00",
        "samples//coffee.jpg",
    )
    host, port = httpx.URL(server.url).host, httpx.URL(server.url).port
    for path in paths:
        with socket.create_connection((host, port), 30) as line:
            request = f"GET /playground/{path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
            line.sendall(request.encode())
            with line.makefile("rb") as answer:
                head, _, body = answer.read().partition(b"\r\n\r\n")
        assert head.split()[1] == b"404", path
        assert json.loads(body)["code"] == "route_unknown", path
        assert b"content-security-policy: default-src 'none'" in head.lower(), path


def test_only_looking_is_possible(client: httpx.Client) -> None:
    """The page is read, not written."""
    for path in ("/", "/playground/index.html"):
        assert client.post(path).status_code == 405


@pytest.mark.usefixtures("broker")
def test_the_page_is_public_and_what_it_calls_is_not(make_server: MakeServer) -> None:
    """Where keys are asked for, everybody gets the page and its files, only with a key an answer of the API."""
    with asking_for_keys(make_server) as client:
        assert [client.get(address(name)).status_code for name in FILES] == [200] * len(FILES)
        assert client.get("/api/system/health").status_code == 401


def test_an_installed_gateway_has_the_page() -> None:
    """What goes into a wheel holds every file that is served."""
    code = (
        "import setuptools; it = setuptools.Distribution({'script_name': 'setup.py'}); it.parse_config_files(); "
        # Else it writes a list of files into our folder, and believes it the next time.
        "it.include_package_data = False; "
        "build = it.get_command_obj('build_py'); build.ensure_finalized(); print(*build.get_outputs(), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    packed = {line.partition("api/playground/")[2] for line in done.stdout.splitlines()}
    assert set(FILES) <= packed


def test_each_sample_is_the_photo_whose_licence_is_known() -> None:
    """The samples are files of tests/data, small, and each is told to who cannot see it."""
    listed = json.loads(FILES["samples/samples.json"].body)
    photos = {name.removeprefix("samples/") for name in FILES if name.endswith(".jpg")}
    assert {sample["file"] for sample in listed} == photos
    for sample in listed:
        data = FILES[f"samples/{sample['file']}"].body
        assert data == (DATA / sample["file"]).read_bytes()
        assert len(data) <= 250_000
        assert max(Image.open(io.BytesIO(data)).size) >= 400
        assert sample["name"]
        assert len(sample["alt"]) > 20
        assert "CC0" in sample["credit"] or "public domain" in sample["credit"]
