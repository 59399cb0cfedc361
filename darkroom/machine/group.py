"""The autoscaling group that a machine belongs to, over boto3: an extra, so only this module imports it."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Any

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from darkroom.machine.duties import Act, Outcome
from darkroom.machine.metadata import Identity

_REFUSED = "ValidationError"
"""The service's code for a call that does not fit the state: no active lifecycle action, not in service."""
_CONNECT_SECONDS = 3.0
_ANSWER_SECONDS = 5.0
_TRIES = 2
"""Of boto3 itself. The machine looks again in seconds, with pauses of its own: a call that takes longer would keep it
from seeing a Spot notice."""

log = structlog.get_logger(__name__)


class Hook(StrEnum):
    """Lifecycle hooks of a group of workers."""

    READY = "ready"
    """Launch: until the workers are ready."""
    DRAIN = "drain"
    """Termination: until they have given back what they had."""


class Result(StrEnum):
    """What a completed hook leads to."""

    CONTINUE = "CONTINUE"
    ABANDON = "ABANDON"


class Group:
    """Carries out acts. Blocking, at most about 16 s; no error of AWS leaves it."""

    def __init__(self, name: str, identity: Identity) -> None:
        """Prepare a client; nothing is sent yet."""
        self._name = name
        self._instance_id = identity.instance_id
        self._client: Any = boto3.client(
            "autoscaling",
            region_name=identity.region,
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_ANSWER_SECONDS,
                retries={"mode": "standard", "total_max_attempts": _TRIES},
            ),
        )

    def carry_out(self, act: Act) -> Outcome:
        """Make the call of an act; one that needs none is done."""
        call = self._call(act)
        try:
            if call is not None:
                call()
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            log.warning("machine.refused", act=act, group=self._name, code=code, reason=str(error))
            return Outcome.REFUSED if code == _REFUSED else Outcome.FAILED
        except (BotoCoreError, ResponseParserError) as error:  # the second is what a proxy's page of HTML raises
            log.warning("machine.group_unavailable", act=act, group=self._name, reason=str(error))
            return Outcome.FAILED
        return Outcome.DONE

    def _call(self, act: Act) -> Callable[[], Any] | None:
        match act:
            case Act.PROTECT | Act.UNPROTECT:
                return partial(self._protect, act is Act.PROTECT)
            case Act.BEAT_READY:
                return partial(self._beat, Hook.READY)
            case Act.BEAT_DRAIN:
                return partial(self._beat, Hook.DRAIN)
            case Act.COMPLETE_LAUNCH:
                return partial(self._complete, Hook.READY, Result.CONTINUE)
            case Act.ABANDON_LAUNCH:
                return partial(self._complete, Hook.READY, Result.ABANDON)
            case Act.COMPLETE_TERMINATION:
                return partial(self._complete, Hook.DRAIN, Result.CONTINUE)
            case _:
                return None

    def _protect(self, protected: bool) -> None:
        self._client.set_instance_protection(
            InstanceIds=[self._instance_id], AutoScalingGroupName=self._name, ProtectedFromScaleIn=protected
        )

    def _beat(self, hook: Hook) -> None:
        self._client.record_lifecycle_action_heartbeat(
            LifecycleHookName=hook, AutoScalingGroupName=self._name, InstanceId=self._instance_id
        )

    def _complete(self, hook: Hook, result: Result) -> None:
        self._client.complete_lifecycle_action(
            LifecycleHookName=hook,
            AutoScalingGroupName=self._name,
            InstanceId=self._instance_id,
            LifecycleActionResult=result,
        )
