"""The event stream of a job, as both clients read it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import httpx

from farsight_client.error import ApiError
from farsight_client.operator_answers import Job
from farsight_client.operator_calls import job_events

PAUSE_S = 1.0
"""Wait before opening a new stream after one broke off."""

_DATA = b"data:"


class Watch:
    """Follows a job over as many streams as needed.

    Args:
        job_id: The job.
        patience_s: How long the service may be away, for instance during a restart.
    """

    def __init__(self, job_id: str, patience_s: float) -> None:
        self.call = job_events(job_id)
        self._patience_s = patience_s
        self._away_since_s: float | None = None
        self._line = b""
        self._job: Job | None = None

    @property
    def ended(self) -> bool:
        """Whether the job has ended."""
        return self._job is not None and self._job.state != "running"

    def news(self, answer: httpx.Response, chunk: bytes) -> Iterator[Job]:
        """The news in a further piece of the stream.

        Raises:
            ApiError: It is not such a stream.
        """
        *lines, self._line = (self._line + chunk).split(b"\n")
        for line in lines:
            # The service writes an event's data in one line.
            if line.startswith(_DATA):
                job = self.call.decode(answer, line.removeprefix(_DATA))
                self._away_since_s = None
                if job != self._job:
                    self._job = job
                    yield job

    @contextmanager
    def bearing(self) -> Iterator[None]:
        """While inside, a stream is read, and breaks are tolerated for a while.

        Raises:
            ApiError: The service refuses, or has been away for too long.
        """
        self._line = b""
        try:
            yield
        except ApiError as error:
            refused = error.status is not None and error.status < HTTPStatus.INTERNAL_SERVER_ERROR
            now_s = time.monotonic()
            if self._away_since_s is None:
                self._away_since_s = now_s
            if refused or now_s - self._away_since_s >= self._patience_s:
                raise
