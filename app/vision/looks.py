"""Parts of a photo, shrunk, enlarged or turned, as a detector sees them; and the way back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.vision.alignment import warp
from app.vision.detector import Detector, Face
from app.vision.image import Image, Rect

_GREY = 128
# As large as a tile of the candidate look: a photo full of faces must not need more memory.
_SHEET_SIDE_PX = 1024
# In a mirrored picture the left eye is the right one, and so is the corner of the mouth.
_MIRRORED_LANDMARKS = [1, 0, 2, 4, 3]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A picture made of a part of a photo.

    Attributes:
        picture: (height, width, 3) uint8, RGB.
        to_photo: (2, 3): where a point of the picture lies in the photo. In both, (0, 0) is the
            centre of the first pixel.
    """

    picture: Image
    to_photo: NDArray[np.float64]

    def turned(self, quarter_turns: int) -> "View":
        """The view turned counter-clockwise, 0 to 3 times by 90 degrees."""
        if not quarter_turns:
            return self
        height, width = self.picture.shape[:2]
        by, before = (
            (cv2.ROTATE_90_COUNTERCLOCKWISE, [[0, -1, width - 1], [1, 0, 0], [0, 0, 1]]),
            (cv2.ROTATE_180, [[-1, 0, width - 1], [0, -1, height - 1], [0, 0, 1]]),
            (cv2.ROTATE_90_CLOCKWISE, [[0, 1, 0], [-1, 0, height - 1], [0, 0, 1]]),
        )[quarter_turns - 1]
        picture = np.asarray(cv2.rotate(self.picture, by), dtype=np.uint8)
        return View(picture, self.to_photo @ np.array(before, dtype=np.float64))

    def mirrored(self) -> "View":
        """The view with left and right exchanged."""
        before = [[-1, 0, self.picture.shape[1] - 1], [0, 1, 0], [0, 0, 1]]
        picture = np.asarray(cv2.flip(self.picture, 1), dtype=np.uint8)
        return View(picture, self.to_photo @ np.array(before, dtype=np.float64))

    def scaled(self, scale: float) -> "View":
        """The view enlarged by `scale`."""
        height, width = self.picture.shape[:2]
        view = part_of(self.picture, (0, 0, width, height), scale)
        return View(view.picture, self.to_photo @ np.vstack([view.to_photo, [0, 0, 1]]))

    def in_photo(self, face: Face) -> Face:
        """Faces found in the picture, in px of the photo."""
        return _in_photo([face], self.to_photo[np.newaxis])[0]

    def of_photo(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where (n, 2) points of the photo lie in the picture."""
        inverse = np.linalg.inv(self.to_photo[:, :2])
        mapped: NDArray[np.float64] = (points - self.to_photo[:, 2]) @ inverse.T
        return mapped


def part_of(photo: Image, rect: Rect, scale: float) -> View:
    """A rectangle of a photo, enlarged by `scale`."""
    x, y, width, height = rect
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = photo[y : y + height, x : x + width]
    if size != (width, height):
        # Enlarging gains no detail from a better method.
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, size, interpolation=method), dtype=np.uint8)
    by_x, by_y = width / size[0], height / size[1]
    to_photo = [[by_x, 0, x + (by_x - 1) / 2], [0, by_y, y + (by_y - 1) / 2]]
    return View(picture, np.array(to_photo, dtype=np.float64))


def in_square(whole: View, side_px: int) -> View:
    """A shrunk view in the middle of a square; the rest is grey."""
    view = whole.scaled(side_px / max(whole.picture.shape[:2]))
    top, left = ((side_px - side) // 2 for side in view.picture.shape[:2])
    square = np.full((side_px, side_px, 3), _GREY, dtype=np.uint8)
    square[top : top + len(view.picture), left : left + view.picture.shape[1]] = view.picture
    shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], dtype=np.float64)
    return View(square, view.to_photo @ shift)


def around_face(photo: Image, face: Face, face_side_px: int, side_px: int) -> View:
    """A square around a face, scaled to its box; beyond the photo the border is repeated."""
    x, y, width, height = face.box
    scale = face_side_px / math.sqrt(width * height)
    middle = np.array([x + width / 2, y + height / 2])
    shift = (side_px - 1) / 2 - scale * middle
    to_view = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    to_photo = np.array([[1 / scale, 0, -shift[0] / scale], [0, 1 / scale, -shift[1] / scale]])
    return View(warp(photo, to_view, side_px, cv2.BORDER_REPLICATE), to_photo)


def look(detector: Detector, view: View, min_score: float) -> list[Face]:
    """The faces that a detector finds in a view, in px of the photo, best first."""
    found = detector.detect(view.picture, min_score)
    return _in_photo(found, np.broadcast_to(view.to_photo, (len(found), 2, 3)))


def look_together(
    detector: Detector, views: Sequence[View], min_score: float
) -> list[tuple[int, Face]]:
    """The faces that a detector finds in square views of one size, laid side by side on sheets.

    Returns:
        Index of the view and the face in px of the photo; of each view best first.
    """
    if not views:
        return []
    side = len(views[0].picture)
    per_sheet = max(1, _SHEET_SIDE_PX // side) ** 2
    return [
        (first + index, face)
        for first in range(0, len(views), per_sheet)
        for index, face in _look_at_sheet(detector, views[first : first + per_sheet], min_score)
    ]


def _look_at_sheet(
    detector: Detector, views: Sequence[View], min_score: float
) -> list[tuple[int, Face]]:
    side = len(views[0].picture)
    columns = math.ceil(math.sqrt(len(views)))
    rows = math.ceil(len(views) / columns)
    sheet = np.full((rows * side, columns * side, 3), _GREY, dtype=np.uint8)
    for index, view in enumerate(views):
        x, y = index % columns * side, index // columns * side
        sheet[y : y + side, x : x + side] = view.picture
    found, indices, to_photo = [], [], []
    for face in detector.detect(sheet, min_score):
        left, top, width, height = face.box
        column, row = int((left + width / 2) // side), int((top + height / 2) // side)
        index = row * columns + column
        if 0 <= column < columns and 0 <= index < len(views):
            of_view = views[index].to_photo
            shift = of_view[:, :2] @ np.array([column * side, row * side])
            to_photo.append(np.column_stack([of_view[:, :2], of_view[:, 2] - shift]))
            indices.append(index)
            found.append(face)
    return list(zip(indices, _in_photo(found, np.reshape(to_photo, (-1, 2, 3))), strict=True))


def _in_photo(faces: Sequence[Face], to_photo: NDArray[np.float64]) -> list[Face]:
    """Faces in px of the photo.

    Args:
        faces: In px of pictures.
        to_photo: (n, 2, 3): for each face, where a point of its picture lies in the photo.
    """
    if not faces:
        return []
    linear, shift = to_photo[:, :, :2].transpose(0, 2, 1), to_photo[:, np.newaxis, :, 2]
    corners = np.array([face.box for face in faces]).reshape(-1, 2, 2)
    corners[:, 1] += corners[:, 0]
    corners = corners @ linear + shift
    landmarks = np.stack([face.landmarks for face in faces]) @ linear + shift
    mirrored = np.linalg.det(linear) < 0
    landmarks[mirrored] = landmarks[mirrored][:, _MIRRORED_LANDMARKS]
    first, last = corners.min(axis=1), corners.max(axis=1)
    boxes = np.concatenate([first, last - first], axis=1).tolist()
    return [
        Face((x, y, width, height), points, face.score)
        for (x, y, width, height), points, face in zip(
            boxes, landmarks.astype(np.float32), faces, strict=True
        )
    ]
