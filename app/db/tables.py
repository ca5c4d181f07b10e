"""The tables. Rows are the truth; galleries are made from them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    JSON,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.db.types import RowId, UtcDateTime, Vector

# Any: those who write and read JSON columns decide and type what they hold.
JsonObject = dict[str, Any]

# Without names of their own, constraints could not be changed by later migrations.
_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def utc_now() -> datetime:
    """Now, with its time zone."""
    return datetime.now(UTC)


class Table(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=_NAMING)


class User(Table):
    """A registered person, under the name that the client chose."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    user_id: Mapped[str] = mapped_column(
        # In the order of bytes everywhere: pages of a list follow it.
        String(64).with_variant(String(64, collation="C"), "postgresql"),
        unique=True,
    )
    display_name: Mapped[str | None] = mapped_column(String(200))
    # In Python, SQLAlchemy reserves the name `metadata`.
    details: Mapped[JsonObject] = mapped_column("metadata", JSON)
    # Names without quotes, sorted.
    groups: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, onupdate=utc_now)


class AnnouncedSubject(Table):
    """A name that a client of CompreFace's has added, of whom no photo has come yet."""

    __tablename__ = "announced_subjects"

    # Whoever has another key may be bound to other groups.
    api_key: Mapped[str] = mapped_column(ForeignKey("api_keys.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Photo(Table):
    """An accepted photo: its crop, never the photo itself."""

    __tablename__ = "photos"
    # The same upload counts once per user.
    __table_args__ = (UniqueConstraint("user", "sha256"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user: Mapped[int] = mapped_column(RowId, ForeignKey("users.id", ondelete="CASCADE"))
    # As `app.db.crop_keys` stores it: a PNG file, or encrypted.
    crop: Mapped[bytes | None] = mapped_column("crop_png", LargeBinary)
    # The id of the key it is encrypted with.
    crop_key: Mapped[str | None] = mapped_column(String(16), index=True)
    face_px: Mapped[float]
    quality: Mapped[JsonObject] = mapped_column(JSON)
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Embedding(Table):
    """A photo's embedding in one space."""

    __tablename__ = "embeddings"

    photo: Mapped[UUID] = mapped_column(
        ForeignKey("photos.id", ondelete="CASCADE"), primary_key=True
    )
    space_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    vector: Mapped[NDArray[np.float32]] = mapped_column(Vector)


class Template(Table):
    """A user's mean embedding in one space.

    It exists only when every photo of the user has an embedding in that space: a user without one
    has to be embedded again, and that is all there is to know about the progress of a reload.
    """

    __tablename__ = "templates"
    # Galleries ask for the templates of a space that are newer than themselves.
    __table_args__ = (Index(None, "space_id", "revision"),)

    user: Mapped[int] = mapped_column(
        RowId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    space_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    vector: Mapped[NDArray[np.float32]] = mapped_column(Vector)
    photo_count: Mapped[int]
    # The gallery revision that wrote it: a gallery in memory reads what is newer than itself.
    revision: Mapped[int]


class KeptFace(Table):
    """A face of an identification, kept for a while so that people can review the answer.

    Who was erased is not named by any: their faces go with them.
    """

    __tablename__ = "kept_faces"

    # In the order in which they were kept.
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    face_id: Mapped[UUID] = mapped_column(unique=True)
    kept_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    # Who asked, and among which users: a key's id, and names as in `users.groups`; null: all.
    key_id: Mapped[str] = mapped_column(String(64))
    groups: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    # Whose it is; null for a stranger.
    user: Mapped[int | None] = mapped_column(
        RowId, ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    # Whether a person has said so, and not the service.
    assigned: Mapped[bool] = mapped_column(default=False)
    similarity: Mapped[float | None]
    threshold: Mapped[float]
    face_px: Mapped[float]
    route: Mapped[str] = mapped_column(String(16))
    quality: Mapped[JsonObject] = mapped_column(JSON)
    space_id: Mapped[str] = mapped_column(String(16))
    vector: Mapped[NDArray[np.float32]] = mapped_column(Vector)
    # As of photos.
    crop: Mapped[bytes] = mapped_column("crop_png", LargeBinary)
    crop_key: Mapped[str | None] = mapped_column(String(16), index=True)


class SizedTemplate(Table):
    """The mean embedding of a user's crops shrunk to a size, in one space.

    It goes with the template, and may be missing: then the template alone is compared.
    """

    __tablename__ = "sized_templates"
    __table_args__ = (
        ForeignKeyConstraint(
            ["user", "space_id"], ["templates.user", "templates.space_id"], ondelete="CASCADE"
        ),
    )

    user: Mapped[int] = mapped_column(RowId, primary_key=True)
    space_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    face_px: Mapped[int] = mapped_column(primary_key=True)
    vector: Mapped[NDArray[np.float32]] = mapped_column(Vector)


class BundleRow(Table):
    """A bundle that has served."""

    __tablename__ = "bundles"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    space_id: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Pointer(Table):
    """One row: which bundle serves, which served before, how often the gallery has changed."""

    __tablename__ = "pointer"

    id: Mapped[int] = mapped_column(primary_key=True)
    active_bundle: Mapped[str] = mapped_column(ForeignKey("bundles.name"))
    former_bundle: Mapped[str | None] = mapped_column(ForeignKey("bundles.name"))
    gallery_revision: Mapped[int] = mapped_column(default=0)


class Job(Table):
    """A reload: what was asked for, its progress, its end."""

    __tablename__ = "jobs"
    # One reload at a time, whoever asks, in whichever process.
    __table_args__ = (
        Index(
            "uq_jobs_running",
            "state",
            unique=True,
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    bundle: Mapped[str] = mapped_column(String(64))
    space_id: Mapped[str] = mapped_column(String(16))
    force: Mapped[bool]
    actor: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    step: Mapped[str] = mapped_column(String(16))
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    rate_per_s: Mapped[float | None]
    error: Mapped[JsonObject | None] = mapped_column(JSON)
    report: Mapped[JsonObject | None] = mapped_column(JSON)
    # Which process works on it, and how many have so far.
    owner: Mapped[str] = mapped_column(String(32))
    attempts: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    # Written again and again while somebody works on it.
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ApiKey(Table):
    """A key's public half and the hash of its secret half."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    secret_sha256: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    # None: not bound to groups.
    groups: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    label: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # To within some minutes: a write per request would be too many.
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def has_ended(self) -> bool:
        """Whether it is revoked or has expired."""
        expired = self.expires_at is not None and self.expires_at <= utc_now()
        return expired or self.revoked_at is not None


class AuditEvent(Table):
    """Who did what to whom; no biometric data, and kept when its subject is erased."""

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(64))
    detail: Mapped[JsonObject] = mapped_column(JSON)


class StoredAnswer(Table):
    """The answer to a request with an Idempotency-Key.

    When its user is erased, only the fact that there was an answer stays.
    """

    __tablename__ = "stored_answers"

    api_key: Mapped[str] = mapped_column(ForeignKey("api_keys.id"), primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(String(255), primary_key=True)
    user: Mapped[int | None] = mapped_column(
        RowId, ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    request_sha256: Mapped[str] = mapped_column(String(64))
    answer: Mapped[JsonObject | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Erasure(Table):
    """Something was deleted whose bytes may still be on the disk."""

    __tablename__ = "erasures"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    subject: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
