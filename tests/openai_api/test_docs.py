"""The JavaScript of docs/openai.md edits a photo."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.api.servers import Server
from tests.lab import DATA
from tests.openai_api.drawing import pixels

PAGE = (Path(__file__).parent.parent.parent / "docs/openai.md").read_text()


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js")
def test_the_javascript_runs(darkroom: Server, tmp_path: Path) -> None:
    """The page's only block of it, with its mask made as the page says, removes what the hole covers and no more."""
    (script,) = re.findall(r"```js[^\n]*\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "edit.mjs").write_text(script.replace("http://127.0.0.1:8000", darkroom.url))
    shutil.copy(DATA / "launch-pad.jpg", tmp_path)
    photo = Image.open(DATA / "launch-pad.jpg").convert("RGBA")
    photo.putalpha(ImageOps.invert(Image.open(DATA / "removal-mask.png").convert("L")))
    photo.save(tmp_path / "hole.png")
    done = subprocess.run(["node", "edit.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    before, after = pixels((DATA / "launch-pad.jpg").read_bytes()), pixels((tmp_path / "edited.png").read_bytes())
    kept = np.asarray(photo)[..., 3] > 0
    assert np.array_equal(before[kept], after[kept])
    assert not np.array_equal(before, after)
