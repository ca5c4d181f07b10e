"""Asks a running service to serve a bundle that was published, and watches until it does."""

import os
import time
from http import HTTPStatus
from typing import Literal, TypeVar

import httpx
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from trainer.errors import NotReloadedError

KEY_VARIABLE = "FARSIGHT_API_KEY"

_TIMEOUT_S = 30
_POLL_S = 1.0
# A service that was restarted goes on with its job; so long it may take to come back.
_PATIENCE_S = 120

Answer = TypeVar("Answer")


class _JobError(msgspec.Struct):
    code: str
    detail: str


class _Job(msgspec.Struct):
    """What we read of `GET /v1/admin/jobs/{id}`."""

    id: str
    state: Literal["running", "succeeded", "failed"]
    step: str
    done: int
    total: int
    rate_per_s: float | None = None
    time_left_s: float | None = None
    error: _JobError | None = None


class _Problem(msgspec.Struct):
    """What we read of a problem document (RFC 9457)."""

    detail: str


class ReloadRequest:
    """A way to a service, checked before the work whose result is to be served.

    Args:
        url: Where the service answers, without `/v1`.

    Raises:
        NotReloadedError: No such address can be, or there is no key in the environment.
    """

    def __init__(self, url: str) -> None:
        try:
            address = httpx.URL(url.rstrip("/"))
        except httpx.InvalidURL as error:
            raise NotReloadedError(f"{url!r} is no address: {error}.") from error
        if address.scheme not in {"http", "https"} or not address.host:
            raise NotReloadedError(f"{url!r} is no address that begins with http:// or https://.")
        # An option would show in the list of processes and in the shell's history.
        key = os.environ.get(KEY_VARIABLE)
        if not key:
            raise NotReloadedError(f"The environment variable {KEY_VARIABLE} holds no key.")
        self._address = address
        self._headers = {"Authorization": f"Bearer {key}"}

    def send(self, bundle: str) -> None:
        """Has the service reload a bundle of its store, and shows how far it is.

        Raises:
            NotReloadedError: With the service's reason; or it does not answer any more.
        """
        with httpx.Client(
            base_url=self._address, headers=self._headers, timeout=_TIMEOUT_S
        ) as client:
            job = self._start(client, bundle)
            columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
            left = TextColumn("{task.fields[left]}")
            with Progress(*columns, left, console=Console(stderr=True)) as bar:
                task = bar.add_task(job.step, total=None, left="")
                while job.state == "running":
                    time.sleep(_POLL_S)
                    job = self._look(client, job.id)
                    bar.update(
                        task,
                        description=job.step,
                        completed=job.done,
                        total=job.total or None,
                        left=_time_left(job),
                    )
        if job.state == "failed":
            reason = job.error.detail if job.error else "It does not say why."
            raise NotReloadedError(f"Job {job.id} failed at step {job.step}: {reason}")

    def _start(self, client: httpx.Client, bundle: str) -> _Job:
        try:
            answer = client.post("/v1/admin/reload", json={"bundle": bundle, "force": False})
        except httpx.HTTPError as error:
            raise NotReloadedError(
                f"{self._address} does not answer ({type(error).__name__})."
            ) from error
        if answer.status_code != HTTPStatus.ACCEPTED:
            raise NotReloadedError(f"{self._address} refuses: {_detail(answer)}")
        return _read(answer, _Job)

    def _look(self, client: httpx.Client, job_id: str) -> _Job:
        """The job as it stands, also where the service is away for a while."""
        give_up = time.monotonic() + _PATIENCE_S
        while True:
            try:
                answer = client.get(f"/v1/admin/jobs/{job_id}")
            except httpx.HTTPError as error:
                trouble = f"does not answer any more ({type(error).__name__})"
            else:
                if answer.is_success:
                    return _read(answer, _Job)
                trouble = f"does not tell of job {job_id} any more: {_detail(answer)}"
                if not answer.is_server_error:
                    raise NotReloadedError(f"{self._address} {trouble}")
            if time.monotonic() > give_up:
                raise NotReloadedError(f"{self._address} {trouble} The job may still go on.")
            time.sleep(_POLL_S)


def _time_left(job: _Job) -> str:
    return "" if job.time_left_s is None else f"{job.time_left_s:.0f} s left"


def _read(answer: httpx.Response, kind: type[Answer]) -> Answer:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.MsgspecError as error:
        raise NotReloadedError(f"{answer.url} is not Farsight's: {error}.") from error


def _detail(answer: httpx.Response) -> str:
    """What a problem document says, or whatever came instead of one."""
    try:
        return msgspec.json.decode(answer.content, type=_Problem).detail
    except msgspec.MsgspecError:
        return f"it answers {answer.status_code} {answer.reason_phrase}."
