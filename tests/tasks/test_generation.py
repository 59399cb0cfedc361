"""Generation on real workers with the qwen engine, on stand-in checkpoints."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks import ledger, store
from tasks.jobs import Edit, Job, Operation, State
from tasks.ledger import Ledger
from tasks.queues import Priority
from tasks.settings import Settings
from tasks.store import LOCAL_OWNER, ImageStore
from tasks.submission import opening_message
from tests import lab, standins
from tests.conftest import QUICK
from tests.tasks import pictures

EXIT_UNFORESEEN = 70
EXIT_CONFIGURATION = 78
SMALL = {
    "DARKROOM_QWEN_WORKING_PIXELS": "4096",
    "DARKROOM_QWEN_REFERENCE_PIXELS": "1024",
    "OMP_NUM_THREADS": "1",
}


@dataclasses.dataclass
class Stand:
    """Servers, and what a client needs on them."""

    environment: dict[str, str]
    folder: Path
    book: Ledger
    images: ImageStore

    def worker(self, profile: str, name: str, **environment: str) -> lab.WorkerProcess:
        """Start a worker."""
        return lab.WorkerProcess(profile, {**self.environment, **environment}, self.folder / f"{name}.log")

    def submit(self, edit: Edit) -> str:
        """Submit a job and return its id."""
        job_id = ledger.new_job_id()
        envelope = opening_message(job_id, edit.operation, Priority.INTERACTIVE, "")
        self.book.apply(
            ledger.submit(job_id, edit, message=envelope.message, list_key=envelope.list_key, owner=LOCAL_OWNER)
        )
        return job_id

    def result(self, job_id: str) -> dict[str, Any]:
        """Wait for a job's result."""

        def ended() -> Job | None:
            read = self.book.apply(ledger.read(job_id))
            return read[0] if read and read[0].state.is_final else None

        job = lab.wait_for(ended, "the end of the job")
        assert job.state is State.DONE, job.failure
        return job.result or {}


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """Servers of this test's own, and checkpoints of two seeds."""
    with lab.valkeys(tmp_path) as urls:
        for seed in (1, 2):
            standins.qwen.build_checkpoint(tmp_path / f"checkpoint-{seed}", seed)
        small = {
            "DARKROOM_QWEN_WORKING_PIXELS": "4096",
            "DARKROOM_QWEN_REFERENCE_PIXELS": "1024",
            "OMP_NUM_THREADS": "1",
        }
        environment = {**urls, **QUICK, **small, "GENERATION_ENGINE": "qwen"}
        book = ledger.connect(urls["REDIS_URL"])
        settings = Settings(image_cache_url=urls["IMAGE_CACHE_URL"], image_store_url=urls["IMAGE_STORE_URL"])
        yield Stand(environment, tmp_path, book, store.connect(settings, book.client))
        book.client.close()


def test_two_workers_serve_two_checkpoints(stand: Stand) -> None:
    """Both take jobs of one queue; each result names its checkpoint, and one checkpoint gives one picture per seed.

    While they load, each says what, and nobody takes a job.
    """
    photo = stand.images.put(pictures.encoded(pictures.photo())).id
    edit = Edit(operation=Operation.WHITE_BALANCE, photo=photo, seed=5, num_inference_steps=3)
    first = stand.submit(edit)
    workers = [
        stand.worker("cpu", "cpu"),
        *(stand.worker("a100", f"a100-{seed}", MODEL_PATH=str(stand.folder / f"checkpoint-{seed}")) for seed in (1, 2)),
    ]
    try:
        lab.wait_for(lambda: any("Loading" in said for said in messages(stand.book)), "what is being loaded")
        for worker in workers:
            worker.wait_until_ready()
        made: dict[str, set[str]] = {}
        results = [stand.result(first)]
        while len(made) < 2 or len(results) < 6:
            results += [stand.result(job_id) for job_id in [stand.submit(edit) for _ in range(4)]]
            for result in results:
                model = result["reproducibility"]["versions"]["model"]
                made.setdefault(model, set()).add(result["image_id"])
            assert len(results) < 100, "one of the workers takes no job"
        assert set(made) == {"checkpoint-1", "checkpoint-2"}
        assert [len(pictures_of_one) for pictures_of_one in made.values()] == [1, 1]
        assert not set.intersection(*made.values())
    finally:
        for worker in workers:
            worker.stop()


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (
            'ModuleNotFoundError("No module named diffusers", name="diffusers")',
            EXIT_CONFIGURATION,
            "with the extra qwen",
        ),
        ('ZeroDivisionError("unforeseen")', EXIT_UNFORESEEN, "unforeseen"),
    ],
    ids=["package missing", "unforeseen"],
)
def test_a_worker_whose_libraries_fail_does_not_start(stand: Stand, raised: str, status: int, said: str) -> None:
    """A package that is not installed is named with the extra that brings it; anything else ends the worker too."""
    broken = stand.folder / "broken" / "diffusers"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(f"raise {raised}")
    model = str(stand.folder / "checkpoint-1")
    worker = stand.worker("a100", "a100", PYTHONPATH=str(broken.parent), MODEL_PATH=model)
    try:
        lab.wait_for(lambda: worker.process.poll() is not None, "its end")
        assert worker.process.returncode == status
        assert said in worker.log.read_text()
        assert "worker.ready" not in worker.log.read_text()
    finally:
        worker.kill()


def messages(book: Ledger) -> list[str]:
    """What the workers of the generation pool say that they load."""
    return [worker["message"] for worker in book.apply(ledger.overview()).workers if worker["profile"] == "a100"]


def test_a_worker_without_its_model_does_not_start(stand: Stand) -> None:
    """It ends with the status of a wrong configuration, its log says what to do, and the job waits for another."""
    waiting = stand.submit(Edit(operation=Operation.TEXT_TO_IMAGE, prompt="a cat", seed=1))
    worker = stand.worker("a100", "a100", DARKROOM_MODELS_FOLDER=str(stand.folder / "nowhere"))
    try:
        lab.wait_for(lambda: worker.process.poll() is not None, "its end")
        assert worker.process.returncode == EXIT_CONFIGURATION
        assert "darkroom models pull qwen-image-edit" in worker.log.read_text()
        read = stand.book.apply(ledger.read(waiting))
        assert read is not None
        assert read[0].state is State.QUEUED
        assert stand.book.apply(ledger.overview()).workers == ()
    finally:
        worker.kill()
