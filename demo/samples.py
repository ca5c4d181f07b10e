"""Sample photos, taken from packages on PyPI; none is in the repository.

pip downloads the packages by name; they are not installed. Every photo is checked by its SHA-256,
wherever it comes from.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "farsight" / "samples"
"""Outside the work tree, so that the next clone finds them there."""

_DOWNLOAD_TIMEOUT_S = 600


class SampleError(Exception):
    """A sample photo is not available, or not the expected one."""


@dataclass(frozen=True, slots=True)
class Package:
    """A release on PyPI that holds sample photos.

    Attributes:
        requirement: Its line for pip. To find out what a source distribution needs, pip runs its
            `setup.py`, even if it only downloads; such a line pins the file's hash, which pip
            checks before it unpacks anything.
        is_source: Whether it is a source distribution, because the wheel has no photos.
        folder: Where the photos are in the archive.
        photos: Their names.
    """

    requirement: str
    is_source: bool
    folder: str
    photos: tuple[str, ...]


_SCIKIT_IMAGE = Package(
    requirement="scikit-image==0.26.0",
    is_source=False,
    folder="skimage/data",
    photos=("astronaut.png",),
)

PACKAGES = (
    Package(
        requirement="face-recognition==1.3.0 "
        "--hash=sha256:5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec",
        is_source=True,
        folder="face_recognition-1.3.0/tests/test_images",
        photos=(
            "obama.jpg",
            "obama2.jpg",
            "obama3.jpg",
            "obama_partial_face.jpg",
            "obama_partial_face2.jpg",
            "biden.jpg",
            "32bit.png",
        ),
    ),
    _SCIKIT_IMAGE,
    Package(
        requirement="insightface==2.1",
        is_source=False,
        folder="insightface/data/images",
        photos=(
            "t1.jpg",
            "Tom_Hanks_54745.png",
        ),
    ),
)

SMALL_FACES = replace(_SCIKIT_IMAGE, photos=("lfw_subset.npy",))
"""A hundred faces of 25 px, as an array; for the tests."""


def fetch_samples(folder: Path = CACHE, packages: Iterable[Package] = PACKAGES) -> dict[str, Path]:
    """Downloads the photos that are not in `folder` yet.

    Args:
        folder: Created if missing.
        packages: Where the photos are; by default the demo's.

    Returns:
        Each photo's path, by its name.

    Raises:
        SampleError: pip cannot get a package, or a photo has another SHA-256.
    """
    folder.mkdir(parents=True, exist_ok=True)
    packages = tuple(packages)
    for package in packages:
        missing = [name for name in package.photos if not (folder / name).is_file()]
        if missing:
            _take_out(package, missing, folder)
    paths = {name: folder / name for package in packages for name in package.photos}
    for name, path in paths.items():
        _check(name, path.read_bytes())
    return paths


def _take_out(package: Package, names: Iterable[str], folder: Path) -> None:
    """Writes photos of a package into `folder`, each whole or not at all."""
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=folder) as incoming:
        archive = _download(package, Path(incoming))
        for name in names:
            content = _read_member(archive, f"{package.folder}/{name}")
            _check(name, content)
            part = Path(incoming) / name
            part.write_bytes(content)
            part.replace(folder / name)


def _download(package: Package, folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(package.requirement + "\n", encoding="utf-8")
    name = package.requirement.partition("==")[0]
    kind = f"--no-binary={name}" if package.is_source else "--only-binary=:all:"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", kind]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    try:
        # S603: the command is made of constants and a temporary path.
        subprocess.run(  # noqa: S603 - our own words, no shell
            command, check=True, capture_output=True, text=True, timeout=_DOWNLOAD_TIMEOUT_S
        )
    except subprocess.CalledProcessError as error:
        raise SampleError(f"pip could not download {name}:\n{error.stderr.strip()}") from error
    except subprocess.TimeoutExpired as error:
        raise SampleError(
            f"pip did not download {name} within {_DOWNLOAD_TIMEOUT_S} seconds."
        ) from error
    (archive,) = (path for path in folder.iterdir() if path != requirements)
    return archive


def _read_member(archive: Path, member: str) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(member)
    with tarfile.open(archive) as source:
        file = source.extractfile(member)
        if file is None:
            raise SampleError(f"{member} in {archive.name} is not a file.")
        return file.read()


def _check(name: str, content: bytes) -> None:
    expected = _read_checksums()[name]
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise SampleError(f"{name} has SHA-256 {found}, not {expected}. Delete it and try again.")


@cache
def _read_checksums() -> dict[str, str]:
    """Name to SHA-256, from the list that `sha256sum --check` reads too."""
    lines = Path(__file__).with_name("samples.sha256").read_text(encoding="utf-8").splitlines()
    return {name: sha256 for sha256, name in (line.split() for line in lines)}
