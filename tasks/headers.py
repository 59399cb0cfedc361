"""What a message may hold beside its arguments: Celery reads it without looking, and a worker that trips over it ends.

A message that ended its worker would end the next one too. So a message whose headers are not of these types is put
aside before Celery sees it (``tasks.consumer``). Headers that nobody reads may hold anything.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from tasks.jobs import Operation, Role

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,200}$")]
"""Ours are UUIDs; a Python client may choose another. Ids become keys, channels and parts of scripts' JSON."""
Text = Annotated[str, StringConstraints(max_length=10_000)]

DEEPEST = 64
"""A chord in a chord has 15 levels; Python gives up at about 900."""


class _Checked(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


def _is_time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


class Part(_Checked):
    """Of which job, and as what, a task is a part (``tasks.messages.PART``)."""

    job: Id
    launch: Id
    role: Annotated[Role, Field(strict=False)]


class Headers(_Checked):
    """What Celery 5.7 and Darkroom read."""

    id: Id
    task: Text
    root_id: Id | None = None
    parent_id: Id | None = None
    group: Id | None = None
    group_index: int | None = None
    argsrepr: Text | None = None
    kwargsrepr: Text | None = None
    origin: Text | None = None
    lang: Text | None = None
    shadow: Text | None = None
    eta: None = None
    """Nothing of ours waits for a time in a worker's slot: the sweeper and the ledger know when."""
    expires: Annotated[str, AfterValidator(_is_time)] | None = None
    retries: Annotated[int, Field(ge=0, le=100)] | None = None
    timelimit: Annotated[list[None], Field(min_length=2, max_length=2)] | None = None
    """Limits are the pool's own; a sender cannot lift them."""
    ignore_result: bool | None = None
    replaced_task_nesting: int | None = None
    stamped_headers: list[Text] | None = None
    stamps: dict[str, Any] | None = None
    compression: None = None
    """Nobody compresses; a small body could become a huge one."""

    part: Part | None = None
    request_id: Text | None = None
    traceparent: Text | None = None
    operation: Annotated[Operation, Field(strict=False)] | None = None
    enqueued_at: float | None = None
    darkroom_claim: None = None
    """A running task learns its claim (``tasks.results.CLAIM``) from the ledger, never from a message."""


class Follower(_Checked):
    """A signature, as Celery writes it."""

    task: Text
    args: list[Any]
    keywords: Annotated[dict[str, Any], Field(alias="kwargs")]
    options: dict[str, Any]


class Embedded(_Checked):
    """What Celery sends, or tells of the failure, when the task has ended."""

    callbacks: list[Follower] | None = None
    errbacks: list[Follower] | None = None
    chain: list[Follower] | None = None
    chord: Follower | None = None


def is_deep(value: Any) -> bool:
    """Whether lists and objects are nested deeper than in any message of ours.

    Who writes such a value as JSON, or hands it to a pool child, runs out of stack.
    """
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def flaw_in(model: type[_Checked], values: Any) -> str | None:
    """Return what is wrong with headers or embedded signatures; None if they fit."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:200]
    return None
