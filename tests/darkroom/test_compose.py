"""docker-compose.yml, as far as it can be checked without an engine."""

import re
import subprocess
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from api.settings import GatewaySettings
from darkroom import acl, valkey
from darkroom.acl import Server
from darkroom.cli import app
from darkroom.environment import SECRETS
from darkroom.stack import FRONT_GRACE_SECONDS, StackSettings
from tests.darkroom.composition import (
    ROOT,
    TEXT,
    VARIABLES,
    composition,
    environment,
    seconds,
    secrets_script,
    services,
    started,
)
from worker_profiles import Pool, ProfileName, load

SERVICES = services()
OURS = {name: each for name, each in SERVICES.items() if each["image"].startswith("darkroom-")}
WORKERS = {name: ProfileName(each["command"][1]) for name, each in OURS.items() if each["command"][0] == "worker"}
ONCE = {"valkey-users", "valkey-cache-users", "models"}
"""Services that end by themselves."""
SERVERS = {Server.BROKER: "valkey", Server.CACHE: "valkey-cache"}
OBSERVERS = {"prometheus", "grafana"}


def parse(arguments: list[str]) -> str:
    """Parse a command line as the real command does, running nothing; return the command's name."""
    command: Any = get_command(app)
    context, name = None, "darkroom"
    while True:
        context = command.make_context(name, list(arguments), parent=context)
        if not isinstance(command, TyperGroup):
            return name
        name, command, arguments = command.resolve_command(context, [*context._protected_args, *context.args])


def named(setting: str, field: Any) -> str:
    """Return the variable of a setting."""
    return str(field.validation_alias or f"DARKROOM_{setting.upper()}")


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_ours(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a service starts, and how its health is looked at, is a command line that `darkroom` takes."""
    service = OURS[name]
    for variable, value in environment(service).items():
        monkeypatch.setenv(variable, value)
    expected = {"models": "list"}.get(name, service["command"][0])
    assert parse([*service.get("entrypoint", ["darkroom"])[1:], *service["command"]]) == expected
    test = service.get("healthcheck", {}).get("test", ["CMD", "python"])
    assert test[:2] == ["CMD", "python"] or parse(test[2:]) == "healthcheck"


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting(name: str) -> None:
    """No service is given a variable that nothing reads: a misspelt one would be ignored in silence."""
    fields = [*GatewaySettings.model_fields.items(), *StackSettings.model_fields.items()]
    known = {named(setting, field) for setting, field in fields} | {"DARKROOM_PROFILE"}
    known |= {f"{secret}_FILE" for secret in SECRETS}
    assert set(environment(OURS[name])) <= known


def test_each_profile_has_a_worker_for_every_pool() -> None:
    """On a laptop and on a GPU box each pool has one worker, and without a profile only the always-on one runs."""
    for profile in ("cpu", "gpu"):
        assert sorted(WORKERS[name] for name in started(profile) if name in WORKERS) == sorted(ProfileName)
    assert set(started("")) == {"valkey", "valkey-cache", *ONCE, "gateway", "jobs", "flower"} - {"models"}
    assert set(started("observability")) - set(started("")) == OBSERVERS


def test_every_worker_has_the_environment_of_its_pool() -> None:
    """A worker's env_file is its profile's, so its health check looks for its own kind."""
    assert {name: SERVICES[name]["env_file"] for name in WORKERS} == {
        name: f"worker_profiles/{profile}.env" for name, profile in WORKERS.items()
    }


def test_a_gpu_is_reserved_where_a_pool_has_one() -> None:
    """Pools with models get their image and a GPU; their stand-ins on a laptop get neither."""
    for name, profile in WORKERS.items():
        reserved = SERVICES[name]["deploy"]["resources"].get("reservations", {}).get("devices", [])
        on_gpu = load(profile).gpu and SERVICES[name]["profiles"] == ["gpu"]
        assert [device["capabilities"] for device in reserved] == ([["gpu"]] if on_gpu else [])
        assert SERVICES[name]["image"] == f"darkroom-{image_of(profile, on_gpu=on_gpu)}:local"


def image_of(profile: ProfileName, *, on_gpu: bool) -> str:
    """Return the target that runs a pool's worker."""
    if profile is ProfileName.JOBS:
        return "gateway"
    return str(profile) if on_gpu else "cpu"


def test_engines_are_the_same_everywhere() -> None:
    """The gateway refuses what the engine cannot do, so it and all workers read the same two variables."""
    chosen = services(GENERATION_ENGINE="qwen", SEGMENTATION_ENGINE="fastsam")
    for name in ("gateway", *WORKERS):
        given = environment(chosen[name])
        assert (given["GENERATION_ENGINE"], given["SEGMENTATION_ENGINE"]) == ("qwen", "fastsam")


def test_nothing_is_killed_while_it_drains() -> None:
    """Each worker gets its pool's longest drain before it is killed, and the front as long as it gives its streams."""
    for name, profile in WORKERS.items():
        assert seconds(SERVICES[name]["stop_grace_period"]) >= load(profile).drain_seconds
    for name in ("gateway", "flower"):
        assert seconds(SERVICES[name]["stop_grace_period"]) >= FRONT_GRACE_SECONDS
    for name in SERVERS.values():
        assert seconds(SERVICES[name]["stop_grace_period"]) >= valkey.GRACE_SECONDS


def test_whatever_runs_on_is_watched_and_restarted() -> None:
    """Each service that does not end by itself has a health check, a restart policy and a time to stop in."""
    lasting = {name: each for name, each in SERVICES.items() if name not in ONCE}
    for name, service in lasting.items():
        assert {"test", "interval", "timeout"} <= set(service["healthcheck"]), name
        assert service["restart"] == "unless-stopped", name
        assert "stop_grace_period" in service, name


def test_whatever_runs_is_fenced_in() -> None:
    """No service can write to its image, gain rights, fill the disk with logs, or start processes without end."""
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        assert "privileged" not in service, name
        assert name in ONCE or "pids" in service["deploy"]["resources"]["limits"], name


def test_weights_are_read_only_where_they_are_used() -> None:
    """Workers see the models folder read-only, at the place that the image names; only the tool that pulls writes."""
    mounts = {name: [mount for mount in each.get("volumes", []) if ":/models" in mount] for name, each in OURS.items()}
    assert {name: found for name, found in mounts.items() if found} == {
        "t4": ["models:/models:ro"],
        "a100": ["models:/models:ro"],
        "models": ["models:/models"],
    }


@pytest.mark.parametrize("server", Server)
def test_every_user_gets_its_password(server: Server) -> None:
    """What writes a server's users has a file with the password of each, and the server reads what it has written."""
    given = SERVICES[f"{SERVERS[server]}-users"]["environment"]
    assert given == {f"{user.variable}_FILE": f"/run/secrets/{user.name}-password" for user in acl.users(server)}
    assert f"/users/{server}.acl" in SERVICES[SERVERS[server]]["command"]


def test_every_service_has_the_user_of_its_kind() -> None:
    """Gateway, workers and Flower come to the broker under their own names, with the password of that name."""
    given = {name: each["environment"] for name, each in OURS.items() if "REDIS_URL" in each.get("environment", {})}
    users = {name: re.match(r"redis://(\w+)@valkey:6379/0$", each["REDIS_URL"])[1] for name, each in given.items()}
    assert users == {"gateway": "gateway", "flower": "flower", **dict.fromkeys(WORKERS, "worker")}
    for name, user in users.items():
        assert given[name]["REDIS_PASSWORD_FILE"] == f"/run/secrets/{user}-password"


def test_no_secret_is_in_the_file() -> None:
    """Secrets come from files that exist in no repository; each is given to whom it names, and to nobody else."""
    assert re.findall(r"://\w*:\w+@", TEXT) == []
    assert not any(word in name for name in VARIABLES for word in ("PASSWORD", "SECRET", "KEY", "AUTH"))
    secrets = composition()["secrets"]
    assert {name: each["file"] for name, each in secrets.items()} == {name: f"./secrets/{name}" for name in secrets}
    given = {name: dict(secrets_of(each)) for name, each in SERVICES.items()}
    assert set(chain.from_iterable(given.values())) == set(secrets)
    for name, service in SERVICES.items():
        read = re.findall(r"/run/secrets/[\w-]+", str(environment(service)))
        assert sorted(read) == sorted(given[name].values()) or name == "prometheus"
    assert given["prometheus"] == {"metrics-key": "/etc/prometheus/darkroom-key"}


def secrets_of(service: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the secrets of a service with their places."""
    each = service.get("secrets", [])
    return [(s, f"/run/secrets/{s}") if isinstance(s, str) else (s["source"], s["target"]) for s in each]


def test_every_secret_is_made_as_documented(tmp_path: Path) -> None:
    """The lines of docs/compose.md make a file for each secret, in a folder that is closed to others."""
    subprocess.run(["sh", "-euc", f"umask 077; {secrets_script()}"], cwd=tmp_path, check=True)
    made = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()}
    assert made == dict.fromkeys(composition()["secrets"], 0o644)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    empty = {name for name in made if not (tmp_path / "secrets" / name).read_text().strip()}
    assert empty == {"client-password", "operator-password", "metrics-key"}


def test_nothing_listens_beyond_this_machine() -> None:
    """Published ports are on loopback, and the gateway asks for keys inside all the same."""
    published = [port for each in SERVICES.values() for port in each.get("ports", [])]
    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert SERVICES["gateway"]["environment"]["DARKROOM_ACCESS"] == "keys"


def test_servers_are_set_as_on_one_machine() -> None:
    """The two servers have the limits and the policies of those that `make up` starts."""
    for name, program in (
        ("valkey", valkey.broker(Path("valkey-server"), 1, Path())),
        ("valkey-cache", valkey.cache(Path("valkey-server"), 1, Path())),
    ):
        for option in ("--maxmemory", "--maxmemory-policy", "--appendonly", "--save"):
            wanted, given = program.arguments, SERVICES[name]["command"]
            assert given[given.index(option) + 1] == wanted[wanted.index(option) + 1], (name, option)


def test_everything_that_env_may_say_is_documented() -> None:
    """docs/compose.md has a row for each variable of the file."""
    rows = re.findall(r"^\| (`[A-Z`, _\d]+`) \|", (ROOT / "docs/compose.md").read_text(), re.MULTILINE)
    assert {*re.findall(r"\w+", " ".join(rows))} == {*VARIABLES, "COMPOSE_PROFILES"}


def test_pools_of_processes_reap_them() -> None:
    """Where a worker has child processes, something reaps those that it leaves."""
    assert all(SERVICES[name]["init"] for name, profile in WORKERS.items() if load(profile).pool is Pool.PREFORK)


def test_what_is_mounted_from_the_repository_is_there() -> None:
    """A missing file would be mounted as an empty folder, and its service would not start."""
    mounts = [mount for each in SERVICES.values() for mount in each.get("volumes", []) if isinstance(mount, str)]
    sources = {mount.split(":")[0] for mount in mounts if mount.startswith("./infra/")}
    assert "./infra/observability/prometheus.yml" in sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
