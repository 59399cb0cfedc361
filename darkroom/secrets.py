"""Secrets that a stack on one machine makes for itself and keeps."""

import secrets
from pathlib import Path

_BYTES = 24
"""192 bits: nobody guesses it, and it fits on a line."""


def kept(path: Path) -> str:
    """Return the secret in a file that only its owner may read; it is made when there is none."""
    known = path.read_text().strip() if path.exists() else ""
    if known:
        return known
    made = secrets.token_urlsafe(_BYTES)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    fresh.touch(mode=0o600)
    fresh.write_text(f"{made}\n")
    # Whole or not at all: half a secret would be a short one.
    fresh.replace(path)
    return made
