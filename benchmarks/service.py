"""The service of a checkout in a separate process, used over HTTP alone.

Only its API is known, so that one script can drive this commit and one to compare with.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

import httpx
import numpy as np

from app.vision.model_files import CENTERFACE, fetch
from benchmarks.material import SHARED
from benchmarks.subjects import Box

_HERE = Path(__file__).parents[1]
MAX_FACES = 100

_PATIENCE_S = 180.0
_LOOK_EVERY_S = 0.1


class BenchmarkError(Exception):
    """A service did not start, or refused what it should not have refused."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit's files.

    Attributes:
        name: How tables call it.
        folder: Its root.
    """

    name: str
    folder: Path


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """A running service.

    Attributes:
        name: How tables call it.
        url: Where it listens.
        key: With the requested scopes.
        other_key: Somebody else's, with the scope `identify`.
        process_id: Of the process.
        http: Sends the key with every request.
    """

    name: str
    url: str
    key: str
    other_key: str
    process_id: int
    http: httpx.Client

    def identify(self, photo: bytes, **fields: object) -> dict[str, Any]:
        """The answer of `/v1/identify`, with as many faces as it returns."""
        form = {"max_faces": str(MAX_FACES), **{name: str(value) for name, value in fields.items()}}
        answer = self.http.post("/v1/identify", data=form, files={"photos": photo})
        return _read(answer)

    def similarity(self, photo: bytes, other: bytes) -> float | None:
        """Of the largest faces of two photos; None if one shows no face."""
        answer = self.http.post("/v1/verify", files={"photo": photo, "other_photo": other})
        is_refused = answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
        return None if is_refused else float(_read(answer)["similarity"])

    def register(self, user_id: str, photos: Sequence[bytes]) -> list[str]:
        """Registers somebody; why photos were not accepted."""
        form = {"user_id": user_id, "allow_duplicate": "true"}
        files = [("photos", (f"{index}.jpg", photo)) for index, photo in enumerate(photos)]
        reports = _read(self.http.post("/v1/users", data=form, files=files))["photos"]
        return [str(report["reason"]) for report in reports if not report["accepted"]]

    def knows(self, word: str) -> bool:
        """Whether its API has this word."""
        return f'"{word}"' in self.http.get("/openapi.json").text


def boxes_of(answer: Mapping[str, Any]) -> list[Box]:
    """Of the faces in an answer of `identify`."""
    boxes = [face["box"] for face in answer["faces"]]
    return [np.array([box["x"], box["y"], box["width"], box["height"]]) for box in boxes]


def checkouts(base: Path | None) -> list[Checkout]:
    """Those to be measured: one to compare with, if given, and this one."""
    here = Checkout("here", _HERE)
    return [here] if base is None else [Checkout("base", base.resolve()), here]


def detectors_folder(detector: str) -> Path:
    """Where the detector's file is; CenterFace is downloaded if it is missing."""
    if detector == "centerface":
        return fetch(CENTERFACE, _HERE / "data" / "detectors").parent
    return (SHARED / "weights").resolve()


@contextmanager
def serving(
    checkout: Checkout,
    detector: str,
    scopes: Sequence[str] = ("enroll", "identify"),
    **changes: str,
) -> Iterator[Service]:
    """Starts the service of a checkout on an empty database; ends it afterwards.

    Args:
        checkout: Whose code.
        detector: `yunet` or `centerface`.
        scopes: Of the key.
        changes: Further variables.

    Raises:
        BenchmarkError: It does not become ready.
    """
    with TemporaryDirectory() as folder:
        environment = {
            **_inherited(),
            "FARSIGHT_DETECTOR": detector,
            "FARSIGHT_DETECTORS": str(detectors_folder(detector)),
            "FARSIGHT_DATABASE__URL": f"sqlite+aiosqlite:///{folder}/farsight.db",
            **changes,
        }
        command = [sys.executable, "-m", "app"]
        keys = []
        for of_key in (scopes, ("identify",)):
            options = [word for scope in of_key for word in ("--scope", scope)]
            # S603, here and below: the command is made of this file's words and a folder.
            key = subprocess.run(  # noqa: S603 - our own words, no shell
                [*command, "keys", "create", *options],
                cwd=checkout.folder,
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            ).stdout.strip()
            keys.append(key)
        with started(checkout, [*command, "serve"], keys[0], keys[1], environment) as service:
            yield service


@contextmanager
def started(
    checkout: Checkout,
    command: Sequence[str],
    key: str = "none",
    other_key: str = "none",
    environment: Mapping[str, str] | None = None,
) -> Iterator[Service]:
    """Starts any server that speaks this part of the API; ends it afterwards.

    Args:
        checkout: Where it starts, and its name.
        command: What starts it; `--port` is added.
        key: That it expects.
        other_key: Another one.
        environment: All its variables; None for those of this process.

    Raises:
        BenchmarkError: It does not become ready.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    headers = {"Authorization": f"Bearer {key}"}
    with (
        TemporaryFile() as log,
        httpx.Client(base_url=url, headers=headers, timeout=_PATIENCE_S, trust_env=False) as http,
        # S603: commands of this package and a number.
        subprocess.Popen(  # noqa: S603 - our own words, no shell
            [*command, "--port", str(port)],
            cwd=checkout.folder,
            env=environment or _inherited(),
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            if not _gets_ready(http, process):
                log.seek(0)
                raise BenchmarkError(f"No server:\n{log.read().decode(errors='replace')}")
            yield Service(checkout.name, url, key, other_key, process.pid, http)
        finally:
            process.terminate()


def _inherited() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("FARSIGHT_")}


def _gets_ready(http: httpx.Client, process: subprocess.Popen[bytes]) -> bool:
    give_up = time.monotonic() + _PATIENCE_S
    while process.poll() is None and time.monotonic() < give_up:
        try:
            if http.get("/readyz").is_success:
                return True
        except httpx.TransportError:
            pass  # it does not listen yet
        time.sleep(_LOOK_EVERY_S)
    return False


def _read(answer: httpx.Response) -> dict[str, Any]:
    if not answer.is_success:
        raise BenchmarkError(f"{answer.request.url.path}: {answer.status_code} {answer.text}")
    content: dict[str, Any] = answer.json()
    return content
