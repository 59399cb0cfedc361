"""AWS's autoscaling groups and CloudWatch, through boto3 (the extra ``aws``). Imported only where something is scaled.

One process of a deployment calls these. Retries are the scaler's, so that a silent AWS holds up one look for seconds.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from tasks.groups import GroupsError, GroupState, GroupsUnusable, Metric
from worker_profiles import ProfileName

NAMESPACE = "Darkroom"
IN_SERVICE = "InService"
"""The one lifecycle state of a machine that works: ``Pending:Wait`` loads its model, ``Terminating:Wait`` drains."""
CONNECT_SECONDS, ANSWER_SECONDS = 2, 5
"""AWS answers in tenths of a second from within its region."""

log = structlog.get_logger(__name__)


class AwsGroups:
    """The groups of one deployment."""

    def __init__(self, autoscaling: Any, cloudwatch: Any, names: Mapping[ProfileName, str], deployment: str) -> None:
        """Take boto3's clients, the groups' names, and the deployment's for its metrics."""
        self._autoscaling = autoscaling
        self._cloudwatch = cloudwatch
        self._names = names
        self._deployment = deployment

    def read(self) -> Mapping[ProfileName, GroupState]:
        """Return the state of every group that exists. Raises ``GroupsError``."""
        with _errors("DescribeAutoScalingGroups"):
            answer = self._autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[*self._names.values()])
        found = {group["AutoScalingGroupName"]: _state(group) for group in answer["AutoScalingGroups"]}
        return {profile: found[name] for profile, name in self._names.items() if name in found}

    def set_desired(self, profile: ProfileName, machines: int) -> None:
        """Have a group get so many machines, whatever it did a moment ago. Raises ``GroupsError``."""
        with _errors("SetDesiredCapacity"):
            self._autoscaling.set_desired_capacity(
                AutoScalingGroupName=self._names[profile], DesiredCapacity=machines, HonorCooldown=False
            )

    def publish(self, metrics: Mapping[ProfileName, Mapping[Metric, float]]) -> None:
        """Tell CloudWatch of every pool in one request. Raises ``GroupsError``."""
        data = [
            {"MetricName": metric, "Value": value, "Unit": _unit(metric), "Dimensions": self._dimensions(profile)}
            for profile, values in metrics.items()
            for metric, value in values.items()
        ]
        with _errors("PutMetricData"):
            self._cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)

    def _dimensions(self, profile: ProfileName) -> list[dict[str, str]]:
        return [{"Name": "Deployment", "Value": self._deployment}, {"Name": "Pool", "Value": profile}]


def connect(names: Mapping[ProfileName, str], deployment: str, region: str | None) -> AwsGroups:
    """Prepare the clients; nothing is sent yet. Raises ``GroupsUnusable`` without a region."""
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=ANSWER_SECONDS, retries={"total_max_attempts": 1})
    session = boto3.session.Session(region_name=region)
    try:
        autoscaling = session.client("autoscaling", config=config)
        cloudwatch = session.client("cloudwatch", config=config)
    except NoRegionError as error:
        raise GroupsUnusable("DARKROOM_SCALING_GROUPS is set, but no region is: set AWS_REGION.") from error
    return AwsGroups(autoscaling, cloudwatch, names, deployment)


@contextmanager
def _errors(call: str) -> Iterator[None]:
    """Translate AWS's errors. What is shown to clients is their code; their text, which names accounts, is logged."""
    try:
        yield
    except ClientError as error:
        log.warning("groups.refused", call=call, reason=str(error))
        raise GroupsError(f"AWS refused {call}: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        log.warning("groups.unavailable", call=call, reason=str(error))
        raise GroupsError(f"AWS did not answer {call}: {type(error).__name__}") from error


def _state(group: Mapping[str, Any]) -> GroupState:
    running = sum(machine["LifecycleState"] == IN_SERVICE for machine in group["Instances"])
    return GroupState(group["DesiredCapacity"], running, group["MinSize"], group["MaxSize"])


def _unit(metric: Metric) -> str:
    return "Seconds" if metric is Metric.EXPECTED_SECONDS else "Count"
