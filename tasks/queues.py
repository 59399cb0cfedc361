"""Queues and priorities: the only place where their names stand."""

from enum import IntEnum, StrEnum


class Queue(StrEnum):
    """One queue per pool of machines, so that a worker never mixes two kinds of work."""

    IMAGE_UTILS = "image-utils"
    SEGMENTATION = "segmentation"
    GENERATION = "generation"
    JOBS = "jobs"


class Priority(IntEnum):
    """Message priority on Redis: 0 is served first (RabbitMQ does the reverse)."""

    INTERACTIVE = 0
    BATCH = 6


PRIORITY_STEPS = (0, 3, 6, 9)
"""kombu's Redis transport keeps one list for each of these levels, and rounds a priority down."""

SEPARATOR = "\x06\x16"
"""Stands between a queue and its priority in the name of a list (kombu's)."""


def list_key(queue: Queue, priority: Priority) -> str:
    """The Redis list that holds the messages of a queue at one priority (kombu's naming)."""
    return f"{queue}{SEPARATOR}{int(priority)}" if priority else str(queue)


def list_keys(queue: Queue) -> tuple[str, ...]:
    """Every list of a queue, in the order in which workers serve them."""
    return tuple(list_key(queue, priority) for priority in Priority)
