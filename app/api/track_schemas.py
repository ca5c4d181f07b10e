"""Events and tracks as they are answered."""

from typing import Self

from pydantic import BaseModel, Field

from app.api.schemas import BoxSchema
from app.tracking.events import Event, EventKind


class VisitSchema(BaseModel):
    """Somebody in consecutive frames, from the first to the last."""

    track: int = Field(description="The visit's number")
    at_s: float = Field(description="When; of `left`, when the face was last seen")
    since_s: float = Field(description="When the face was first seen")
    user_id: str | None = Field(description="null for a stranger, and before this is decided")
    similarity: float | None = Field(description="Cosine to the most similar user")
    margin: float | None = Field(description="How much lower the runner-up's similarity is")
    threshold: float | None = Field(description="Minimum similarity at which user_id is set")
    box: BoxSchema = Field(description="Where the face was last seen")
    face_px: float = Field(description="The largest so far")
    moved: float = Field(
        description="How far the face has been from where it was first seen, in its widths; a "
        "picture on a wall stays near 0"
    )
    frames_seen: int
    frames_pooled: int = Field(description="The best frames, which the answer is about")

    @classmethod
    def of(cls, event: Event) -> Self:
        """From the tracker's."""
        return cls.model_validate(cls._fields(event))

    @classmethod
    def _fields(cls, event: Event) -> dict[str, object]:
        x, y, width, height = event.box
        verdict = event.verdict
        return {
            "track": event.track,
            "at_s": event.at_s,
            "since_s": event.since_s,
            "user_id": verdict.user_id if verdict else None,
            "similarity": verdict.similarity if verdict else None,
            "margin": verdict.margin if verdict else None,
            "threshold": verdict.threshold if verdict else None,
            "box": BoxSchema(x=x, y=y, width=width, height=height),
            "face_px": event.face_px,
            "moved": event.moved,
            "frames_seen": event.frames_seen,
            "frames_pooled": event.frames_pooled,
        }


class EventSchema(VisitSchema):
    """One thing to tell about somebody who passes a camera."""

    event: EventKind = Field(description="`appeared`, `recognised` or `unknown`, and `left`")

    @classmethod
    def _fields(cls, event: Event) -> dict[str, object]:
        return {"event": event.kind, **super()._fields(event)}


class ClipSchema(BaseModel):
    """Who passes in a clip."""

    visits: list[VisitSchema] = Field(description="In the order in which they ended")
    frames: int = Field(description="How many were looked at")
    seconds: float = Field(description="When the last of them is")
    bundle: str
    space: str
