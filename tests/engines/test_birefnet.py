"""The BiRefNet engine on a folder in its shape."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.engines import EngineUnusable, RefinerName, birefnet, load_refiner
from tasks.engines.birefnet import BiRefNetEngine
from tasks.errors import ErrorCode, ProcessingError
from tests.standins.birefnet import build, sign


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> BiRefNetEngine:
    """An engine that finds what is bright."""
    return birefnet.create(build(tmp_path_factory.mktemp("models") / "birefnet"), lambda _: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to spoil."""
    return build(tmp_path / "birefnet")


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A bright disc on dark ground with a bright bar away from it and a spot near its box's corner, and the disc."""
    y, x = np.mgrid[0:300, 0:400]
    disc = (y - 150) ** 2 + (x - 120) ** 2 <= 70**2
    photo = np.full((300, 400, 3), 20, np.uint8)
    photo[disc] = photo[:, 330:390] = photo[66:73, 34:41] = 240
    return photo, disc


def rough(disc: np.ndarray) -> np.ndarray:
    """A mask that follows the disc in steps of 16 pixels, somewhat too far."""
    cells = np.maximum.reduceat(np.maximum.reduceat(disc, np.arange(0, 300, 16), 0), np.arange(0, 400, 16), 1)
    return np.where(np.kron(cells, np.ones((16, 16), np.bool_))[:300, :400], 255, 0).astype(np.uint8)


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    return np.count_nonzero((mask > 0) & truth) / np.count_nonzero((mask > 0) | truth)


def test_a_rough_mask_gets_the_object_s_edge(engine: BiRefNetEngine) -> None:
    """The edge moves to the object's; what else the model finds outside the mask's surroundings stays out."""
    photo, disc = scene()
    before = rough(disc)
    refined = engine.refine(photo, before)
    assert set(np.unique(refined)) == {0, 255}
    assert iou(before, disc) < 0.9 < 0.97 < iou(refined, disc)
    assert not refined[:, 330:].any()
    assert not refined[66:73, 34:41].any()


def test_a_mask_without_anything_in_it_stays(engine: BiRefNetEngine) -> None:
    """Where the model sees no object the mask is kept, and an empty one stays empty."""
    photo, disc = scene()
    dark = np.full_like(photo, 20)
    assert np.array_equal(engine.refine(dark, rough(disc)), rough(disc))
    assert not engine.refine(photo, np.zeros((300, 400), np.uint8)).any()


def test_masks_at_the_edge_and_of_one_pixel(engine: BiRefNetEngine) -> None:
    """Any mask of the photo's size can be refined, by several threads."""
    photo, _ = scene()
    masks = [np.zeros((300, 400), np.uint8) for _ in range(3)]
    masks[0][0, 0] = masks[1][-1, -1] = 255
    masks[2][:] = 255
    with ThreadPoolExecutor(3) as pool:
        refined = list(pool.map(lambda mask: engine.refine(photo, mask), masks))
    assert all(each.shape == (300, 400) and each.any() for each in refined)


def test_running_out_of_memory_is_said(engine: BiRefNetEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA's error becomes out_of_memory."""

    def fails(_: torch.Tensor) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    photo, disc = scene()
    monkeypatch.setattr(engine._model, "forward", fails)
    with pytest.raises(ProcessingError) as caught:
        engine.refine(photo, rough(disc))
    assert caught.value.code is ErrorCode.OUT_OF_MEMORY


def test_it_is_loaded_where_it_is_installed(folder: Path, tmp_path: Path) -> None:
    """A models folder with it has a refiner, one without it has none."""
    refiner = load_refiner(tmp_path, lambda _: None)
    assert refiner is not None
    assert refiner.name is RefinerName.BIREFNET
    assert load_refiner(tmp_path / "elsewhere", lambda _: None) is None


def test_no_code_runs_from_a_folder_that_is_not_what_was_pulled(folder: Path, tmp_path: Path) -> None:
    """A changed, missing or additional file is refused with a sentence, before any code of the folder runs."""
    ran = tmp_path / "ran"
    malice = f"open({str(ran)!r}, 'w').close()\n"
    code = (folder / "birefnet.py").read_text()

    (folder / "birefnet.py").write_text(malice + code)
    with pytest.raises(
        EngineUnusable, match=r"birefnet.py is not what was pulled: run `darkroom models pull birefnet`"
    ):
        birefnet.create(folder, lambda _: None)
    (folder / "birefnet.py").write_text(code)
    (folder / "sitecustomize.py").write_text(malice)
    with pytest.raises(EngineUnusable, match=r"files that were not pulled \(sitecustomize.py\)"):
        birefnet.create(folder, lambda _: None)
    (folder / "sitecustomize.py").unlink()
    (folder / "model.safetensors").rename(tmp_path / "model.safetensors")
    with pytest.raises(EngineUnusable, match=r"model\.safetensors is not what was pulled"):
        birefnet.create(folder, lambda _: None)
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(EngineUnusable, match="was not verified"):
        birefnet.create(folder, lambda _: None)
    assert not ran.exists()


def test_a_package_that_it_needs_is_named(folder: Path) -> None:
    """Code that imports what is not installed ends in a sentence with its name."""
    for name in ("birefnet.py", "BiRefNet_config.py"):  # transformers remembers the model of a config that it knows
        (folder / name).write_text("import surely_not_installed\n" + (folder / name).read_text())
    with pytest.raises(EngineUnusable, match="surely_not_installed"):
        birefnet.create(sign(folder), lambda _: None)
