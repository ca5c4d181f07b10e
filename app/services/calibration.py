"""What the enrolled people say about thresholds: read, compared, and only then proposed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.db.repositories import enrolled
from app.db.repositories.enrolled import EnrolledPhoto
from app.db.session import Sessions
from app.errors import FarsightError, MislabelledError
from app.evaluation.calibration import (
    Proposal,
    find_mislabelled,
    propose,
    smallest_supported,
)
from app.evaluation.leave_one_out import LeaveOneOut, templates_of
from app.evaluation.probes import shrink_crop
from app.evaluation.protocols import Progress
from app.evaluation.sizes import SIZE_RANGES, Size
from app.recognition.serving import Serving
from app.services.enrolled_sample import draw, vectors_of
from app.services.reembedding import decode_crops
from app.vision.embedder import fused_template
from app.vision.scaling import Floats

# 20,000 photos against 2,000 templates take some 300 MB. Probes of each size go through the
# networks, 20 ms each on a CPU.
_MAX_USERS = 2_000
_MAX_PHOTOS_PER_USER = 30
_MAX_PHOTOS = 20_000
_MAX_PROBES = 1_000
_PER_STEP = 64
_NAMED_AT_MOST = 10


class CalibrationError(FarsightError):
    """Too few people are enrolled for the false-accept rate asked for."""

    code = "calibration_unsupported"
    title = "No thresholds can be proposed"


@dataclass(frozen=True, slots=True)
class MislabelledPhoto:
    """A photo that shows another enrolled user than the one it belongs to."""

    photo_id: str
    user_id: str
    similarity: float
    looks_like: str
    similarity_to_other: float


@dataclass(frozen=True, slots=True)
class ClosestPair:
    """The two users whose templates are most alike."""

    users: tuple[str, str]
    similarity: float


@dataclass(frozen=True, slots=True)
class WorstGenuine:
    """The photo least like the others of its user."""

    photo_id: str
    user_id: str
    similarity: float


@dataclass(frozen=True, slots=True)
class SizeAdvice:
    """What the enrolled people say about faces of one size.

    Attributes:
        min_face_px: From this `face_px` on.
        max_face_px: Below this; None for no limit.
        probes: Photos that were compared, shrunk where needed.
        users: How many users they are of.
        proposal: None where there is too little to compare.
        smallest_supported: Of the usual false-accept rates; None if it is not even 1e-2.
        compared: The similarities; None where there are no probes.
        template_px: The size of the templates that they were compared with; None: of no size.
        likeness: Where thresholds follow each probe, the likeness to strangers that the proposal
            holds for, as a bundle's manifest has it; `compared` is what is left of similarities.
    """

    min_face_px: float
    max_face_px: float | None
    probes: int
    users: int
    proposal: Proposal | None
    smallest_supported: float | None
    compared: LeaveOneOut | None
    template_px: int | None
    likeness: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was found.

    Attributes:
        bundle: That serves.
        space_id: Its space.
        users: Compared with each other.
        users_in_all: All enrolled; beyond 2,000 a sample is drawn.
        photos: Of the users compared.
        photos_without_crop: Those that cannot be shrunk.
        closest: None if there is only one user.
        worst_genuine: None where nobody has two photos.
        mislabelled: With even one of them nothing is proposed.
        sizes: Empty while photos are mislabelled.
    """

    bundle: str
    space_id: str
    users: int
    users_in_all: int
    photos: int
    photos_without_crop: int
    closest: ClosestPair | None
    worst_genuine: WorstGenuine | None
    mislabelled: tuple[MislabelledPhoto, ...]
    sizes: tuple[SizeAdvice, ...]

    def require_proposals(self, false_accept_rate: float) -> None:
        """Raises if no threshold for that rate is supported, with the reason.

        Raises:
            MislabelledError: Photos are mislabelled.
            CalibrationError: The people are too few for the rate, at every size.
        """
        if self.mislabelled:
            named = [f"{of.user_id} (looks like {of.looks_like})" for of in self.mislabelled]
            listed = ", ".join(dict.fromkeys(named[:_NAMED_AT_MOST]))
            raise MislabelledError(
                f"{len(named)} photos look like another user than the one they belong to: {listed}"
                f"{' and others' if len(named) > _NAMED_AT_MOST else ''}. "
                "Remove or move them, then calibrate again."
            )
        if any(size.proposal and size.proposal.supported for size in self.sizes):
            return
        supported = [size.smallest_supported for size in self.sizes if size.smallest_supported]
        instead = (
            f"They support {min(supported):g} at best. Ask for that with --false-accept-rate, or "
            "enrol more people."
            if supported
            else "They are too few even for 1e-2. Enrol more people."
        )
        raise CalibrationError(
            f"{self.users} users with {self.photos} photos are too few for a false-accept rate of "
            f"{false_accept_rate:g}. {instead}"
        )


async def calibrate(
    sessions: Sessions,
    serving: Serving,
    *,
    false_accept_rate: float,
    same_person: float,
    advance: Progress,
) -> Calibration:
    """Compares every enrolled photo with all templates, leaving it out of its own.

    Args:
        sessions: Where the photos are.
        serving: Its networks read the shrunk crops.
        false_accept_rate: Wanted, per comparison.
        same_person: Two faces this similar are one person; see find_mislabelled.
        advance: Called with the probes done and the total.

    Raises:
        UnreadableImageError: A stored crop is damaged.
    """
    photos, users_in_all = await _read(sessions, serving.space_id)
    people = np.unique([photo.user_id for photo in photos], return_inverse=True)[1]
    embeddings = vectors_of(photos)
    names = sorted({photo.user_id for photo in photos})
    compared = LeaveOneOut.of(people, embeddings)
    mislabelled = tuple(
        MislabelledPhoto(
            photo_id=str(photos[found.row].photo),
            user_id=photos[found.row].user_id,
            similarity=found.own,
            looks_like=names[found.looks_like],
            similarity_to_other=found.other,
        )
        for found in find_mislabelled(compared, same_person)
    )
    sizes: list[SizeAdvice] = []
    if not mislabelled:
        probes = _Probes(sessions, serving, photos, advance)
        for low, high, stand_ins in SIZE_RANGES:
            rows, seen = await probes.of(low, high, stand_ins[-1], embeddings)
            compared_with, template_px = embeddings, serving.template_px([low])
            if template_px == stand_ins[-1]:
                # The mean of what each photo adds to both means: the fused template, nearly.
                compared_with = embeddings.copy()
                compared_with[rows] = fused_template(embeddings[rows], seen)
            of_size = None
            if len(rows):
                of_size = LeaveOneOut.of(people, compared_with, seen, rows)
                of_size = of_size.lowered(serving.raised_by(low, seen, template_px))
            usual = serving.usual_likeness(low, template_px)
            sizes.append(_advice((low, high), of_size, false_accept_rate, template_px, usual))
    return Calibration(
        bundle=serving.manifest.name,
        space_id=serving.space_id,
        users=len(names),
        users_in_all=users_in_all,
        photos=len(photos),
        photos_without_crop=sum(not photo.has_crop for photo in photos),
        closest=_closest(people, embeddings, names),
        worst_genuine=_worst(compared, photos),
        mislabelled=mislabelled,
        sizes=tuple(sizes),
    )


async def _read(sessions: Sessions, space_id: str) -> tuple[list[EnrolledPhoto], int]:
    async with sessions.read() as session:
        users = await enrolled.users_in_space(session, space_id)
        in_all = len(users)
        users = draw(users, _MAX_USERS)
        per_user = min(_MAX_PHOTOS_PER_USER, _MAX_PHOTOS // max(1, len(users)))
        return await enrolled.photos_in_space(session, space_id, users, per_user), in_all


class _Probes:
    """Enrolled photos as probes of a size."""

    def __init__(
        self,
        sessions: Sessions,
        serving: Serving,
        photos: Sequence[EnrolledPhoto],
        advance: Progress,
    ) -> None:
        self._sessions = sessions
        self._serving = serving
        self._photos = photos
        self._advance = advance
        self._done = 0

    async def of(
        self, low: float, high: float | None, size: Size, embeddings: Floats
    ) -> tuple[NDArray[np.intp], Floats]:
        """Rows and embeddings: photos of that size as they are, larger ones shrunk."""
        as_they_are, larger = [], []
        for row, photo in enumerate(self._photos):
            if high is not None and photo.face_px >= high:
                if photo.has_crop:
                    larger.append(row)
            elif photo.face_px >= low:
                as_they_are.append(row)
        if len(larger) > _MAX_PROBES:
            larger = np.random.default_rng(0).permutation(larger)[:_MAX_PROBES].tolist()
        rows = list(as_they_are)
        shrunk: list[Floats] = []
        for start in range(0, len(larger), _PER_STEP):
            step = larger[start : start + _PER_STEP]
            kept, of_step = await self._embed(step, size)
            rows += kept
            shrunk.append(of_step)
            self._done += len(step)
            self._advance(self._done, len(larger) * (len(SIZE_RANGES) - 1))
        return np.array(rows, dtype=np.intp), np.concatenate([embeddings[as_they_are], *shrunk])

    async def _embed(self, rows: Sequence[int], size: Size) -> tuple[list[int], Floats]:
        """Shrinks and embeds; without photos that were erased meanwhile, which it leaves out."""
        async with self._sessions.read() as session:
            stored = await enrolled.crops_of(session, [self._photos[row].photo for row in rows])
        kept = [row for row in rows if self._photos[row].photo in stored]

        def embed() -> Floats:
            photos = [self._photos[row] for row in kept]
            crops = decode_crops((stored[of.photo], of.face_px) for of in photos)
            return self._serving.embedder.embed([shrink_crop(crop, size) for crop in crops])[0]

        return kept, await asyncio.to_thread(embed)


def _advice(
    of_faces_px: tuple[float, float | None],
    compared: LeaveOneOut | None,
    rate: float,
    template_px: int | None,
    likeness: float | None,
) -> SizeAdvice:
    return SizeAdvice(
        min_face_px=of_faces_px[0],
        max_face_px=of_faces_px[1],
        probes=0 if compared is None else len(compared.member),
        users=0 if compared is None else len(np.unique(compared.member)),
        proposal=None if compared is None else propose(compared, rate),
        smallest_supported=None if compared is None else smallest_supported(compared),
        compared=compared,
        template_px=template_px,
        likeness=likeness,
    )


def _closest(
    people: NDArray[np.intp], embeddings: Floats, names: Sequence[str]
) -> ClosestPair | None:
    if len(names) < 2:  # noqa: PLR2004 - a pair
        return None
    templates = templates_of(people, embeddings)
    similarity = templates @ templates.T
    np.fill_diagonal(similarity, -np.inf)
    first, second = divmod(int(similarity.argmax()), len(names))
    return ClosestPair((names[first], names[second]), float(similarity[first, second]))


def _worst(compared: LeaveOneOut, photos: Sequence[EnrolledPhoto]) -> WorstGenuine | None:
    if np.isnan(compared.genuine).all():
        return None
    row = int(np.nanargmin(compared.genuine))
    photo = photos[row]
    return WorstGenuine(str(photo.photo), photo.user_id, float(compared.genuine[row]))
