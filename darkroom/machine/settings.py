"""What `darkroom machine` reads from the environment, beside what its workers read."""

from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from darkroom.errors import UsageError


class MachineSettings(BaseSettings):
    """Environment variables: ``DARKROOM_`` and the name in upper case, but for the ones that name theirs."""

    model_config = SettingsConfigDict(
        env_prefix="DARKROOM_", frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True
    )

    models_url: str | None = None
    """``s3://bucket/prefix``: what lies there is fetched into the models folder before a worker starts. Unset: the
    folder is used as it is."""

    machine_group: str | None = None
    """The autoscaling group that this machine belongs to. Unset: nothing is asked of AWS."""
    machine_look_seconds: Annotated[float, Field(gt=0)] = 2.0
    """How often notices and workers are looked at. AWS asks for 5 s; of the two minutes of a Spot notice this loses
    two seconds, and a job is protected as soon after its start."""
    machine_idle_seconds: Annotated[float, Field(ge=0)] = 10.0
    """Protection from scale-in stays so long after the last job: jobs that follow one another cost two calls, not two
    each. A machine is kept for minutes of idleness anyway (the scaler's own delay)."""
    machine_heartbeat_seconds: Annotated[float, Field(gt=0)] = 60.0
    """How often a lifecycle hook is told that the machine is still at work; the hooks' own time-out is longer."""
    machine_ready_seconds: Annotated[float, Field(gt=0)] = 1800.0
    """A machine whose workers are not ready after this no longer asks for time, and its hook's time-out ends it: 57 GB
    of weights and a compilation take minutes, and a machine that never gets ready costs like one that does."""
    metadata_url: Annotated[str, Field(validation_alias="AWS_EC2_METADATA_SERVICE_ENDPOINT")] = "http://169.254.169.254"
    """The instance metadata service; the AWS SDKs read the same variable. Another one is for tests."""
    region: Annotated[str | None, Field(validation_alias="AWS_REGION")] = None
    """Unset, with a group: asked of the metadata service, and told to the workers."""


def read_settings() -> MachineSettings:
    """Return the settings of the environment. Raises ``UsageError``."""
    try:
        return MachineSettings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        variable = name if name.isupper() else f"DARKROOM_{name.upper()}"
        raise UsageError(f"{variable}={first['input']!r}: {first['msg']}.") from error
