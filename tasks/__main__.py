"""``python -m tasks [options of celery worker]``: Celery's worker command without the umbrella command around it.

The umbrella imports every command and plug-in that is installed (Flower, a shell): a second of start-up per worker.
"""

import sys

from celery.bin.base import CLIContext
from celery.bin.worker import worker

from tasks import logs
from tasks.app import app


def main() -> None:
    """Run a worker with the process's arguments, until it is told to stop."""
    logs.configure()  # Celery asks for it later, when a start may have failed already
    worker.main(
        sys.argv[1:], prog_name="python -m tasks", obj=CLIContext(app=app, no_color=None, workdir=None, quiet=True)
    )


if __name__ == "__main__":
    main()
