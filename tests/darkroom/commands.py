"""The `darkroom` command in this process: a process of its own costs a second of imports, and proves no more.

Each kind of command also runs as a process in some test.
"""

import io
import os
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from unittest import mock

from darkroom.cli import main
from tasks.settings import settings


def darkroom(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command line to its end; ``environment`` is put over this process's own."""
    out, err = io.StringIO(), io.StringIO()
    surroundings = {"NO_COLOR": "1", "COLUMNS": "200", **environment}
    settings.cache_clear()
    try:
        with (
            mock.patch.dict(os.environ, surroundings),
            mock.patch("sys.argv", ["darkroom", *arguments]),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            main()
    except SystemExit as end:
        status = end.code
    else:
        status = 0
    finally:
        settings.cache_clear()
    return subprocess.CompletedProcess(arguments, int(status or 0), out.getvalue(), err.getvalue())
