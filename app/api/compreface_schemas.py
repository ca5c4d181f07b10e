"""Bodies of CompreFace's answers, as its documentation has them."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field

from app.gallery import user_fields
from app.recognition.recognizer import Finding, FoundFace
from app.recognition.serving import Serving
from app.services.subject_recognition import ComparedFace, RecognisedFace
from app.services.subjects import SubjectPhoto, SubjectPhotoPage

_LANDMARKS = "landmarks"
# What CompreFace's documentation names beside. A name that is none is passed over, as there.
_ELSEWHERE = ("age", "calculator", "gender", "landmarks2d106", "mask", "pose")
_DETECTOR_STAGES = ("decode", "detect", "align")
_DIGITS = 5
# What clients ask for where nobody has chosen: Farsight finds no face of which it is not sure.
_LEAST_PROBABILITY = 0.8


def _not_blank(name: object) -> object:
    if isinstance(name, str) and not name.strip():
        raise ValueError("must not be empty")
    return name


SubjectName = Annotated[
    str,
    Field(
        max_length=user_fields.MAX_DISPLAY_NAME_CHARS,
        pattern=f"^{user_fields.DISPLAY_NAME_PATTERN}$",
    ),
    BeforeValidator(_not_blank),
]


def min_detection_score(probability: float) -> float:
    """The detector's score that stands for a probability as CompreFace has it."""
    return max(0.0, (probability - _LEAST_PROBABILITY) / (1 - _LEAST_PROBABILITY))


class SubjectSchema(BaseModel):
    """A subject's name."""

    subject: SubjectName


class SubjectListSchema(BaseModel):
    """All names."""

    subjects: list[str]


class RenamedSchema(BaseModel):
    """That a subject has another name."""

    updated: bool


class DeletedSchema(BaseModel):
    """How many went."""

    deleted: int


class ExampleSchema(BaseModel):
    """A stored photo, and of whom."""

    image_id: UUID
    subject: str

    @classmethod
    def of(cls, photo: SubjectPhoto) -> "ExampleSchema":
        """From what the services tell."""
        return cls(image_id=photo.photo_id, subject=photo.subject)


class ExamplePageSchema(BaseModel):
    """Some stored photos."""

    faces: list[ExampleSchema]
    page_number: int
    page_size: int
    total_pages: int
    total_elements: int

    @classmethod
    def of(cls, found: SubjectPhotoPage, page: int, size: int) -> "ExamplePageSchema":
        """From what the services tell."""
        return cls(
            faces=[ExampleSchema.of(photo) for photo in found.items],
            page_number=page,
            page_size=size,
            total_pages=-(-found.total // size),
            total_elements=found.total,
        )


class BoxSchema(BaseModel):
    """In px of the upright photo."""

    probability: float
    x_max: int
    y_max: int
    x_min: int
    y_min: int


class FaceSchema(BaseModel):
    """A face; what was not asked for is left out."""

    box: BoxSchema
    landmarks: list[tuple[int, int]] | None = None
    execution_time: dict[str, float] | None = None


class ResemblanceSchema(BaseModel):
    """A subject, and how much a face resembles it."""

    subject: str
    similarity: float


class RecognisedFaceSchema(FaceSchema):
    """A face and whom it resembles, best first."""

    subjects: list[ResemblanceSchema]


class ComparedFaceSchema(FaceSchema):
    """A face and how much it resembles a stored photo."""

    similarity: float


class Told:
    """What of a photo's faces a caller has asked for.

    Args:
        face_plugins: Names between commas.
        status: Tell times and versions.
        serving: Whose networks recognised.
        finding: How the photo was searched.
        timings_ms: Per stage.
    """

    def __init__(
        self,
        face_plugins: str,
        *,
        status: bool,
        serving: Serving,
        finding: Finding,
        timings_ms: Mapping[str, float],
    ) -> None:
        self._plugins = {name.strip() for name in face_plugins.split(",")}
        self._status = status
        self._serving = serving
        self._finding = finding
        self._timings_ms = timings_ms

    def recognised(self, found: RecognisedFace) -> RecognisedFaceSchema:
        """A face of `recognize`."""
        return RecognisedFaceSchema(
            subjects=[
                ResemblanceSchema(subject=of.subject, similarity=round(of.similarity, _DIGITS))
                for of in found.subjects
            ],
            **dict(self._face(found.face)),
        )

    def compared(self, found: ComparedFace) -> ComparedFaceSchema:
        """A face of `verify`."""
        return ComparedFaceSchema(
            similarity=round(found.similarity, _DIGITS), **dict(self._face(found.face))
        )

    def versions(self) -> dict[str, str] | None:
        """What recognised; None unless asked for."""
        if not self._status:
            return None
        return {
            "detector": "farsight.Detector",
            "calculator": f"farsight.{self._serving.manifest.name}",
        }

    def unavailable(self) -> list[str] | None:
        """Plugins that were asked for and are not here; None where there is none."""
        return [name for name in _ELSEWHERE if name in self._plugins] or None

    def _face(self, found: FoundFace) -> FaceSchema:
        x, y, width, height = found.face.box
        right, bottom = self._finding.width_px, self._finding.height_px
        return FaceSchema(
            box=BoxSchema(
                probability=round(
                    _LEAST_PROBABILITY + (1 - _LEAST_PROBABILITY) * found.quality.detection_score,
                    _DIGITS,
                ),
                x_min=max(0, round(x)),
                y_min=max(0, round(y)),
                x_max=min(right, round(x + width)),
                y_max=min(bottom, round(y + height)),
            ),
            landmarks=[(round(float(x)), round(float(y))) for x, y in found.face.landmarks]
            if _LANDMARKS in self._plugins
            else None,
            execution_time=self._times() if self._status else None,
        )

    def _times(self) -> dict[str, float]:
        detector = sum(self._timings_ms.get(stage, 0.0) for stage in _DETECTOR_STAGES)
        calculator = self._timings_ms.get("embed", 0.0)
        return {"detector": round(detector, 1), "calculator": round(calculator, 1)}


class RecognitionSchema(BaseModel):
    """The faces of a photo, largest first."""

    result: list[RecognisedFaceSchema]
    plugins_versions: dict[str, str] | None
    unavailable_plugins: list[str] | None = Field(
        description="Not CompreFace's: which of the plugins that were asked for are not here"
    )


class ComparisonSchema(BaseModel):
    """The faces of a photo, largest first."""

    result: list[ComparedFaceSchema]
    plugins_versions: dict[str, str] | None
    unavailable_plugins: list[str] | None = Field(description="As in RecognitionSchema")
