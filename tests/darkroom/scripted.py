"""``python -m tests.darkroom.scripted``: the `darkroom` command; its machines run workers with the scripted engine."""

import sys

from darkroom.cli import main
from darkroom.machine import crew
from tests.chaos.worker import replace
from worker_profiles import Profile


def scripted_arguments(profile: Profile, number: int | None = None) -> tuple[str, ...]:
    """Return the command line of a worker with the scripted engine."""
    return (sys.executable, "-m", "tests.chaos.worker", *profile.celery_arguments(number))


if __name__ == "__main__":
    replace(crew, "worker_arguments", scripted_arguments)
    main()
