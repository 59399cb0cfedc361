"""docker-compose.yml, as far as it can be checked without an engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from darkroom import acl
from darkroom.acl import Server

TEXT = (Path(__file__).parents[2] / "docker-compose.yml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]


@pytest.mark.parametrize("server", Server)
def test_every_user_gets_its_password(server: Server) -> None:
    """What writes a server's users has the password of each; those that have to have one come from the environment."""
    given = SERVICES[f"{server}-users"]["environment"]
    assert set(given) == {user.variable for user in acl.users(server)}
    for user in acl.users(server):
        assert given[user.variable].startswith(f"${{{user.variable}:{'-' if user.optional else '?'}")
    assert f"/users/{server}.acl" in SERVICES[server]["command"]


def test_every_service_has_the_user_of_its_kind() -> None:
    """Gateway, workers and Flower come to the broker under their own names, with passwords from outside."""
    addresses = {name: each.get("environment", {}).get("REDIS_URL") for name, each in SERVICES.items()}
    users = {name: re.match(r"redis://(\w+):\$\{", url)[1] for name, url in addresses.items() if url}
    workers = dict.fromkeys(("cpu", "t4", "a100", "jobs"), "worker")
    assert users == {"gateway": "gateway", "flower": "flower", **workers}
    assert re.findall(r"://\w+:(?!\$\{)", TEXT) == []


def test_nothing_listens_beyond_this_machine() -> None:
    """Published ports are on loopback, and the gateway asks for keys inside all the same."""
    published = [port for each in SERVICES.values() for port in each.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert SERVICES["gateway"]["environment"]["DARKROOM_ACCESS"] == "keys"
    assert {"FLOWER_BASIC_AUTH", "FLOWER_COOKIE_SECRET"} <= set(SERVICES["flower"]["environment"])
