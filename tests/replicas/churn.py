"""Somebody who comes and goes without pause, and what is answered about them."""

import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

import httpx

from farsight_client import ApiError, Client
from tests.program import PATIENCE_S

_AGE = "Farsight-Gallery-Age-S"


@dataclass(frozen=True, slots=True)
class Look:
    """An identification of the person.

    Attributes:
        began_s: When it was asked.
        is_right: Whether it told what had been answered before.
        age_s: How old the gallery was, as the answer says.
    """

    began_s: float
    is_right: bool
    age_s: float


@dataclass(slots=True)
class Change:
    """A registration or an erasure, and the identifications after it.

    Attributes:
        is_there: Whether the person is to be known.
        asked_s: When it was asked for.
        done_s: When it was answered.
        looks: In the order of time.
    """

    is_there: bool
    asked_s: float
    done_s: float
    looks: list[Look] = field(default_factory=list)

    @property
    def stale_s(self) -> float:
        """How long after it the last wrong answer was asked for; 0 if there was none."""
        return max([look.began_s - self.done_s for look in self.looks if not look.is_right] + [0.0])

    def older_than_told(self) -> list[Look]:
        """Wrong answers of galleries that are said to be newer than the change."""
        return [
            look
            for look in self.looks
            if not look.is_right and look.began_s - look.age_s > self.done_s
        ]


class Churn:
    """Registers and erases one person again and again, and identifies them in between.

    Args:
        url: Of a service, or of what stands before several.
        key: For registration and identification.
        photos: Of the person, the last one to ask with.
        is_whole: False where they are aligned crops.
        name: Ids begin with it.
    """

    def __init__(
        self, url: str, key: str, photos: Sequence[bytes], *, is_whole: bool, name: str = "guest"
    ) -> None:
        self._name = name
        self._url, self._key, self._is_whole = url, key, is_whole
        *self._photos, self._probe = photos
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._come_and_go)
        self.changes: list[Change] = []
        self.failures: list[str] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Within it, it goes on; the last round is ended."""
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join(PATIENCE_S)

    def _come_and_go(self) -> None:
        headers = {"Authorization": f"Bearer {self._key}"}
        with (
            Client(self._url, self._key) as client,
            httpx.Client(base_url=self._url, headers=headers, timeout=PATIENCE_S) as http,
        ):
            for number in itertools.count():
                if self._ended.is_set():
                    return
                user_id = f"{self._name}-{number}"
                try:
                    self._register(client, http, user_id)
                    self._erase(http, user_id)
                except ApiError as error:
                    self.failures.append(f"register: {error}")

    def _register(self, client: Client, http: httpx.Client, user_id: str) -> None:
        asked_s = monotonic()
        client.register(user_id, self._photos, detect=self._is_whole)
        self._look(http, Change(True, asked_s, monotonic()), user_id)

    def _erase(self, http: httpx.Client, user_id: str) -> None:
        asked_s = monotonic()
        answer = http.delete(f"/v1/users/{user_id}")
        # 404: the service that died had erased them, and the other one was asked again.
        if answer.status_code not in {202, 204, 404}:
            self.failures.append(f"erase: {answer.status_code}")
        self._look(http, Change(False, asked_s, monotonic()), user_id)

    def _look(self, http: httpx.Client, change: Change, user_id: str) -> None:
        """Asks until both services must have answered rightly, several times."""
        self.changes.append(change)
        expected = user_id if change.is_there else None
        right = 0
        while right < _RIGHT_IN_A_ROW and monotonic() - change.done_s < PATIENCE_S:
            began_s = monotonic()
            answer = http.post(
                "/v1/identify",
                data={"detect": str(self._is_whole).lower()},
                files={"photos": self._probe},
            )
            if answer.status_code != httpx.codes.OK:
                self.failures.append(f"identify: {answer.status_code} {answer.text[:200]}")
                continue
            (face,) = answer.json()["faces"]
            is_right = face["user_id"] == expected
            change.looks.append(Look(began_s, is_right, float(answer.headers[_AGE])))
            right = right + 1 if is_right else 0


_RIGHT_IN_A_ROW = 6
