"""`farsight jobs`: reloads, and how they go."""

import asyncio
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from app.commands.place import AsJson, Url, ask
from app.errors import ReloadFailedError
from app.progress import counted
from farsight_client import AsyncClient, Job

_LOOK_EVERY_S = 0.2
_RUNNING = "running"

cli = typer.Typer(help="Reloads and their progress, here or on a service.", no_args_is_help=True)
JobIdArgument = Annotated[str, typer.Argument(help="As `list` shows it.", show_default=False)]


@cli.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option(help="At most this many.", min=1, max=200)] = 50,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List the latest reloads, newest first."""
    found = ask(url, lambda farsight: farsight.jobs(limit=limit))
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = Table("id", "bundle", "state", "step", "photos", "begun", "why it failed")
    for job in found:
        table.add_row(
            job.id,
            job.bundle,
            job.state,
            job.step,
            f"{job.done} of {job.total}",
            f"{job.created_at:%Y-%m-%d %H:%M}",
            job.error.detail if job.error else "",
        )
    Console().print(table)


@cli.command()
def show(job_id: JobIdArgument, url: Url = None, as_json: AsJson = False) -> None:
    """Show the state of a reload."""
    _tell(ask(url, lambda farsight: farsight.job(job_id)), as_json=as_json)


@cli.command()
def watch(job_id: JobIdArgument, url: Url = None, as_json: AsJson = False) -> None:
    """Watch a reload until it has ended.

    Exit codes: 0 it succeeded; 1 it failed, and why is told; 2 wrong usage.
    """
    job = ask(url, lambda farsight: until_ended(farsight, job_id))
    _tell(job, as_json=as_json)
    require_success(job)


async def until_ended(farsight: AsyncClient, job_id: str) -> Job:
    """The job when it has ended; how far it is goes to stderr."""
    job = await farsight.job(job_id)
    with counted("Photos") as advance:
        while job.state == _RUNNING:
            advance(job.done, job.total)
            await asyncio.sleep(_LOOK_EVERY_S)
            job = await farsight.job(job_id)
    return job


def require_success(job: Job) -> None:
    """Raises ReloadFailedError unless a job has succeeded."""
    if job.error is not None:
        raise ReloadFailedError(f"{job.error.detail} The previous bundle is still in use.")


def _tell(job: Job, *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(job).decode())
        return
    typer.echo(
        f"Bundle {job.bundle}, space {job.space}: {job.state} at step {job.step}, {job.done} of "
        f"{job.total} photos."
    )
    if job.error is not None:
        typer.echo(job.error.detail)
