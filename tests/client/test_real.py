"""The client with a real gateway and real workers: its own calls, the guide, and the notebook."""

import asyncio
import json
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

from darkroom import AsyncClient, Client
from darkroom.client import Edited, InputError
from tests.lab import DATA
from tests.tasks import pictures

ROOT = DATA.parent.parent
NOTEBOOK = ROOT / "docs/notebooks/editing.ipynb"
PHOTO = pictures.photo()
MASK = pictures.mask()


def test_edits_of_every_kind_of_image(gateway: str) -> None:
    """A path, bytes, PIL images, arrays and what came before make edits; outside the mask no pixel changes."""
    states: list[str] = []
    with Client(gateway) as client:
        removed = client.edit(
            "removal", photo=PHOTO, mask=MASK > 0, seed=7, on_progress=lambda status: states.append(status.state)
        )
        assert np.array_equal(np.asarray(removed.image)[MASK == 0], PHOTO[MASK == 0])
        assert (removed.model, removed.seed) == ("opencv", 7)
        assert states[-1] == "done"
        inserted = client.submit(
            "insertion",
            photo=removed,
            mask=Image.fromarray(MASK),
            reference=DATA / "astronaut.jpg",
            reference_mask=(DATA / "shuttle-mask.png").read_bytes(),
        )
        assert [each.state for each in client.job(inserted.id).events()][-1] == "done"
        assert not np.array_equal(np.asarray(inserted.result().image), PHOTO)
        with pytest.raises(InputError, match="engine_unsupported"):
            client.edit("text-to-image", prompt="a lighthouse")


def test_clicks_utilities_and_ids(gateway: str) -> None:
    """A mask by a click goes into an edit by its id; each utility answers with its picture; health tells of pools."""
    with Client(gateway) as client:
        photo = client.upload(DATA / "coffee.jpg")
        assert client.download(photo).data == (DATA / "coffee.jpg").read_bytes()
        clicked = client.smart_mask(photo, points=[(300, 150), (10, 10)], labels=[1, 0])
        assert (clicked.photo_id, clicked.image.mode, clicked.size) == (photo, "L", (600, 400))
        assert client.smart_mask(photo, box=(70, 10, 485, 395)).box != client.smart_mask(photo).box
        of = client.utilities
        made = {
            "resize": of.resize(photo, width=60),
            "crop": of.crop(photo, box=[10, 10, 50, 60]),
            "encode": of.encode(photo, format="webp", max_bytes=20_000),
            "extract_object": of.extract_object(photo, clicked),
            "mae": of.mae(photo, clicked, mask_tool_type="box"),
            "canny": of.canny(photo, low=80, high=160),
            "add_shadow_preview": of.add_shadow_preview(of.extract_object(photo), offset=(5, 5)),
        }
        assert {name: (picture.format, picture.size) for name, picture in made.items()} == {
            "resize": ("jpeg", (60, 40)),
            "crop": ("jpeg", (40, 50)),
            "encode": ("webp", (600, 400)),
            "extract_object": ("png", (512, 512)),
            "mae": ("png", (600, 400)),
            "canny": ("png", (600, 400)),
            "add_shadow_preview": ("png", (512, 512)),
        }
        assert len(made["encode"].data) <= 20_000
        assert client.health().services["generation"].engines == ("opencv",)


def test_many_edits_at_once(gateway: str) -> None:
    """One client carries them side by side; each gets its own picture."""

    async def run() -> list[Edited]:
        async with AsyncClient(gateway) as client:
            edits = [client.edit("white-balance", photo=PHOTO, seed=seed) for seed in range(4)]
            return await asyncio.gather(*edits)

    assert [edited.seed for edited in asyncio.run(run())] == [0, 1, 2, 3]


def test_the_notebook_runs(gateway: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell, in a kernel of this interpreter; and what is in the repository has its pictures inline, but small."""
    committed = nbformat.read(NOTEBOOK, as_version=4)
    outputs = [output for cell in committed.cells for output in cell.get("outputs", ())]
    assert sum("image/jpeg" in output.get("data", {}) for output in outputs) >= 5
    assert NOTEBOOK.stat().st_size <= 400_000
    kernel = tmp_path / "kernels" / "tests"
    kernel.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "tests", "language": "python"}))
    for name, value in {
        "DARKROOM_URL": gateway,
        "JUPYTER_PATH": str(tmp_path),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "PYTHONPATH": str(ROOT),
    }.items():
        monkeypatch.setenv(name, value)
    folder = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(committed, timeout=120, kernel_name="tests", resources=folder).execute()
