"""``python -m benchmarks.sleeper``: a worker whose ``resize`` takes a second of waiting, with a thread for each task.

Everything else is the worker that is deployed.
"""

import time
from functools import wraps
from typing import Any

from tasks import imaging
from tasks.__main__ import main

TASK_SECONDS = 1.0


def slow_down() -> None:
    """Have each resize wait first."""
    resize = imaging.geometry.resize

    @wraps(resize)
    def slow(*args: Any, **kwargs: Any) -> Any:
        time.sleep(TASK_SECONDS)
        return resize(*args, **kwargs)

    imaging.geometry.resize = slow


if __name__ == "__main__":
    slow_down()
    main()
