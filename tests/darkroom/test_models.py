"""Pulling model weights, from servers of this file's own."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from darkroom.errors import CommandError, UsageError
from darkroom.models import MODELS, SUMS, Download, Model, Repository, is_pulled, pull

ROOT = Path(__file__).parents[2]
WEIGHTS = bytes(range(256)) * 5000
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def sha256(data: bytes) -> str:
    """The digest as the registry writes it."""
    return hashlib.sha256(data).hexdigest()


class Served:
    """A server's files and what it was asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        """Serve files by their path."""
        self.files = files
        self.gets: list[str] = []
        self.url = ""


@contextmanager
def serving(files: dict[str, bytes], headers: dict[str, dict[str, str]] | None = None) -> Iterator[Served]:
    """Serve files on the loopback interface."""
    served = Served(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.gets.append(self.path)
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, *, body: bool) -> None:
            path = self.path.partition("?")[0]
            data = files.get(path)
            self.send_response(200 if data is not None else 404)
            for name, value in (headers or {}).get(path, {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            if body and data:
                self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def model(url: str, digest: str = sha256(WEIGHTS)) -> Model:
    """A model of one file."""
    return replace(MODELS["fastsam-s"], source=Download(url, digest, len(WEIGHTS)))


def test_a_pulled_file_is_verified_kept_and_not_fetched_again(tmp_path: Path) -> None:
    """The second pull only checks; progress ends at the whole size."""
    seen: list[tuple[int, int]] = []
    with serving({"/w.pt": WEIGHTS}) as served:
        wanted = model(f"{served.url}/w.pt")
        assert not is_pulled(wanted, tmp_path)
        place = pull(wanted, tmp_path, lambda done, total: seen.append((done, total)))
        pull(wanted, tmp_path, lambda _done, _total: None)
        assert served.gets == ["/w.pt"]
    assert place.read_bytes() == WEIGHTS
    assert seen[-1] == (len(WEIGHTS), len(WEIGHTS))
    assert is_pulled(wanted, tmp_path)
    assert (tmp_path / "fastsam-s.pt.sha256").read_text().split() == [sha256(WEIGHTS), "fastsam-s.pt"]


def test_a_file_that_was_damaged_on_disk_is_fetched_again(tmp_path: Path) -> None:
    """A pull repairs."""
    with serving({"/w.pt": WEIGHTS}) as served:
        wanted = model(f"{served.url}/w.pt")
        place = pull(wanted, tmp_path, lambda _done, _total: None)
        place.write_bytes(WEIGHTS[:-1])
        pull(wanted, tmp_path, lambda _done, _total: None)
    assert place.read_bytes() == WEIGHTS


def test_another_file_is_refused_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    """A file with another checksum leaves no trace, and the sentence has both checksums."""
    with serving({"/w.pt": b"something else"}) as served, pytest.raises(CommandError, match=sha256(WEIGHTS)):
        pull(model(f"{served.url}/w.pt"), tmp_path, lambda _done, _total: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["/missing.pt", "/cut.pt"])
def test_a_source_that_fails_is_named(tmp_path: Path, path: str) -> None:
    """A 404 and a connection that ends early are errors with the address, and leave no file."""
    with (
        serving({"/cut.pt": WEIGHTS}, {"/cut.pt": {"Content-Length": str(2 * len(WEIGHTS))}}) as served,
        pytest.raises(CommandError, match="cannot be fetched"),
    ):
        pull(model(f"{served.url}{path}"), tmp_path, lambda _done, _total: None)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error is the caller's to mend, and says where."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file"):
        pull(model("http://127.0.0.1:9/w.pt"), tmp_path / "file" / "models", lambda _done, _total: None)


HUB_FILES = {"config.json": b"{}", "code.py": b"print('hello')\n", "model.safetensors": WEIGHTS}


@contextmanager
def hub(published: bytes = WEIGHTS) -> Iterator[Served]:
    """The part of a hub's API that a pull uses; ``published`` is the file whose checksum it says the weights have."""
    entries = [
        {
            "type": "file",
            "path": path,
            "size": len(data),
            "oid": hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest(),
            **({"lfs": {"oid": sha256(published), "size": len(data), "pointerSize": 133}} if ".safe" in path else {}),
        }
        for path, data in HUB_FILES.items()
    ]
    info = {"id": "someone/model", "sha": COMMIT, "siblings": [{"rfilename": path} for path in HUB_FILES]}
    api = "/api/models/someone/model"
    files = {f"/someone/model/resolve/{COMMIT}/{path}": data for path, data in HUB_FILES.items()}
    headers = {
        f"/someone/model/resolve/{COMMIT}/{path}": {"ETag": f'"{sha256(data)}"', "X-Repo-Commit": COMMIT}
        for path, data in HUB_FILES.items()
    }
    described = {
        f"{api}/revision/{COMMIT}": json.dumps(info).encode(),
        f"{api}/tree/{COMMIT}": json.dumps(entries).encode(),
    }
    with serving({**files, **described}, headers) as served:
        yield served


PULL = """
import sys
from pathlib import Path
from darkroom.models import Model, Repository, pull
source = Repository("someone/model", sys.argv[3])
pull(Model("birefnet", "birefnet", source, 0.1, "MIT", "tests", {"model.safetensors": sys.argv[2]}), Path(sys.argv[1]),
     lambda done, total: None)
"""


def pull_from(served: Served, folder: Path, pinned: str) -> subprocess.CompletedProcess[str]:
    """Pull a repository in a process of its own: the hub's library reads its address when it is imported."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": served.url,
        "HF_HOME": str(folder / "home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        [sys.executable, "-c", PULL, str(folder), pinned, COMMIT],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_repository_is_pulled_with_a_list_of_its_checksums(tmp_path: Path) -> None:
    """The worker verifies each file by the list before it runs any of its code."""
    with hub() as served:
        done = pull_from(served, tmp_path, sha256(WEIGHTS))
    assert done.returncode == 0, done.stderr
    listed = {tuple(line.split()) for line in (tmp_path / "birefnet" / SUMS).read_text().splitlines()}
    assert listed == {(sha256(data), path) for path, data in HUB_FILES.items()}
    repository = Repository("someone/model", COMMIT)
    assert is_pulled(replace(MODELS["birefnet"], source=repository), tmp_path)


@pytest.mark.parametrize("wrong", ["published", "pinned"])
def test_a_repository_with_other_files_is_refused(tmp_path: Path, wrong: str) -> None:
    """Weights that differ from what the hub says, or from what we know, are no pulled model."""
    with hub(published=b"other" if wrong == "published" else WEIGHTS) as served:
        done = pull_from(served, tmp_path, sha256(b"other") if wrong == "pinned" else sha256(WEIGHTS))
    assert "model.safetensors" in done.stderr
    assert "CommandError" in done.stderr
    assert not (tmp_path / "birefnet" / SUMS).exists()


def test_the_command_lists_models_and_refuses_unknown_ones(tmp_path: Path) -> None:
    """`models list` shows what is there; a name that is no model is bad usage and names the others."""

    def darkroom(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "darkroom", "models", *arguments, "--folder", str(tmp_path)],
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )

    (tmp_path / "fastsam-s.pt.sha256").touch()
    lines = {line.split()[0]: line.split()[1] for line in darkroom("list").stdout.splitlines()[1:]}
    assert lines == {name: "yes" if name == "fastsam-s" else "no" for name in MODELS}
    refused = darkroom("pull", "fastsam-z")
    assert refused.returncode == 2
    assert "fastsam-s" in refused.stderr
