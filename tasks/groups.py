"""What the scaler calls: the pools' autoscaling groups, and where metrics go. AWS's side is ``tasks.aws_groups``."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tasks.settings import Settings
from worker_profiles import ProfileName


class Metric(StrEnum):
    """What is told of each pool."""

    BACKLOG = "Backlog"
    """Jobs or messages that no slot works on."""
    IN_FLIGHT = "InFlight"
    """The most jobs or messages that slots worked on at once since the last time, those that came and went too."""
    SLOTS = "Slots"
    """Jobs that the live, serving workers do at once."""
    BACKLOG_WITHOUT_CAPACITY = "BacklogWithoutCapacity"
    """The backlog while there is no such slot, else 0: for minutes, and nobody comes."""
    EXPECTED_SECONDS = "ExpectedSeconds"
    """Work in the backlog: seconds of one slot."""
    DESIRED_CAPACITY = "DesiredCapacity"
    """Machines that the scaler wants."""


@dataclass(frozen=True, slots=True)
class GroupState:
    """One group at one moment."""

    desired: int
    running: int
    """Machines in service; those that boot, drain or rest in a warm pool are not."""
    least: int
    most: int


class GroupsError(Exception):
    """A call came to nothing; the text names the call and the reason and holds nothing of the account."""


class GroupsUnusable(Exception):  # noqa: N818 - the state of a machine, said in a sentence
    """What calling AWS takes is not installed, or not configured. The sentence says what to do."""


class Groups(Protocol):
    """The groups of a deployment. Blocking; every method raises ``GroupsError``, within seconds."""

    def read(self) -> Mapping[ProfileName, GroupState]:
        """Return the state of every group that exists."""
        ...

    def set_desired(self, profile: ProfileName, machines: int) -> None:
        """Have a group get so many machines, now."""
        ...

    def publish(self, metrics: Mapping[ProfileName, Mapping[Metric, float]]) -> None:
        """Tell metrics of each pool, as of now."""
        ...


def open_groups(settings: Settings) -> Groups:
    """Return AWS's groups as the settings name them. Raises ``GroupsUnusable``."""
    try:
        aws = importlib.import_module("tasks.aws_groups")
    except ModuleNotFoundError as error:
        raise GroupsUnusable(
            f"DARKROOM_SCALING_GROUPS is set, but {error.name} is not installed: pip install 'darkroom[aws]'."
        ) from error
    groups: Groups = aws.connect(settings.scaling_groups, settings.deployment, settings.aws_region)
    return groups
