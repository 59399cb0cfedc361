"""infra/docker/Dockerfile, as far as it can be checked without an engine."""

import re
import shlex
from fnmatch import fnmatch
from itertools import chain
from pathlib import Path

import pytest

from tests.darkroom.composition import ROOT, services
from tests.darkroom.test_compose import parse
from worker_profiles import ProfileName

TEXT = re.sub(r"\\\n\s*", "", (ROOT / "infra/docker/Dockerfile").read_text())
STAGES = {stage: base for base, stage in re.findall(r"^FROM (\S+) AS (\S+)$", TEXT, re.MULTILINE)}
TARGETS = ("gateway", "cpu", "t4", "a100")
COPIES = [shlex.split(line)[1:] for line in TEXT.splitlines() if line.startswith("COPY ")]


def lines(stage: str, instruction: str) -> list[str]:
    """Return what an instruction says in a stage and in those that it is made from, the last one last."""
    if stage not in STAGES:
        return []
    body = re.search(rf"^FROM \S+ AS {stage}$(.*?)(?=^FROM |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert body is not None
    own = re.findall(rf"^{instruction} (.*)$", body[1], re.MULTILINE)
    return [*lines(STAGES[stage], instruction), *own]


def excluded(path: str) -> bool:
    """Whether .dockerignore keeps a file of the repository from the build; its last rule that matches decides."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    out = False
    for rule in rules:
        pattern = rule.removeprefix("!").replace("**/", "*")
        parents = [path, *map(str, Path(path).parents)]
        if any(fnmatch(parent, pattern) or fnmatch(f"/{parent}", pattern) for parent in parents if parent != "."):
            out = not rule.startswith("!")
    return out


def test_every_source_reaches_the_build() -> None:
    """What is copied from the repository is there, and .dockerignore lets it through."""
    sources = set(chain.from_iterable(each[:-1] for each in COPIES if not each[0].startswith("--from=")))
    files = [path for each in sources for path in [ROOT / each, *(ROOT / each).rglob("*")] if path.is_file()]
    assert {"celeryconfig.py", "pyproject.toml", "api", "darkroom", "tasks", "worker_profiles"} <= sources
    missing = [each for each in sources if not (ROOT / each).exists()]
    assert missing == []
    names = [str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts]
    assert [name for name in names if excluded(name)] == []


@pytest.mark.parametrize(
    "path", ["secrets/worker-password", ".env", ".darkroom/models/fastsam-s.pt", ".git/config", "tests/conftest.py"]
)
def test_nothing_else_reaches_the_build(path: str) -> None:
    """Secrets, weights, photos and the history are not even sent to the engine."""
    assert excluded(path)


def test_every_stage_comes_from_one_that_exists() -> None:
    """Stages and images that are copied from are stages, and images from elsewhere have a version."""
    copied = {each[0].removeprefix("--from=") for each in COPIES if each[0].startswith("--from=")}
    assert copied <= set(STAGES)
    foreign = set(STAGES.values()) - set(STAGES)
    assert all(re.search(r":v?\d+\.\d+", base) for base in foreign), foreign
    assert set(TARGETS) <= set(STAGES)


def test_compose_builds_what_it_runs() -> None:
    """Each image of the compose file is built from the target that it is named after."""
    built = [each for each in services().values() if "build" in each]
    assert {each["build"]["target"] for each in built} == set(TARGETS)
    for service in built:
        assert service["build"]["dockerfile"] == "infra/docker/Dockerfile"
        assert service["image"].partition(":")[0] == f"darkroom-{service['build']['target']}"


@pytest.mark.parametrize("target", TARGETS)
def test_every_image_runs_darkroom_as_nobody_in_particular(target: str) -> None:
    """The user is 10001, the entry point `darkroom`; its default command is one of those, and its health is watched."""
    assert lines(target, "USER")[-1] == "10001:10001"
    assert lines(target, "ENTRYPOINT") == ['["darkroom"]']
    command = re.findall(r'"([^"]+)"', lines(target, "CMD")[-1])
    assert parse(command) == command[0]
    assert len(lines(target, "HEALTHCHECK")) == 1
    assert "DARKROOM_MODELS_FOLDER=/models" in " ".join(lines(target, "ENV"))
    profile = re.findall(r"DARKROOM_PROFILE=(\w+)", " ".join(lines(target, "ENV")))
    assert profile == ([target] if target in set(ProfileName) else [])


@pytest.mark.parametrize(
    ("target", "there", "not_there"),
    [
        ("gateway", {"celery", "opencv-python-headless", "boto3"}, {"torch"}),
        ("t4", {"torch", "ultralytics-opencv-headless", "timm"}, {"diffusers"}),
        ("a100", {"torch", "diffusers", "peft"}, {"ultralytics-opencv-headless"}),
    ],
)
def test_every_image_has_the_packages_of_its_engines(target: str, there: set[str], not_there: set[str]) -> None:
    """And no others: all pinned with hashes, in the versions that the tests have."""
    stage = re.search(r"--from=(\S+-packages) /opt/venv", " ".join(lines(target, "COPY")))
    assert stage is not None
    file = lines(stage[1], "COPY")[-1].split()[0]
    assert "uv pip install --require-hashes" in lines(stage[1], "RUN")[-1]
    pinned = pins(file)
    assert there <= set(pinned)
    assert not not_there & set(pinned)
    tested = pins("requirements/test.txt")
    assert {name: version for name, version in pinned.items() if tested.get(name, version) != version} == {}


def pins(file: str) -> dict[str, str]:
    """Return the versions of a requirements file."""
    return dict(re.findall(r"^([\w.-]+)(?:\[\w+\])?==(\S+)", (ROOT / file).read_text(), re.MULTILINE))
