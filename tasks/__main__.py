"""``python -m tasks [options of celery worker]``: Celery's worker command without the umbrella command around it.

The umbrella imports every command and plug-in that is installed (Flower, a shell): a second of start-up per worker.
"""

import gc
import sys


def main() -> None:
    """Run a worker with the process's arguments, until it is told to stop."""
    # What is loaded stays: to look through all of it for garbage, again and again, takes a tenth of the start.
    gc.disable()
    from celery.bin.base import CLIContext  # noqa: PLC0415 - after that
    from celery.bin.worker import worker  # noqa: PLC0415

    from tasks import logs  # noqa: PLC0415
    from tasks.app import app  # noqa: PLC0415

    logs.configure()  # Celery asks for it later, when a start may have failed already
    app.loader.import_default_modules()
    gc.freeze()  # what pool children share with us stays shared, too
    gc.enable()
    worker.main(
        sys.argv[1:], prog_name="python -m tasks", obj=CLIContext(app=app, no_color=None, workdir=None, quiet=True)
    )


if __name__ == "__main__":
    main()
