"""AWS on loopback: moto's server, which takes boto3's own requests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

REGION = "eu-central-1"


@dataclass(frozen=True, slots=True)
class Aws:
    """What runs there."""

    environment: dict[str, str]
    """Of a process that is to call it."""

    def client(self, service: str) -> Any:
        """Return a client of boto3's."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - moto asks for one and looks at none
        )

    def make_group(self, name: str, *, most: int = 10, desired: int = 0) -> None:
        """Make an autoscaling group."""
        autoscaling = self.client("autoscaling")
        launch = f"{name}-launch"
        autoscaling.create_launch_configuration(
            LaunchConfigurationName=launch, ImageId="ami-12c6146b", InstanceType="g4dn.xlarge"
        )
        autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchConfigurationName=launch,
            MinSize=0,
            MaxSize=most,
            DesiredCapacity=desired,
            AvailabilityZones=[f"{REGION}a"],
        )

    def set_desired(self, name: str, machines: int) -> None:
        """Have a group get so many machines, as somebody by hand."""
        self.client("autoscaling").set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=machines)

    def desired(self, name: str) -> int:
        """Return the machines that a group should have."""
        answer = self.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
        return int(answer["AutoScalingGroups"][0]["DesiredCapacity"])


@contextmanager
def aws() -> Iterator[Aws]:
    """Run it until the block ends, for this process and its children."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        # No look at a machine's own configuration, or for a metadata service.
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            yield Aws(environment)
    finally:
        server.stop()
