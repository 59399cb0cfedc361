"""infra/terraform, as far as Python sees it; `terraform test` runs what is in infra/terraform/tests."""

import base64
import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from uvicorn.main import main as uvicorn_command

from darkroom import acl
from darkroom.acl import Server
from darkroom.stack import gateway_arguments

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "infra/terraform"
MACHINE = FOLDER / "modules/machine"
HCL = {path.relative_to(FOLDER): path.read_text() for path in FOLDER.rglob("*.tf") if ".terraform" not in path.parts}

STUBS = {
    # A secret without a value yet, at the first question for each.
    "aws": """echo "aws $*" >> $LOG
case "$*" in
  *get-login-password*) echo registry-password ;;
  *get-secret-value*) [ -e $RUN/asked-$4 ] || { touch $RUN/asked-$4; exit 255; }; echo "value-of-$4" ;;
esac""",
    # One line each: both ends of a pipe write at once.
    "docker": 'case "$1" in login) echo "docker $* < $(cat)" ;; *) echo "docker $*" ;; esac >> $LOG',
    "curl": """case "$*" in
  *api/token*) echo token ;;
  *"aws-ec2-metadata-token: token"*instance-id) echo i-0123 ;;
  *) exit 22 ;;
esac""",
    "install": 'mkdir -p "${@: -1}"',
    "mount": 'echo "mount $*" >> $LOG',
    "mountpoint": "exit $MOUNTED",
    "sleep": "exit 0",
}
"""What the machine's commands do in these tests; ``RUN`` is in place of /run/darkroom."""

CONTAINER: dict[str, Any] = {
    "secrets": {"REDIS_URL": {"arn": "worker", "format": "rediss://worker:%s@broker:6379/0"}},
    "made": ["FLOWER_COOKIE_SECRET"],
}
SETTINGS: dict[str, Any] = {
    "containers": {"worker": CONTAINER},
    "images": ["registry/a100:1"],
    "region": "us-east-1",
    "registry": {"host": "registry", "has_ecr_password": True},
    "weights": {"folder": "WEIGHTS/models", "must_mount": True, "file_system": None, "subfolder": "a100"},
}


@pytest.mark.parametrize("server", Server)
def test_the_users_rights_are_those_of_the_code(server: Server) -> None:
    """ElastiCache's users get the rights that `darkroom acl` prints; after a change run it again with --rules -o."""
    assert (FOLDER / f"modules/cache/{server}.json").read_text() == acl.rules_of(server) + "\n"


def test_there_is_one_controller() -> None:
    """No policy, schedule or function of AWS moves a machine: the jobs worker alone does (docs/decisions/0015)."""
    movers = r'resource "(aws_autoscaling_policy|aws_autoscaling_schedule|aws_scheduler_schedule|aws_lambda_function)"'
    assert HCL
    assert [path for path, text in HCL.items() if re.search(movers, text)] == []


def test_nothing_secret_is_a_setting_of_a_container() -> None:
    """Addresses with passwords are made at boot from secrets; no value of a secret is read by Terraform."""
    text = "\n".join(HCL.values())
    assert 'data "aws_secretsmanager' not in text
    assert "aws_secretsmanager_secret_version" not in text
    assert not re.search(r"environment[^\n]*(REDIS_URL|IMAGE_CACHE_URL|FLOWER_BASIC_AUTH)", text)


@pytest.mark.parametrize(("kind", "file"), [("variable", "variables.tf"), ("output", "outputs.tf")])
def test_every_variable_and_output_is_documented(kind: str, file: str) -> None:
    """docs/deploy.md has a row for each, and for nothing else."""
    names = re.findall(rf'^{kind} "(\w+)"', HCL[Path(file)], re.MULTILINE)
    section = (ROOT / "docs/deploy.md").read_text().split(f"\n## {kind.capitalize()}s\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == names


def test_the_gateway_is_more_patient_than_the_balancer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What user data set reaches the server: idle connections outlive the balancer's, or clients get 502."""
    monkeypatch.setenv("UVICORN_TIMEOUT_KEEP_ALIVE", "195")
    _, _, _, *arguments = gateway_arguments("0.0.0.0", 8000)  # noqa: S104 - nothing listens here
    assert uvicorn_command.make_context("uvicorn", arguments).params["timeout_keep_alive"] == 195


@pytest.fixture(scope="module")
def terraform() -> str:
    found = shutil.which("terraform")
    if found is None:
        pytest.skip("terraform is not installed")
    return found


class Boot:
    """The script that every machine runs at boot, with commands that do nothing but tell."""

    def __init__(self, terraform: str, folder: Path) -> None:
        self._terraform = terraform
        self._folder = folder
        self.run = folder / "run"
        self.run.mkdir()
        commands = folder / "bin"
        commands.mkdir()
        for name, body in STUBS.items():
            (commands / name).write_text(f"#!/bin/bash\n{body}\n")
            (commands / name).chmod(0o755)

    def render(self, **changes: Any) -> str:
        """Return the script as Terraform renders it."""
        values = json.dumps({**SETTINGS, **changes})
        expression = f'base64encode(templatefile("{MACHINE}/prepare.sh.tftpl", jsondecode({json.dumps(values)})))'
        done = subprocess.run(
            [self._terraform, "console"],
            input=expression,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        text = base64.b64decode(done.stdout.strip().strip('"')).decode()
        return text.replace("/run/darkroom", str(self.run)).replace("WEIGHTS", str(self._folder))

    def __call__(self, script: str, *, mounted: bool = True) -> tuple[int, list[str]]:
        """Run it; return its status and what its commands were asked."""
        log = self._folder / "log"
        log.touch()
        environment = {
            "PATH": f"{self._folder / 'bin'}:{os.environ['PATH']}",
            "LOG": str(log),
            "RUN": str(self.run),
            "MOUNTED": "0" if mounted else "1",
        }
        done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, timeout=60, check=False)
        return done.returncode, log.read_text().splitlines()


@pytest.fixture
def boot(terraform: str, tmp_path: Path) -> Boot:
    return Boot(terraform, tmp_path)


def test_a_machine_prepares_itself(boot: Boot) -> None:
    """It waits for secrets without values, keeps what it makes for itself, and pulls its image with ECR's password."""
    status, asked = boot(boot.render())
    assert status == 0
    environment = boot.run / "worker.env"
    lines = environment.read_text().splitlines()
    assert lines[0] == "REDIS_URL=rediss://worker:value-of-worker@broker:6379/0"
    assert re.fullmatch(r"FLOWER_COOKIE_SECRET=[0-9a-f]{48}", lines[1])
    assert stat.S_IMODE(environment.stat().st_mode) == 0o600
    assert (boot.run / "instance").read_text() == "INSTANCE_ID=i-0123\n"
    assert [line for line in asked if line.startswith("docker")] == [
        "docker login --username AWS --password-stdin registry < registry-password",
        "docker pull --quiet registry/a100:1",
    ]
    assert (boot.run / "prepared").exists()


def test_without_its_disks_a_machine_is_not_ready(boot: Boot) -> None:
    """Weights never land on the root disk: the script fails, no container starts, and the launch hook runs out."""
    status, _ = boot(boot.render(), mounted=False)
    assert status != 0
    assert not (boot.run / "prepared").exists()


def test_weights_of_a_file_system_are_mounted(boot: Boot) -> None:
    """EFS is mounted with TLS and read-only, the profile's folder only."""
    weights = {"folder": "WEIGHTS/efs", "must_mount": False, "file_system": "fs-1", "subfolder": "a100"}
    _, asked = boot(boot.render(weights=weights).replace("mountpoint -q", "false"))
    assert f"mount -t efs -o tls,ro fs-1:/a100 {boot.run.parent}/efs" in asked
