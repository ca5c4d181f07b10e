"""Which face of a photo is meant if it shows several."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from enum import StrEnum

from app.recognition.recognizer import FoundFace
from app.vision.detection import count_main
from app.vision.detector import shared_area

_SHARE_INSIDE = 0.5


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in px of the upright photo; `x` and `y` are its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of(cls, found: FoundFace) -> "Box":
        """Around a face."""
        return cls(*found.face.box)

    def holds(self, other: "Box") -> bool:
        """Whether at least half of the other one lies in it."""
        shared = shared_area(astuple(self), astuple(other))
        return shared >= _SHARE_INSIDE * other.width * other.height


class FaceRule(StrEnum):
    """What to do with a photo that shows several faces of similar size."""

    LARGEST = "largest"
    """The largest face is meant."""
    ONLY = "only"
    """The photo is not used, even if the other photos show who is meant."""


@dataclass(frozen=True, slots=True)
class FaceChoice:
    """Which face of several a caller means.

    Attributes:
        rule: None: the person in the other photos; if they do not settle it, nobody.
        boxes: By the photo's place in the request: only faces in the box count.
    """

    rule: FaceRule | None = None
    boxes: Mapping[int, Box] = field(default_factory=dict)

    def among(self, index: int, faces: Sequence[FoundFace]) -> list[FoundFace]:
        """The faces of a photo that may be the one meant, largest first.

        Args:
            index: The photo's place in the request.
            faces: All that the photo shows, largest first.
        """
        box = self.boxes.get(index)
        if box is not None:
            faces = [face for face in faces if box.holds(Box.of(face))]
        main = list(faces[: count_main([face.crop.face_px for face in faces])])
        return main[:1] if self.rule is FaceRule.LARGEST else main


@dataclass(frozen=True, slots=True)
class SureFaces(FaceChoice):
    """Only faces of which the detector is as sure as this count.

    Attributes:
        min_detection_score: See Quality.
    """

    min_detection_score: float = 0.0

    def among(self, index: int, faces: Sequence[FoundFace]) -> list[FoundFace]:
        """See FaceChoice.among."""
        sure = [of for of in faces if of.quality.detection_score >= self.min_detection_score]
        return FaceChoice.among(self, index, sure)


ANY_FACE = FaceChoice()
