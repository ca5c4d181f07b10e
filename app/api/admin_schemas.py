"""What `/v1/admin` takes and answers."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.api.schemas import Answer
from app.services.bundles import BundleState, BundleView
from app.services.job_diary import State, Step


class SizeMetricsSchema(Answer):
    """Held-out figures of a bundle for faces of one size; fractions."""

    size: str
    n_genuine: int
    n_impostor: int
    eer: float
    tar_at_far: dict[str, float]
    rank1: float
    impostor_mean: float
    impostor_std: float


class BundleSchema(BaseModel):
    """A bundle of the store."""

    name: str
    state: BundleState
    reason: str | None = Field(description="Why it is broken")
    space: str | None
    created_at: datetime | None
    network: str | None = Field(description="The variant of EdgeFace")
    dsr: bool | None = Field(description="Whether small faces are restored first")
    metrics: list[SizeMetricsSchema]

    @classmethod
    def of(cls, view: BundleView) -> "BundleSchema":
        """From the service's answer."""
        manifest = view.manifest
        return cls(
            name=view.name,
            state=view.state,
            reason=view.reason,
            space=manifest and manifest.space_id,
            created_at=manifest and manifest.created_at,
            network=manifest and manifest.networks.edgeface.variant,
            dsr=manifest and manifest.networks.dsr is not None,
            metrics=[
                SizeMetricsSchema.model_validate(of)
                for of in (manifest.metrics if manifest else ())
            ],
        )


class BundleListSchema(BaseModel):
    """All bundles of the store, by name."""

    items: list[BundleSchema]
    next_cursor: str | None = Field(description="Always null: there is one page")


class ReloadSchema(BaseModel):
    """The bundle to serve."""

    model_config = ConfigDict(extra="forbid", strict=True)

    bundle: str = Field(min_length=1, max_length=64, description="Its name in the store")
    force: bool = Field(
        default=False, description="Ignore the gate's verdict; the audit log records who did"
    )


class JobErrorSchema(BaseModel):
    """Why a job failed; further members depend on the `code`."""

    model_config = ConfigDict(extra="allow")

    code: str
    detail: str


class JobSchema(Answer):
    """A reload and its state."""

    id: UUID
    bundle: str
    space: str = Field(validation_alias="space_id")
    force: bool
    state: State
    step: Step
    done: int = Field(description="Photos embedded so far")
    total: int = Field(description="Photos to be embedded; 0 before that is known")
    rate_per_s: float | None
    time_left_s: float | None
    error: JobErrorSchema | None
    report: dict[str, JsonValue] | None = Field(description="The figures that the gate judged by")
    attempts: int = Field(description="How many processes have worked on it")
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class ServingSchema(BaseModel):
    """What serves from now on."""

    bundle: str
    space: str


class JobListSchema(BaseModel):
    """The latest jobs, newest first."""

    items: list[JobSchema]
    next_cursor: str | None = Field(description="Always null: there is one page")


class ThresholdSchema(Answer):
    """From which similarity on a face of some size is somebody's."""

    min_face_px: float
    max_face_px: float | None = Field(description="Not included; null for no end")
    similarity: float = Field(
        description="For a usual face. Where the bundle knows strangers, one that resembles them "
        "needs more, and each answer has its own threshold"
    )
    false_accept_rate: float | None = Field(
        description="Share of comparisons with strangers that reach it, on the people whom it was "
        "chosen on; null where it is a setting"
    )
    strangers_named: float | None = Field(
        description="Share of strangers taken for one of the users here: 1 - (1 - rate)^users"
    )


class ThresholdListSchema(BaseModel):
    """The thresholds in use, smallest faces first."""

    bundle: str
    space: str
    users: int = Field(description="In the gallery of the process that answers")
    items: list[ThresholdSchema]
    next_cursor: str | None = Field(description="Always null: there is one page")
