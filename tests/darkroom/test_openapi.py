"""``darkroom openapi``: the document that clients are made from."""

import os
import subprocess
import sys
from pathlib import Path

COMMITTED = Path(__file__).parent.parent.parent / "clients" / "typescript" / "openapi.json"


def test_the_clients_document_is_the_gateways(tmp_path: Path) -> None:
    """The document that the TypeScript client's types are made from is today's, whatever the environment asks for."""
    out = tmp_path / "openapi.json"
    environment = {**os.environ, "DARKROOM_ACCESS": "keys"}
    command = [sys.executable, "-m", "darkroom", "openapi", "-o", str(out)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert out.read_text() == COMMITTED.read_text(), "run `make types-client` and commit what it changes"
