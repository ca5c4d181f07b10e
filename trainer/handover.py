"""Has a running service reload a published bundle, and shows the progress."""

import os

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from farsight_client import KEY_VARIABLE, ApiError, Client, Job
from trainer.errors import NotReloadedError

# A restarted service continues its job; this is how long it may take to come back.
_PATIENCE_S = 120


def client_for(url: str) -> Client:
    """A client with the environment's key, checked before the work is done.

    Raises:
        NotReloadedError: The address is malformed, or there is no key.
    """
    # An option would show in the list of processes and in the shell's history.
    key = os.environ.get(KEY_VARIABLE)
    if not key:
        raise NotReloadedError(f"Put an admin key into the environment variable {KEY_VARIABLE}.")
    try:
        return Client(url, key, patience_s=_PATIENCE_S)
    except ValueError as error:
        raise NotReloadedError(str(error)) from error


def hand_over(client: Client, bundle: str) -> None:
    """Has the service reload a bundle of its store.

    Raises:
        NotReloadedError: With the service's reason; or it no longer answers.
    """
    try:
        job = client.reload(bundle)
    except ApiError as error:
        raise NotReloadedError(error.detail) from error
    try:
        job = _watch(client, job)
    except ApiError as error:
        raise NotReloadedError(
            f"Lost contact with job {job.id}: {error.detail} It may still succeed."
        ) from error
    if job.state == "failed":
        reason = job.error.detail if job.error else "The service does not say why."
        raise NotReloadedError(f"Job {job.id} failed at step {job.step}: {reason}")


def _watch(client: Client, job: Job) -> Job:
    """The job after its end."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    left = TextColumn("{task.fields[left]}")
    with Progress(*columns, left, console=Console(stderr=True)) as bar:
        task = bar.add_task(job.step, total=None, left="")
        latest = job
        for latest in client.job_events(job.id):
            bar.update(
                task,
                description=latest.step,
                completed=latest.done,
                total=latest.total or None,
                left="" if latest.time_left_s is None else f"{latest.time_left_s:.0f} s left",
            )
    return latest
