"""What the demo asks: sample photos as they are, and shrunk until the faces are small."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from PIL import Image as PillowImage

from app.evaluation.sizes import SMALL_SIZES
from app.vision.alignment import Crop, align
from app.vision.image import Image, decode_image
from app.vision.png import encode_png
from farsight_client import Client, IdentifiedFace

SMALL_PX = SMALL_SIZES
"""Median `face_px` that a photo is shrunk to."""

MUST_BE_NAMED_FROM_PX = 24


@dataclass(frozen=True, slots=True)
class Subject:
    """A sample photo and the truth about it.

    Attributes:
        photo: Its file name.
        person: The registered person whom it shows; None where it shows strangers only.
        note: What a reader should know, for example that the same photo is registered.
    """

    photo: str
    person: str | None
    note: str


@dataclass(frozen=True, slots=True)
class Probe:
    """A photo as it was sent, and what the service answered.

    Attributes:
        subject: Which photo.
        size_px: What it was shrunk to; None if it was not.
        image: (height, width, 3) RGB.
        faces: Largest first.
    """

    subject: Subject
    size_px: int | None
    image: Image
    faces: Sequence[IdentifiedFace]

    def crop(self, face: IdentifiedFace) -> Crop:
        """The crop that the service made of a face."""
        return align(self.image, np.array(face.landmarks, dtype=np.float32))

    @property
    def wrong_names(self) -> int:
        """Faces that were given a wrong name."""
        names = [face.user_id for face in self.faces if face.user_id is not None]
        right = min(names.count(self.subject.person), 1) if self.subject.person else 0
        return len(names) - right

    @property
    def person_found(self) -> bool:
        """Whether the registered person was named."""
        return any(face.user_id == self.subject.person for face in self.faces)

    @property
    def must_be_named(self) -> bool:
        """Whether the demo fails if the registered person is not named."""
        large = self.size_px is None or self.size_px >= MUST_BE_NAMED_FROM_PX
        return self.subject.person is not None and large


def ask(
    client: Client, subject: Subject, photo: bytes, sizes_px: Sequence[int] = SMALL_PX
) -> list[Probe]:
    """Identifies a photo as it is, and then at smaller sizes."""
    as_it_is = Probe(subject, None, decode_image(photo), _identify(client, photo))
    face_px = median(face.face_px for face in as_it_is.faces)
    probes = [as_it_is]
    for size_px in sizes_px:
        small = _shrink(as_it_is.image, size_px / face_px)
        probes.append(Probe(subject, size_px, small, _identify(client, encode_png(small))))
    return probes


def _identify(client: Client, photo: bytes) -> list[IdentifiedFace]:
    """Every face, each with the most similar user."""
    return client.identify([photo], top_k=1).faces


def _shrink(image: Image, factor: float) -> Image:
    """Averages over areas, as a camera that stands further away would."""
    height, width, _ = image.shape
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(PillowImage.fromarray(image).resize(size, PillowImage.Resampling.BOX))
