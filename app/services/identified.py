"""What is asked of photos, and what identification answers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.errors import UnusablePhotoError
from app.gallery.gallery import Groups
from app.recognition.decision import Decision
from app.recognition.recognizer import Finding, FoundFace
from app.tracking.events import Event
from app.vision.image import Image


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a caller asks of an identification.

    Attributes:
        threshold: Instead of the bundle's.
        top_k: How many candidates to list, whatever their similarity.
        max_faces: At most this many faces per photo, largest first.
        skip_faces: Skip this many larger ones, such as those of earlier pages.
        detect: False where each photo is already a face crop.
        same_person: The photos are frames of one person, to be answered together as well.
        of_video: The photos are consecutive frames: faces are followed, and answered by visit.
        min_face_px: The smallest face that is looked for; None: see Recognizer.find.
        groups: Only users who are in one of these are looked for; None: everybody.
    """

    threshold: float | None = None
    top_k: int = 0
    max_faces: int = 10
    skip_faces: int = 0
    detect: bool = True
    same_person: bool = False
    of_video: bool = False
    min_face_px: float | None = None
    groups: Groups | None = None


@dataclass(frozen=True, slots=True)
class IdentifiedFace:
    """A face, the photo's place in the request, and whose face it is."""

    photo: int
    face: FoundFace
    decision: Decision


@dataclass(frozen=True, slots=True)
class Pooled:
    """Whose faces some frames show together.

    Attributes:
        decision: Of frames that do not agree, nobody's unless its margin is wide.
        outliers: Places of the photos that show somebody else than most; of all, if no person is
            in more than half of them.
    """

    decision: Decision
    outliers: list[int]

    @property
    def consistent(self) -> bool:
        """Whether all frames can be one person's."""
        return not self.outliers


@dataclass(frozen=True, slots=True)
class Identification:
    """The answer to one request.

    Attributes:
        faces: By photo, largest first.
        faces_found: In all photos, including those beyond `max_faces`.
        photos: In the request's order: what was found, or why the photo was not searched.
        pooled: Whose faces they are together; None unless asked for, or when there is no face.
        visits: With `of_video`, the last event of each; times are places of photos.
        timings_ms: Per stage, summed over the photos.
    """

    faces: list[IdentifiedFace]
    faces_found: int
    photos: list[Finding | UnusablePhotoError]
    pooled: Pooled | None
    visits: list[Event] | None
    timings_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class FacesOfPhotos:
    """The faces in some photos.

    Attributes:
        faces: The photo's place in the request, and the face; by photo, largest first.
        embeddings: (n, 512), one for each face; (0, 512) if none were asked for.
        photos: As in Identification.
        timings_ms: Per stage, summed over the photos.
    """

    faces: list[tuple[int, FoundFace]]
    embeddings: NDArray[np.float32]
    photos: list[Finding | UnusablePhotoError]
    timings_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class FacesShown:
    """The faces of a photo, and what DSR makes of each.

    Attributes:
        finding: The faces and their crops.
        restored: (112, 112, 3) uint8 RGB each, in the same order; None where there is no DSR.
        timings_ms: Per stage.
    """

    finding: Finding
    restored: list[Image | None]
    timings_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether two faces are one person's: `match` if the similarity reaches the threshold.

    `faces` and `findings` are of the photos that were sent, in their order.
    """

    match: bool
    similarity: float
    threshold: float
    faces: list[FoundFace]
    findings: list[Finding]
    timings_ms: dict[str, float]
