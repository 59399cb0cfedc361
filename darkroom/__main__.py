"""The `darkroom` command, also as ``python -m darkroom``."""

import sys
from importlib.util import find_spec

_OF_THE_CLIENT = "The darkroom command runs a server, and only its client is installed: pip install 'darkroom[server]'"


def main() -> None:
    """Run the command line; without the server's packages, say what to install."""
    if find_spec("typer") is None or find_spec("celery") is None:
        sys.exit(_OF_THE_CLIENT)
    from darkroom import cli  # noqa: PLC0415 - it loads them

    cli.main()


if __name__ == "__main__":
    main()
