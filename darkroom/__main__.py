"""The `darkroom` command, also as ``python -m darkroom``."""

import sys


def main() -> None:
    """Run the command line; where only the client is installed, say what to install."""
    try:
        from darkroom import cli  # noqa: PLC0415 - it loads the server's packages
    except ModuleNotFoundError as error:
        sys.exit(f"The darkroom command needs {error.name} and more of the server: pip install 'darkroom[server]'")
    cli.main()


if __name__ == "__main__":
    main()
