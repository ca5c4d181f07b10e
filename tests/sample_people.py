"""People to enrol, out of sample pictures that lie in packages; anybody can run these tests.

Of most of them there is one picture. Their further photos are made of it: turned, shifted, bent a
little and lit in another way, so that no two count as copies of one photo. That is good enough to
be recognised; how well strangers are told apart is measured on research photos.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from app.vision.alignment import ARCFACE_TEMPLATE, similarity_transform
from app.vision.image import Image, decode_image

PHOTO_SIZE = (240, 300)
"""Width and height of the photos in px; faces are about 105 px wide."""

PHOTOS = 8
"""How many there are of each person."""

_FACE_PX = 105.0
_FACE_AT = (120.0, 130.0)
_CROP_PX = 112
# Where eyes and mouths of these pictures are, against the template: found by trying which shift
# makes strangers the least alike.
_SMALL_FACES_LOWER_BY_PX = 10
# Of the hundred small faces those of different people who resemble each other least, and whom
# nothing hides.
_UNLIKE = (
    *(7, 8, 10, 11, 12, 13, 15, 17, 22, 25, 27, 28, 29, 31, 41, 47, 50),
    *(52, 58, 60, 64, 66, 69, 72, 76, 77, 79, 81, 82, 84, 86, 88, 97, 99),
    *(48, 38, 55, 34, 67, 80, 45, 14, 70, 54, 23, 44, 61, 63, 98, 90, 57, 49, 18, 83, 93, 53, 59),
)

_Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class _Source:
    """A face of a sample picture, and the five landmarks that a detector finds there."""

    picture: str
    landmarks: _Points


_SOURCES: Mapping[str, tuple[_Source, ...]] = {
    "anna": (
        _Source("astronaut.png", ((202, 101), (246, 102), (223, 125), (204, 144), (242, 145))),
    ),
    "bert": (_Source("biden.jpg", ((534, 325), (665, 352), (599, 415), (512, 458), (624, 481))),),
    "carl": (
        _Source("obama.jpg", ((437, 209), (553, 210), (499, 271), (446, 327), (546, 328))),
        _Source("obama2.jpg", ((250, 373), (372, 385), (285, 446), (249, 508), (353, 516))),
        _Source("obama3.jpg", ((735, 382), (860, 389), (808, 449), (737, 505), (843, 511))),
    ),
    "dora": (
        _Source("grace_hopper.jpg", ((222, 193), (307, 189), (267, 234), (232, 273), (303, 270))),
    ),
    "emil": (_Source("Tom_Hanks_54745.png", ((35, 50), (73, 51), (58, 73), (37, 88), (69, 89))),),
    "fred": (_Source("t1.jpg", ((759, 399), (803, 399), (773, 426), (767, 447), (803, 446))),),
    "gina": (_Source("t1.jpg", ((88, 327), (127, 307), (121, 342), (114, 368), (148, 352))),),
    "hugo": (_Source("t1.jpg", ((492, 322), (542, 334), (507, 356), (484, 371), (526, 381))),),
    "ida": (_Source("t1.jpg", ((288, 207), (320, 195), (305, 227), (311, 246), (336, 236))),),
    "jane": (_Source("t1.jpg", ((1150, 323), (1194, 323), (1168, 348), (1156, 368), (1193, 367))),),
    "karl": (_Source("t1.jpg", ((917, 120), (946, 116), (920, 148), (934, 173), (956, 169))),),
    "lena": (_Source("lfw_subset.npy", ((34, 42), (78, 42), (56, 68), (38, 93), (75, 93))),),
}
# The small face that is enlarged for "lena".
_LENA = 46


def portraits(pictures: Mapping[str, Path], subset: Path) -> dict[str, list[bytes]]:
    """Whole photos, eight of each of twelve people, each of one person alone.

    The last two, "karl" and "lena", are strangers: of them there is a profile and a soft picture.

    Args:
        pictures: The demo's sample photos by name.
        subset: scikit-image's `lfw_subset.npy`.
    """
    hopper = files("matplotlib") / "mpl-data" / "sample_data" / "grace_hopper.jpg"
    images = {name: decode_image(path.read_bytes()) for name, path in pictures.items()}
    images[hopper.name] = decode_image(hopper.read_bytes())
    images[subset.name] = _aligned(np.load(subset)[_LENA])
    people: dict[str, list[bytes]] = {}
    for number, (person, sources) in enumerate(_SOURCES.items()):
        rng = np.random.default_rng(number)
        taken = [sources[index % len(sources)] for index in range(PHOTOS)]
        people[person] = [
            _jpeg(_varied(_portrait(images[source.picture], source.landmarks, rng), rng))
            for source in taken
        ]
    return people


def small_faces(
    subset: Path, people: int, photos: int, variety: float = 0.35
) -> dict[str, list[Image]]:
    """Aligned crops of people of whom scikit-image has a face of 25 px.

    Args:
        subset: scikit-image's `lfw_subset.npy`.
        people: At most 57.
        photos: Of each.
        variety: How much they differ; 1 is as much as those of `portraits`.
    """
    faces = np.load(subset)
    crops: dict[str, list[Image]] = {}
    for index in _UNLIKE[:people]:
        rng = np.random.default_rng(index)
        picture = _aligned(faces[index])
        crops[f"small{index:02d}"] = [_varied(picture, rng, variety) for _ in range(photos)]
    return crops


def write_people(folder: Path, people: Mapping[str, Sequence[Image]]) -> Path:
    """Writes crops as files, a folder for each person; gives back the folder of all."""
    for person, crops in people.items():
        (folder / person).mkdir(parents=True)
        for index, crop in enumerate(crops):
            PillowImage.fromarray(crop).save(folder / person / f"{index}.png")
    return folder


def _aligned(face: NDArray[np.floating]) -> Image:
    """A small face of the array as a crop."""
    large = cv2.resize(face.astype(np.float32), (_CROP_PX, _CROP_PX), interpolation=cv2.INTER_CUBIC)
    down = np.array([[1, 0, 0], [0, 1, _SMALL_FACES_LOWER_BY_PX]], np.float32)
    aligned = cv2.warpAffine(large, down, large.shape, borderMode=cv2.BORDER_REPLICATE)
    grey = np.asarray((aligned * 255).clip(0, 255).round(), np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _portrait(image: Image, landmarks: _Points, rng: np.random.Generator) -> Image:
    """The face in the middle of a photo, a little turned; what lies around it fades away."""
    around = ARCFACE_TEMPLATE - _CROP_PX / 2
    turn = np.deg2rad(rng.uniform(-6, 6))
    turned = around @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    target = turned * (_FACE_PX * rng.uniform(0.93, 1.07) / _CROP_PX)
    target += np.array(_FACE_AT) + rng.uniform(-10, 10, 2)
    matrix = similarity_transform(np.array(landmarks), target)
    shrink = float(np.hypot(matrix[0, 0], matrix[0, 1]))
    if shrink < 1:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / shrink), np.uint8)
    photo = cv2.warpAffine(
        image, matrix, PHOTO_SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    y, x = np.mgrid[: PHOTO_SIZE[1], : PHOTO_SIZE[0]]
    away = np.hypot((x - _FACE_AT[0]) / 95, (y - _FACE_AT[1] - 5) / 120)[..., None]
    kept = np.clip((1.15 - away) / 0.15, 0, 1)
    wall = rng.uniform(90, 170, 3)
    return np.asarray(photo * kept + wall * (1 - kept), np.uint8)


def _varied(picture: Image, rng: np.random.Generator, strength: float = 1.0) -> Image:
    """The same face another time: bent a little, lit from another side, with other noise."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    bent_y, bent_x = (_smooth(rng, height, width) * (1.9 * strength) for _ in range(2))
    bent = cv2.remap(
        picture, x + bent_x, y + bent_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    light = 1 + 0.15 * strength * _smooth(rng, height, width)[..., None]
    noise = rng.normal(0, 2 * strength, picture.shape)
    return np.asarray((bent * light + noise).clip(0, 255), np.uint8)


def _smooth(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """A few hills and valleys over the whole picture, of deviation 1."""
    hills = rng.standard_normal((5, 4)).astype(np.float32)
    return np.asarray(cv2.resize(hills, (width, height), interpolation=cv2.INTER_CUBIC))


def _jpeg(picture: Image) -> bytes:
    file = BytesIO()
    PillowImage.fromarray(picture).save(file, "JPEG", quality=92)
    return file.getvalue()
