"""Crops in memory, and batches drawn from them so that a seed decides everything.

A sample's chance depends on (seed, epoch, index) alone: the same whichever process draws it,
whatever was drawn before, and after a resume.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.degradation import SIZE_PX, Degradation, Pixels, degrade
from trainer.errors import DataError

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_MIN_PHOTOS_PER_PERSON = 2
NO_PERSON = -1


@dataclass(frozen=True, slots=True)
class CropSet:
    """Aligned crops with their names.

    Attributes:
        files: Path relative to its folder's parent, one per crop.
        pixels: (n, 112, 112, 3) uint8 RGB.
        labels: (n,) index into `people`, or -1.
        people: Names of the classes.
        sharp: (n,) whether a pixel loss may take the crop for the truth.
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

    @property
    def data_list(self) -> str:
        """Digest and name of every file, a line each."""
        pairs = sorted(zip(self.files, self.digests, strict=True))
        return "".join(f"{digest}  {file}\n" for file, digest in pairs)

    @property
    def data_list_sha256(self) -> str:
        """One hash over all names and contents."""
        return hashlib.sha256(self.data_list.encode()).hexdigest()


def load_crops(
    people_dirs: Sequence[Path] = (),
    soft_dirs: Sequence[Path] = (),
    unnamed_dirs: Sequence[Path] = (),
    skip_unreadable: bool = False,
) -> CropSet:
    """Reads folders of aligned 112x112 crops.

    Args:
        people_dirs: One folder per person, sharp sources.
        soft_dirs: One folder per person, soft sources: for identity, never for pixels.
        unnamed_dirs: Sharp crops without names.
        skip_unreadable: Leave out files that cannot be read instead of stopping.

    Raises:
        DataError: An empty folder, a person with one photo, an unreadable or wrong-sized file
            (all of them are named).
    """
    named = [(path, path.parent.name, True) for root in people_dirs for path in _people(root)]
    named += [(path, path.parent.name, False) for root in soft_dirs for path in _people(root)]
    entries: list[tuple[Path, str | None, bool]] = [*named]
    entries += [(path, None, True) for root in unnamed_dirs for path in _images(root)]
    people = sorted({name for _, name, _ in named})
    index = {name: label for label, name in enumerate(people)}

    pixels = np.empty((len(entries), SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    kept: list[tuple[Path, str | None, bool, str]] = []
    unreadable: list[str] = []
    for path, name, sharp in entries:
        content = path.read_bytes()
        image = (
            cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
        )
        if image is None or image.shape != (SIZE_PX, SIZE_PX, 3):
            unreadable.append(str(path))
            continue
        pixels[len(kept)] = image[:, :, ::-1]
        kept.append((path, name, sharp, hashlib.sha256(content).hexdigest()))
    if unreadable and not skip_unreadable:
        raise DataError(
            f"{len(unreadable)} files are not readable {SIZE_PX}x{SIZE_PX} images "
            f"(--skip-unreadable leaves them out): {', '.join(unreadable[:10])}"
        )
    return CropSet(
        files=["/".join(path.parts[-3:]) for path, _, _, _ in kept],
        pixels=pixels[: len(kept)],
        labels=np.array([NO_PERSON if n is None else index[n] for _, n, _, _ in kept], np.int64),
        people=people,
        sharp=np.array([sharp for _, _, sharp, _ in kept], np.bool_),
        digests=[digest for _, _, _, digest in kept],
    )


def refuse_overlap(train: CropSet, validation: CropSet) -> None:
    """Nobody may be in both sets, by name or by picture.

    Raises:
        DataError: Somebody is.
    """
    if names := sorted(set(train.people) & set(validation.people)):
        raise DataError(f"{len(names)} people are in train and in val, the first: {names[0]}")
    if shared := set(train.digests) & set(validation.digests):
        twin = train.files[train.digests.index(min(shared))]
        raise DataError(f"{len(shared)} pictures are in train and in val, one of them: {twin}")


def clean_labels(crops: CropSet, embeddings: NDArray[np.float32], similarity: float) -> CropSet:
    """Takes the name from photos that do not look like their person.

    A few per cent of the names in collected data are wrong. A photo is compared with the mean of
    its person's other photos; its pixels stay useful either way.

    Args:
        crops: The named crops.
        embeddings: (n, size) of unit length, from a network that knows faces.
        similarity: Least similarity to keep the name.
    """
    labels = crops.labels.copy()
    for label in range(len(crops.people)):
        members = np.flatnonzero(crops.labels == label)
        own = embeddings[members]
        others = own.sum(axis=0) - own
        likeness = (own * others).sum(axis=1) / np.linalg.norm(others, axis=1).clip(1e-6)
        labels[members[likeness < similarity]] = NO_PERSON
    return replace(crops, labels=labels)


class Batch(msgspec.Struct, frozen=True):
    """One step's worth of faces, scaled to [-1, 1], channels-last.

    A struct, not a dataclass: Fabric would reach into a dataclass and cut targets to 16 bits.

    Attributes:
        low: (batch, 3, 112, 112) degraded and enlarged.
        high: (batch, 3, 112, 112) the sharp crop, moved as the degraded one was.
        face_px: (batch,) size of the degraded view.
        target: (batch, size) the stock network's embedding of the untouched crop.
        labels: (batch,) class or -1.
        sharp: (batch,) 1 where a pixel loss counts.
        files: Names, for error messages.
    """

    low: Tensor
    high: Tensor
    face_px: Tensor
    target: Tensor
    labels: Tensor
    sharp: Tensor
    files: list[str]

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        return msgspec.structs.replace(
            self,
            low=self.low.to(device),
            high=self.high.to(device),
            face_px=self.face_px.to(device),
            target=self.target.to(device),
            labels=self.labels.to(device),
            sharp=self.sharp.to(device),
        )


class Batches:
    """The order of the crops and what is done to each, for every epoch.

    Args:
        crops: Where the batches come from.
        targets: (2, n, size) stock embeddings of each crop, plain and mirrored.
        degradation: How hard.
        batch_size: Faces per step over all processes together.
        seed: Decides everything.
        rank: This process.
        world_size: Number of processes; divides `batch_size`.
    """

    def __init__(
        self,
        crops: CropSet,
        targets: NDArray[np.float32],
        degradation: Degradation,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if batch_size % world_size:
            raise DataError(f"A batch of {batch_size} cannot be split over {world_size} processes.")
        if len(crops) < batch_size:
            raise DataError(f"{len(crops)} crops do not fill one batch of {batch_size}.")
        self._crops, self._targets, self._degradation = crops, targets, degradation
        self._batch_size, self._seed = batch_size, seed
        self._rank, self._world_size = rank, world_size

    def __len__(self) -> int:
        """Steps per epoch; what does not fill a batch waits for another epoch's order."""
        return len(self._crops) // self._batch_size

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, this process's share of each, from a step on."""
        order = np.random.default_rng((self._seed, epoch)).permutation(len(self._crops))
        for step in range(first_step, len(self)):
            members = order[step * self._batch_size : (step + 1) * self._batch_size]
            yield self._batch(epoch, members[self._rank :: self._world_size])

    def _batch(self, epoch: int, members: NDArray[np.int64]) -> Batch:
        low, high, face_px, mirrored = [], [], [], []
        for index in members:
            rng = np.random.default_rng((self._seed, epoch, int(index)))
            crop = self._crops.pixels[index]
            mirror = bool(rng.integers(2))
            if mirror:
                crop = np.ascontiguousarray(crop[:, ::-1])
            size = self._degradation.draw_face_px(rng)
            view, moved = degrade(crop, size, self._degradation, rng)
            low.append(view)
            high.append(moved)
            face_px.append(size)
            mirrored.append(int(mirror))
        return Batch(
            low=to_input(np.stack(low)),
            high=to_input(np.stack(high)),
            face_px=torch.tensor(face_px, dtype=torch.float32),
            target=torch.from_numpy(self._targets[mirrored, members]),
            labels=torch.from_numpy(self._crops.labels[members]),
            sharp=torch.from_numpy(self._crops.sharp[members]).float(),
            files=[self._crops.files[index] for index in members],
        )


def to_input(pixels: Pixels) -> Tensor:
    """(n, 112, 112, 3) uint8 RGB to (n, 3, 112, 112) float32 in [-1, 1], channels-last."""
    return (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127.5) / 127.5


def _people(root: Path) -> list[Path]:
    """Pictures of a folder of folders; every folder is a person with at least two of them."""
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    if not folders:
        raise DataError(f"{root} has no folders; one per person is expected.")
    pictures = {folder: _images(folder) for folder in folders}
    alone = [
        folder.name for folder, files in pictures.items() if len(files) < _MIN_PHOTOS_PER_PERSON
    ]
    if alone:
        raise DataError(f"{len(alone)} people in {root} have one photo, the first: {alone[0]}")
    return [path for files in pictures.values() for path in files]


def _images(folder: Path) -> list[Path]:
    files = (
        sorted(p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES)
        if folder.is_dir()
        else []
    )
    if not files:
        raise DataError(f"{folder} holds no photos.")
    return files
