"""What the command line tells a person instead of a traceback.

::

    CommandError(sentence)          exit status 1: the edit, or the start, failed
    ├── UsageError                  exit status 2: the caller has to change something
    └── UnreachableError            exit status 3: there is no Darkroom to talk to
"""

from typing import ClassVar

EXIT_STATUSES = (
    "Exit status: 0 it worked; 1 the edit, the start or a check failed; 2 bad usage or input; "
    "3 Darkroom cannot be reached."
)


class CommandError(Exception):
    """A command could not do what it was asked for; the message is a sentence for people."""

    exit_status: ClassVar[int] = 1


class UsageError(CommandError):
    """The command line, a file or a setting has to change first."""

    exit_status = 2


class UnreachableError(CommandError):
    """No Darkroom answers at the address."""

    exit_status = 3
