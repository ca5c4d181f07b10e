"""The settings' groups: `FARSIGHT_DATABASE__URL` is `url` of DatabaseSettings; see app.settings."""

import os
import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_WITHOUT_PASSWORD = re.compile(r"postgresql\+psycopg://(?![^/?]*:[^/?@]*@)(?!.*[?&]password=)")
_Count = Annotated[int, Field(ge=1)]
_Seconds = Annotated[float, Field(gt=0, le=600)]
_Day = Annotated[float, Field(ge=0, le=86_400)]
_Cosine = Annotated[float, Field(gt=0, lt=1)]
# A threshold below this accepts more than one in twenty pairs of strangers (mean 0.012, deviation
# 0.08 for the stock network): it would enrol and name people at random.
_Threshold = Annotated[float, Field(ge=0.15, lt=1)]


def _secret_in(path: Path) -> str:
    """The text of a file that a container mounts; the line end of an editor is not part of it."""
    try:
        secret = path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"names a file that cannot be read: {error.strerror}") from error
    except UnicodeError as error:
        raise ValueError("names a file that is not text") from error
    if not secret:
        raise ValueError("names a file that is empty")
    return secret


def _holding_a_secret(path: Path) -> Path:
    _secret_in(path)
    return path


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LimitSettings(_Group):
    """What one request, and all together, may ask for.

    Attributes:
        max_body_bytes: Largest request body that carries photos or a gallery file; it is held in
            memory. Others may have 64 kB.
        max_bodies_bytes: All bodies that are held or announced. One key may have at most as much
            as it leaves to others.
        body_deadline_s: Seconds within which a body must arrive.
        min_body_bytes_per_s: How fast a body must come at least, after its first ten seconds.
        max_photo_bytes: Largest photo.
        max_photo_pixels: Largest width times height of a photo, read from its header. Telephones
            write up to 50 megapixels.
        max_photos: Photos in one request.
        max_clip_bytes: Largest clip.
        max_clip_s: Seconds of a clip.
        max_clip_pixels: Width times height of a clip.
        clip_deadline_s: Seconds that looking at one clip may take, waiting included.
        max_requests: Per key, requests whose photos are being read or waiting; one more is
            answered 503.
        deadline_s: Seconds that reading may take for one request, waiting included.
        max_decoded_bytes: Memory for decoding photos, the decoder's own included: 7 to 20 bytes a
            pixel (docs/decisions/0002-image-decoding.md). Further photos wait; one that needs more
            is decoded alone.
        max_decoding_s: Seconds of computing after which decoding a photo is stopped.
        max_connections: Beyond this, idle ones are closed, and then only health is answered.
            Lowered to what the system's limit of open files has room for.
        requests_per_minute: Per key; None for any number.
        photos_per_minute: Likewise.
        failed_keys_per_minute: Per address, requests with wrong keys.
    """

    max_body_bytes: _Count = 100_000_000
    max_bodies_bytes: _Count = 200_000_000
    body_deadline_s: _Seconds = 300.0
    min_body_bytes_per_s: _Count = 16_000
    max_photo_bytes: _Count = 20_000_000
    max_photo_pixels: _Count = 52_000_000
    max_photos: _Count = 20
    max_clip_bytes: _Count = 50_000_000
    max_clip_s: _Seconds = 60.0
    max_clip_pixels: _Count = 9_000_000
    clip_deadline_s: _Seconds = 120.0
    max_requests: _Count = 64
    deadline_s: _Seconds = 60.0
    max_decoded_bytes: _Count = 160_000_000
    max_decoding_s: _Seconds = 10.0
    max_connections: _Count = 1000
    requests_per_minute: _Count | None = None
    photos_per_minute: _Count | None = None
    failed_keys_per_minute: _Count = 20

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.max_bodies_bytes < 2 * self.max_body_bytes:
            raise ValueError("max_bodies_bytes must be at least twice max_body_bytes")
        if self.photos_per_minute is not None and self.photos_per_minute < self.max_photos:
            raise ValueError("photos_per_minute must be at least max_photos")
        return self


class RegistrationSettings(_Group):
    """When photos are good enough for a user.

    Attributes:
        min_photos: Usable photos that a user needs.
        outlier_similarity: A photo whose median similarity to the others is below this shows
            somebody else. 1 in 100 pairs of strangers are above 0.2.
        duplicate_similarity: A new template this similar to a user's is the same person. Means of
            photos are more alike than photos, for strangers too, so the threshold for probes
            would not do (docs/decisions/0008-registration-limits.md).
    """

    min_photos: _Count = 3
    outlier_similarity: _Cosine = 0.2
    duplicate_similarity: _Threshold = 0.5


class IdentificationSettings(_Group):
    """When two faces count as one person.

    Attributes:
        false_accept_rate: The bundle's thresholds for this rate are used.
        false_identification_rate: Instead, identification names so many of the strangers it
            searches for, however many users there are; verification keeps the rate above.
        threshold: The similarity used where the bundle has no threshold for a face's size.
        max_age_s: Seconds for which identification goes on from memory when PostgreSQL does not
            answer; then it is refused. Who is erased, and which keys are revoked, is not known
            meanwhile.
        sized_templates: Compare small faces with templates made for their size, where the bundle
            has thresholds for that: each takes as much memory as the templates themselves.
        cohort: A face that resembles strangers more than usual, such as old and soft photos do,
            needs more similarity, and one that does less needs less; where the bundle tells.
    """

    false_accept_rate: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    false_identification_rate: Annotated[float, Field(ge=1e-5, le=0.5)] | None = None
    threshold: _Threshold = 0.35
    max_age_s: _Day = 120.0
    sized_templates: bool = True
    cohort: bool = True


class ReviewSettings(_Group):
    """Whether faces of identifications are kept, so that people can review the answers.

    Attributes:
        keep_hours: For so long; 0: none is kept, and what was kept is deleted at the start.
        max_faces: At most this many; beyond it the oldest tenth goes.
    """

    keep_hours: Annotated[float, Field(ge=0, le=8784)] = 0.0
    max_faces: Annotated[int, Field(ge=10, le=100_000)] = 2000


class ReloadSettings(_Group):
    """When another bundle may replace the serving one.

    Attributes:
        max_loss: Share of true matches that it may lose: TAR at FAR 1e-3 on held-out people, and
            photos of enrolled people that are known by their others.
    """

    max_loss: Annotated[float, Field(ge=0, le=1)] = 0.02


class ThreadSettings(_Group):
    """Threads of the service, and threads within one call of each library.

    One photo and one batch per core, with one thread each, do more than one at a time on all cores;
    more threads would only compete for the same cores.

    Attributes:
        readers: Photos read at once.
        networks: Batches embedded at once on a CPU; on a GPU it is always one.
        torch: Within one call.
        opencv: Within one call.
        onnxruntime: Within one call.
    """

    readers: _Count = os.cpu_count() or 1
    networks: _Count = os.cpu_count() or 1
    torch: _Count = 1
    opencv: _Count = 1
    onnxruntime: _Count = 1


class DatabaseSettings(_Group):
    """Where the rows are.

    Attributes:
        url: SQLAlchemy's form: sqlite+aiosqlite:///PATH, or
            postgresql+psycopg://USER:PASSWORD@HOST/DATABASE.
        password_file: A file with the password, for a URL without one. It is read at the start.
        pool_size: Connections for reading. Writing has one of its own.
        timeout_s: Seconds to wait for a connection or a lock; then the answer is 503.
    """

    url: Annotated[str, Field(pattern=r"^(sqlite\+aiosqlite:///[^:?].*|postgresql\+psycopg://.+)$")]
    password_file: Annotated[Path, AfterValidator(_holding_a_secret)] | None = None
    pool_size: _Count = 5
    timeout_s: _Seconds = 5.0

    @model_validator(mode="after")
    def _has_one_password(self) -> Self:
        if self.password_file is not None and not _WITHOUT_PASSWORD.match(self.url):
            raise ValueError("has a password_file, so url must name PostgreSQL and no password")
        return self

    def password(self) -> str | None:
        """What `password_file` holds; None without one."""
        return None if self.password_file is None else _secret_in(self.password_file)
