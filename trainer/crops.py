"""Training crops on disk: read, named, and refused before any work if they cannot be used."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.errors import ImageTooLargeError, UnreadableImageError
from app.evaluation.photo_sets import people_below, people_in
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.image import Image, decode_image
from app.vision.scaling import Pixels
from trainer.errors import DataError

NO_PERSON = -1
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_MIN_PHOTOS_PER_PERSON = 2
_LISTED_AT_MOST = 10


@dataclass(frozen=True, slots=True)
class CropSet:
    """Aligned crops with their names.

    Attributes:
        files: Path relative to its folder's parent, one per crop.
        pixels: (n, 112, 112, 3) uint8 RGB.
        labels: (n,) index into `people`, or -1.
        people: Names of the classes.
        sharp: (n,) whether a pixel loss may use the crop as the truth.
        digests: SHA-256 of each file.
    """

    files: list[str]
    pixels: Pixels
    labels: NDArray[np.int64]
    people: list[str]
    sharp: NDArray[np.bool_]
    digests: list[str]

    def __len__(self) -> int:
        return len(self.files)

    def named(self) -> "CropSet":
        """The crops with a name."""
        return self._take(np.flatnonzero(self.labels != NO_PERSON))

    def first_photos(self, count: int) -> "CropSet":
        """At most this many of each person, without those that have no name."""
        of_people = [np.flatnonzero(self.labels == label) for label in range(len(self.people))]
        return self._take(np.sort(np.concatenate([of[:count] for of in of_people])))

    def _take(self, kept: NDArray[np.int64]) -> "CropSet":
        return replace(
            self,
            files=[self.files[index] for index in kept],
            pixels=self.pixels[kept],
            labels=self.labels[kept],
            sharp=self.sharp[kept],
            digests=[self.digests[index] for index in kept],
        )

    @property
    def data_list(self) -> str:
        """Digest and name of every file, a line each."""
        pairs = sorted(zip(self.files, self.digests, strict=True))
        return "".join(f"{digest}  {file}\n" for file, digest in pairs)

    @property
    def data_list_sha256(self) -> str:
        """One hash over all names and contents."""
        return hashlib.sha256(self.data_list.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    person: str | None
    sharp: bool


def load_crops(
    people_dirs: Sequence[Path] = (),
    soft_dirs: Sequence[Path] = (),
    unnamed_dirs: Sequence[Path] = (),
    skip_unreadable: bool = False,
    tell: Callable[[str], None] = print,
) -> CropSet:
    """Reads folders of aligned 112x112 crops.

    Args:
        people_dirs: One folder per person, sharp photos.
        soft_dirs: One folder per person, soft photos: for identity, never for pixels.
        unnamed_dirs: Sharp crops without names.
        skip_unreadable: Leave out files that cannot be read instead of stopping.
        tell: Told what was left out.

    Raises:
        DataError: An empty folder, a person with one photo, files that cannot be read, files of
            another size (all are counted, the first ten named).
    """
    entries = [_Entry(path, path.parent.name, True) for path in _photos_of_people(people_dirs)]
    entries += [_Entry(path, path.parent.name, False) for path in _photos_of_people(soft_dirs)]
    entries += [_Entry(path, None, True) for root in unnamed_dirs for path in _photos(root)]
    pixels = np.empty((len(entries), CROP_SIZE_PX, CROP_SIZE_PX, 3), dtype=np.uint8)
    kept: list[_Entry] = []
    digests: list[str] = []
    unreadable: list[str] = []
    wrong_size: list[str] = []
    for entry in entries:
        content = entry.path.read_bytes()
        image = _decoded(content)
        if image is None:
            unreadable.append(str(entry.path))
        elif image.shape != (CROP_SIZE_PX, CROP_SIZE_PX, 3):
            wrong_size.append(f"{entry.path} ({image.shape[1]}x{image.shape[0]})")
        else:
            pixels[len(kept)] = image
            kept.append(entry)
            digests.append(hashlib.sha256(content).hexdigest())

    if wrong_size:
        raise DataError(
            f"{_counted(wrong_size, 'file')} not {CROP_SIZE_PX}x{CROP_SIZE_PX} "
            f"(`prepare` makes such crops of photos): {_listed(wrong_size)}"
        )
    if unreadable:
        message = f"{_counted(unreadable, 'file')} not readable: {_listed(unreadable)}"
        if not skip_unreadable:
            raise DataError(f"{message}. Leave them out with --skip-unreadable.")
        tell(f"Left out: {message}")
    return _crop_set(kept, pixels[: len(kept)], digests)


def refuse_overlap(train: CropSet, validation: CropSet) -> None:
    """Checks that nobody is in both sets, by name or by picture.

    Raises:
        DataError: Somebody is.
    """
    if names := sorted(set(train.people) & set(validation.people)):
        raise DataError(f"{_counted(names, 'name')} both in train and in val: {_listed(names)}")
    by_digest = dict(zip(train.digests, train.files, strict=True))
    if twins := [by_digest[digest] for digest in validation.digests if digest in by_digest]:
        raise DataError(f"{_counted(twins, 'picture')} both in train and in val: {_listed(twins)}")


def clean_labels(crops: CropSet, embeddings: NDArray[np.float32], similarity: float) -> CropSet:
    """Removes the name of photos that do not look like their person.

    A few per cent of the names in collected data are wrong, and 4 % of wrong names among the
    validation people cost 7 points of TAR at FAR 1e-3 that no training can win back (measured on
    sharp photos with the stock network). A photo is compared with the mean of its person's other
    photos; its pixels stay useful either way.

    Args:
        crops: The named crops.
        embeddings: (n, size) of unit length, from a network that knows faces.
        similarity: Minimum similarity for keeping the name.
    """
    labels = crops.labels.copy()
    for label in range(len(crops.people)):
        members = np.flatnonzero(crops.labels == label)
        own = embeddings[members]
        others = own.sum(axis=0) - own
        likeness = (own * others).sum(axis=1) / np.linalg.norm(others, axis=1).clip(1e-6)
        labels[members[likeness < similarity]] = NO_PERSON
    return replace(crops, labels=labels)


def _crop_set(kept: list[_Entry], pixels: Pixels, digests: list[str]) -> CropSet:
    photos = Counter(entry.person for entry in kept if entry.person is not None)
    people = sorted(photos)
    # Counted here and not by folder: a file that was left out may have been somebody's second.
    if alone := [person for person in people if photos[person] < _MIN_PHOTOS_PER_PERSON]:
        raise DataError(
            f"{_counted(alone, 'person', 'people')} known by only one photo; two are needed: "
            f"{_listed(alone)}"
        )
    index: dict[str | None, int] = {person: label for label, person in enumerate(people)}
    return CropSet(
        files=["/".join(entry.path.parts[-3:]) for entry in kept],
        pixels=pixels,
        labels=np.array([index.get(entry.person, NO_PERSON) for entry in kept], np.int64),
        people=people,
        sharp=np.array([entry.sharp for entry in kept], np.bool_),
        digests=digests,
    )


def _decoded(content: bytes) -> Image | None:
    try:
        return decode_image(content)
    except (UnreadableImageError, ImageTooLargeError):
        return None


def _photos_of_people(roots: Sequence[Path]) -> list[Path]:
    photos = []
    for root in roots:
        folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
        if not folders:
            raise DataError(f"{root} contains no folders; expected one per person.")
        if not people_in(root) and (deeper := people_below(root)) is not None:
            raise DataError(f"The folders in {root} contain no photos. Did you mean {deeper}?")
        photos += [path for folder in folders for path in _photos(folder)]
    return photos


def _photos(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"The folder {folder} does not exist.")
    photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    if not photos:
        raise DataError(f"{folder} contains no photos.")
    return photos


def _counted(items: Sequence[str], one: str, many: str | None = None) -> str:
    return f"1 {one} is" if len(items) == 1 else f"{len(items)} {many or one + 's'} are"


def _listed(items: Sequence[str]) -> str:
    more = f" and {len(items) - _LISTED_AT_MOST} more" if len(items) > _LISTED_AT_MOST else ""
    return ", ".join(items[:_LISTED_AT_MOST]) + more
