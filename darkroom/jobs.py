"""`darkroom jobs`: the dead letters, for whoever runs Darkroom."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from darkroom.errors import CommandError, UnreachableError, UsageError
from tasks.errors import ConflictError, DarkroomError, NotFoundError, UnavailableError
from tasks.jobs import Job

if TYPE_CHECKING:
    from tasks.dead_letters import DeadLetters

app = typer.Typer(help="Jobs that ended each worker that took them. REDIS_URL names the broker.", no_args_is_help=True)


@app.command("dead")
def list_dead() -> None:
    """Show the jobs that were set aside, the latest first."""
    with _dead_letters() as letters:
        jobs = letters.jobs()
    table = Table("job", "operation", "owner", "failed at", "last worker", "why", box=None)
    for job in jobs:
        failed_at, why = _when(job), job.failure.code if job.failure else ""
        table.add_row(job.id, job.edit.operation, job.owner, failed_at, job.worker, why)
    Console().print(table)


@app.command("replay")
def replay(
    job_ids: Annotated[list[str] | None, typer.Argument(metavar="[JOB]...", help="Ids of failed jobs.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were set aside.")] = False,
) -> None:
    """Try failed jobs again, each as a new job; prints the old id and the new one."""
    if bool(job_ids) == everything:
        raise UsageError("Name the jobs to replay, or say --all.")
    with _dead_letters() as letters:
        for job_id in job_ids or [job.id for job in letters.jobs()]:
            typer.echo(f"{job_id} {letters.replay(job_id)}")


@contextlib.contextmanager
def _dead_letters() -> "Iterator[DeadLetters]":
    """Open the ledger; its errors become the command line's."""
    from tasks import ledger  # noqa: PLC0415 - loads the broker's client, which `darkroom up` does not need
    from tasks.dead_letters import DeadLetters  # noqa: PLC0415 - as above
    from tasks.settings import settings  # noqa: PLC0415 - as above

    book = ledger.connect(settings().redis_url, patience_seconds=1)
    try:
        yield DeadLetters(book)
    except UnavailableError as error:
        raise UnreachableError(error.detail) from error
    except (NotFoundError, ConflictError) as error:
        raise UsageError(error.detail) from error
    except DarkroomError as error:
        raise CommandError(error.detail) from error
    finally:
        book.client.close()


def _when(job: Job) -> str:
    return datetime.fromtimestamp(job.finished_at or 0, UTC).isoformat(" ", "seconds")
