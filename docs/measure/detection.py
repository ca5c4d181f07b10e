"""Prints the tables of docs/decisions/0003-detection-policy.md: `python docs/measure/detection.py`.

Photos are shrunk until the face is `face_px` wide. The truth is what the same detector finds in the
photo as it was. `error`: mean distance of the landmarks from there, in per cent of `face_px`.
`genuine`: cosine between the embeddings of this crop and the crop of the photo as it was.
"""

import time
from dataclasses import dataclass, replace

import numpy as np
from material import Embedder, Vectors, limit_threads, load_detectors, read_images, scaled, show
from numpy.typing import NDArray

from app.vision.alignment import align
from app.vision.detection import DEFAULT_POLICY, DetectionPolicy, find_faces
from app.vision.detector import Detector, Face, distinct
from app.vision.image import Image

FIRST_LOOK = DetectionPolicy(max_side_px=640, enlarge=1.0)
WHOLE_PHOTO = DetectionPolicy(max_side_px=100_000, enlarge=1.0)


@dataclass(frozen=True, slots=True)
class Subject:
    """A photo's largest face, as found in the photo as it was."""

    photo: Image
    face: Face
    face_px: float
    embedding: Vectors

    def shrunk(self, face_px: float) -> tuple[Image, Face]:
        """The photo with this face at `face_px`, and where the face is then."""
        small = scaled(self.photo, face_px / self.face_px)
        factor = np.array(small.shape[1::-1]) / self.photo.shape[1::-1]
        landmarks = ((self.face.landmarks + 0.5) * factor - 0.5).astype(np.float32)
        x, y, width, height = (float(v) for v in np.array(self.face.box) * np.tile(factor, 2))
        return small, Face((x, y, width, height), landmarks, self.face.score)


def read_subjects(detector: Detector, embed: Embedder) -> list[Subject]:
    """One for every photo."""
    subjects = []
    for photo in read_images("photos")[0]:
        faces = find_faces(detector, photo, FIRST_LOOK)
        face = max(faces, key=lambda face: face.box[2] * face.box[3])
        crop = align(photo, face.landmarks)
        subjects.append(Subject(photo, face, crop.face_px, embed([crop.pixels])[0]))
    return subjects


class Tally:
    """Collects what was found of what was there."""

    def __init__(self, embed: Embedder) -> None:
        self._embed = embed
        self._there = 0
        self._errors: list[float] = []
        self._crops: list[NDArray[np.uint8]] = []
        self._embeddings: list[Vectors] = []

    def add(self, picture: Image, faces: list[Face], subject: Subject, truth: Face) -> None:
        """One face that is in the picture."""
        self._there += 1
        hits = [face for face in faces if len(distinct([truth, face])) == 1]
        if hits:
            off = np.linalg.norm(hits[0].landmarks - truth.landmarks, axis=1).mean()
            crop = align(picture, hits[0].landmarks)
            self._errors.append(float(off) / align(picture, truth.landmarks).face_px)
            self._crops.append(crop.pixels)
            self._embeddings.append(subject.embedding)

    def row(self) -> str:
        """Recall, error, genuine similarity."""
        genuine = (self._embed(self._crops) * np.stack(self._embeddings)).sum(axis=1).mean()
        found = len(self._errors) / self._there
        return f"{found:7.1%} {np.mean(self._errors):8.1%} {genuine:8.3f}"


def measure_looks(detector: Detector, subjects: list[Subject], embed: Embedder) -> None:
    """Small photos: at which enlargement is a face of a given size found best?"""
    looks = {f"x{times}": replace(WHOLE_PHOTO, enlarge=times) for times in (1, 2, 3, 4)}
    looks = {
        name: replace(look, enlarge_below_px=100_000, max_enlarged_side_px=100_000)
        for name, look in looks.items()
    }
    looks["policy"] = DEFAULT_POLICY
    for face_px in (12, 16, 24, 32, 48, 64):
        for name, look in looks.items():
            tally, seconds = Tally(embed), 0.0
            for subject in subjects:
                small, truth = subject.shrunk(face_px)
                start = time.perf_counter()
                faces = find_faces(detector, small, look)
                seconds += time.perf_counter() - start
                tally.add(small, faces, subject, truth)
            show(f"{face_px:7} {name:>7} {tally.row()} {seconds / len(subjects) * 1000:7.1f}")


def measure_canvases(detector: Detector, subjects: list[Subject], embed: Embedder) -> None:
    """Photos of 1280x960 with 24 small faces each: how far must they be enlarged?"""
    for face_px in (16, 24, 32):
        for side in (1280, 1920, 2560, 3840):
            look = DetectionPolicy(enlarge_below_px=100_000, max_enlarged_side_px=side)
            tally, seconds = Tally(embed), 0.0
            for first in range(0, len(subjects), 24):
                canvas, members = np.full((960, 1280, 3), 110, np.uint8), []
                for place, subject in enumerate(subjects[first : first + 24]):
                    small, truth = subject.shrunk(face_px)
                    x, y = place % 6 * 210 + 5, place // 6 * 235 + 5
                    small = small[:200, :200]
                    canvas[y : y + small.shape[0], x : x + small.shape[1]] = small
                    box = (truth.box[0] + x, truth.box[1] + y, *truth.box[2:])
                    landmarks = (truth.landmarks + np.array([x, y])).astype(np.float32)
                    members.append((subject, Face(box, landmarks, truth.score)))
                start = time.perf_counter()
                faces = find_faces(detector, canvas, look)
                seconds += time.perf_counter() - start
                for subject, truth in members:
                    tally.add(canvas, faces, subject, truth)
            photos = -(-len(subjects) // 24)
            show(f"{face_px:7} {side:7} {tally.row()} {seconds / photos * 1000:7.0f}")


def measure_large(detector: Detector, subjects: list[Subject]) -> None:
    """Faces that fill the photo: above which size are they missed?"""
    large = [s for s in subjects if s.face_px > 0.45 * max(s.photo.shape[:2])]
    for side in (320, 640, 960, 1280, 1920):
        found = 0
        for subject in large:
            picture, truth = subject.shrunk(side * subject.face_px / max(subject.photo.shape[:2]))
            faces = find_faces(detector, picture, WHOLE_PHOTO)
            found += any(len(distinct([truth, face])) == 1 for face in faces)
        show(f"{side:7} {found:4} of {len(large)}")


def main() -> None:
    """All tables, for each detector."""
    limit_threads()
    embed = Embedder()
    for name, detector in load_detectors().items():
        subjects = read_subjects(detector, embed)
        show(f"\n{name}: {len(subjects)} photos shrunk")
        show("face_px enlarge   found    error  genuine      ms")
        measure_looks(detector, subjects, embed)
        show(f"\n{name}: photos of 1280x960")
        show("face_px   to px   found    error  genuine      ms")
        measure_canvases(detector, subjects, embed)
        show(f"\n{name}: faces that fill the photo\n side px found")
        measure_large(detector, subjects)


if __name__ == "__main__":
    main()
