"""Weights from a bucket: moto where S3's own behaviour counts, a slow bucket where its speed does."""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from darkroom import weights
from darkroom.errors import CommandError, UsageError
from darkroom.weights import MANIFEST, RANGE_BYTES, fetch
from tests.darkroom.aws import CREDENTIALS, REGION, client, moto_server
from tests.darkroom.bucket import bucket

BUCKET = "models"
URL = f"s3://{BUCKET}/v1"
LARGE = np.random.default_rng(0).bytes(RANGE_BYTES * 2 + 12_345)
SMALL = b"{}"


def silent(_done: int, _total: int) -> None:
    """Take no notice of the progress."""


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A moto server."""
    with moto_server(tmp_path_factory.mktemp("moto")) as url:
        yield url


@pytest.fixture
def s3(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket with a model and its sums; this process's S3 is moto."""
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": moto, "AWS_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    opened = client("s3", moto)
    opened.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    sum_of = hashlib.sha256(LARGE).hexdigest()
    put(opened, **{"v1/qwen/large.safetensors": LARGE, "v1/qwen/config.json": SMALL, "v1/qwen/": b"", "v1/empty": b""})
    put(opened, **{"v1/qwen/SHA256SUMS": f"{sum_of}  large.safetensors\n".encode(), "other/file": b"not ours"})
    yield opened
    for each in opened.list_objects_v2(Bucket=BUCKET)["Contents"]:
        opened.delete_object(Bucket=BUCKET, Key=each["Key"])
    opened.delete_bucket(Bucket=BUCKET)


def put(s3: Any, **objects: bytes) -> None:
    """Put objects into the bucket."""
    for key, data in objects.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=data)


def files(folder: Path) -> dict[str, bytes]:
    """Return the contents of a folder by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("s3")
def test_a_prefix_becomes_a_folder(tmp_path: Path) -> None:
    """Every object below the prefix is a file, byte for byte; progress ends at the whole; nothing else is left."""
    told: list[tuple[int, int]] = []
    fetched = fetch(URL, tmp_path, lambda done, total: told.append((done, total)))
    found = files(tmp_path)
    assert (found.pop("qwen/large.safetensors"), found.pop("qwen/config.json")) == (LARGE, SMALL)
    assert (found.pop("empty"), sorted(found)) == (b"", [MANIFEST, "qwen/SHA256SUMS"])
    assert fetched.skipped == 0
    assert told[-1] == (fetched.bytes, fetched.bytes)


def test_only_what_changed_is_fetched_again(s3: Any, tmp_path: Path) -> None:
    """A second boot fetches nothing; a new object, a damaged and a lost file are fetched, and what is gone stays."""
    fetch(URL, tmp_path, silent)
    assert (again := fetch(URL, tmp_path, silent)).files == 0
    assert again.skipped == 4
    put(s3, **{"v1/qwen/config.json": b"{1}"})
    s3.delete_object(Bucket=BUCKET, Key="v1/empty")
    (tmp_path / "qwen/SHA256SUMS").unlink()
    damaged = tmp_path / "qwen/large.safetensors"
    os.utime(damaged, ns=(1, 1))
    assert fetch(URL, tmp_path, silent).files == 3
    assert (tmp_path / "qwen/config.json").read_bytes() == b"{1}"
    assert (tmp_path / "empty").exists()


def test_a_file_that_is_not_its_sum_is_not_kept(s3: Any, tmp_path: Path) -> None:
    """A damaged upload is named, no file of its name appears, and the rest of the fetch is not lost."""
    put(s3, **{"v1/qwen/large.safetensors": LARGE[:-1] + b"?"})
    with pytest.raises(CommandError, match=r"qwen/large\.safetensors is not what its sum beside it says"):
        fetch(URL, tmp_path, silent)
    assert not any(path.name.startswith("large") for path in tmp_path.rglob("*"))
    put(s3, **{"v1/qwen/large.safetensors": LARGE})
    assert fetch(URL, tmp_path, silent).files >= 1
    assert (tmp_path / "qwen/large.safetensors").read_bytes() == LARGE


class Mistake(NamedTuple):
    """What somebody got wrong, and what is said."""

    url: str
    words: str


@pytest.mark.parametrize(
    "mistake",
    [
        Mistake(f"s3://{BUCKET}/v2", f"There is nothing below s3://{BUCKET}/v2"),
        Mistake("s3://no-such-bucket/v1", "s3://no-such-bucket/v1 cannot be fetched: .*404"),
        Mistake("weights", "weights cannot be fetched"),
    ],
    ids=["prefix", "bucket", "address"],
)
@pytest.mark.usefixtures("s3")
def test_a_wrong_address_is_a_sentence(mistake: Mistake, tmp_path: Path) -> None:
    """A prefix with nothing below it, a bucket that does not exist and something that is no address."""
    with pytest.raises(CommandError, match=mistake.words) as caught:
        fetch(mistake.url, tmp_path, silent)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("s3")
def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence has both figures; where the disk fills up meanwhile, it says so, and no half file is left."""
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 5, 5))  # type: ignore[attr-defined]
        with pytest.raises(UsageError, match=r"need 0\.0 GB more .* and 0\.0 GB are free"):
            fetch(URL, tmp_path, silent)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(weights.os, "pwrite", full)
    with pytest.raises(UsageError, match="is full"):
        fetch(URL, tmp_path, silent)
    assert [name for name in files(tmp_path) if name.startswith("qwen")] == []


def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may write the bucket may not write anywhere else."""
    monkeypatch.setattr(weights.obstore, "list", lambda *_, **__: [[{"path": "a/../../x", "size": 1, "e_tag": None}]])
    with pytest.raises(UsageError, match="leads out of the models folder"):
        fetch(f"file://{tmp_path}", tmp_path / "models", silent)


def test_the_command_fetches(s3: Any, tmp_path: Path) -> None:
    """`darkroom models fetch` from a shell: a line with the counts, and exit status 2 for a wrong prefix."""
    assert s3 is not None
    command = [sys.executable, "-m", "darkroom", "models", "fetch", "--folder", str(tmp_path)]
    done = subprocess.run([*command, URL], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{tmp_path}: 4 files fetched, 0 were there"
    done = subprocess.run([*command, f"s3://{BUCKET}/v2"], capture_output=True, text=True, check=False)
    assert (done.returncode, "Error: There is nothing below" in done.stderr) == (2, True)


def test_ranges_of_a_file_come_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of many ranges is read over many connections, as many as allowed and no more."""
    monkeypatch.setattr(weights, "RANGE_BYTES", 1 << 20)
    data = LARGE[: 12 << 20]
    with bucket({"v1/large": data}, rate=8e6) as served:
        for name, value in served.environment.items():
            monkeypatch.setenv(name, value)
        fetch(URL, tmp_path, silent, at_once=6)
    assert (tmp_path / "large").read_bytes() == data
    assert Counter(served.ranges) == {"v1/large": 12}
    assert 2 <= served.most_at_once <= 6


def test_a_connection_that_breaks_costs_a_range(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that stop in their middle are taken up again, and the file is whole."""
    with bucket({"v1/large": LARGE}) as served:
        for name, value in served.environment.items():
            monkeypatch.setenv(name, value)
        served.cuts = 2
        fetch(URL, tmp_path, silent)
    assert (tmp_path / "large").read_bytes() == LARGE
    assert served.cuts == 0


def test_a_file_that_is_replaced_meanwhile_is_no_mixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of two versions never make one file: it is an error, and the next fetch has the new one."""
    with bucket({"v1/large": LARGE}) as served:
        for name, value in served.environment.items():
            monkeypatch.setenv(name, value)
        served.later = {"v1/large": LARGE[::-1]}
        with pytest.raises(CommandError, match="was replaced while it was fetched"):
            fetch(URL, tmp_path, silent, at_once=1)
        assert files(tmp_path) == {}
        fetch(URL, tmp_path, silent)
    assert (tmp_path / "large").read_bytes() == LARGE[::-1]


def test_a_stopped_fetch_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was whole at the stop is not fetched again, and what was not leaves nothing behind."""
    stop = threading.Event()
    with bucket({"v1/a": LARGE, "v1/b": LARGE}) as served:
        for name, value in served.environment.items():
            monkeypatch.setenv(name, value)

        def stop_after_the_first(_done: int, _total: int) -> None:
            if (tmp_path / "a").exists():
                stop.set()

        with pytest.raises(CommandError, match="was stopped"):
            fetch(URL, tmp_path, stop_after_the_first, stop=stop, at_once=1)
        assert sorted(files(tmp_path)) == [MANIFEST, "a"]
        assert fetch(URL, tmp_path, silent).skipped == 1
    assert served.ranges.count("v1/a") == 3
