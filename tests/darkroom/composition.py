"""docker-compose.yml as Compose reads it: merged, its variables replaced, services with their profiles."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
VARIABLES = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT))
"""What comes from .env, with the defaults."""


def composition(**variables: str) -> dict[str, Any]:
    """Return the file with variables in the place of its defaults."""
    given = {**VARIABLES, **variables}
    read: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{(\w+):-[^}]*\}", lambda found: given[found[1]], TEXT))
    return read


def services(**variables: str) -> dict[str, dict[str, Any]]:
    """Return the services of all profiles."""
    found: dict[str, dict[str, Any]] = composition(**variables)["services"]
    return found


def started(profile: str) -> dict[str, dict[str, Any]]:
    """Return the services that run with a profile; those without one always do."""
    return {name: each for name, each in services().items() if profile in each.get("profiles", [profile])}


def environment(service: dict[str, Any]) -> dict[str, str]:
    """Return a service's environment: that of its file, then its own, which wins."""
    lines = (ROOT / service["env_file"]).read_text().splitlines() if "env_file" in service else []
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {**{name: value for name, _, value in pairs}, **service.get("environment", {})}


def seconds(duration: str) -> int:
    """Return a duration of the file; all are written in seconds."""
    assert re.fullmatch(r"\d+s", duration), duration
    return int(duration[:-1])


def secrets_script() -> str:
    """Return the lines of docs/compose.md that make the secrets."""
    found = re.search(r"```sh\n(mkdir -m 700 secrets\n.*?)```", (ROOT / "docs/compose.md").read_text(), re.DOTALL)
    assert found is not None
    return found[1]
