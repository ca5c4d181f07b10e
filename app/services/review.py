"""Review: what identification answered, looked at by people, who say whose faces they are."""

import asyncio
from collections.abc import Collection, Sequence
from functools import partial
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from app.db.repositories import events, kept_faces, photos, users
from app.db.repositories.kept_faces import Point, Wanted
from app.db.session import ReadSession, Sessions, WriteSession
from app.db.tables import JsonObject, KeptFace, User
from app.errors import GroupForbiddenError, KeptFaceNotFoundError
from app.gallery.gallery import Groups
from app.recognition.recognizer import FoundFace
from app.recognition.serving import Serving
from app.services.clustering import clusters_of
from app.services.cursor import cursor_after, read_row_id
from app.services.erasures import Erasures
from app.services.kept_face import (
    AssignedFace,
    Assignment,
    Cluster,
    Dismissal,
    KeptFacePage,
    view_face,
)
from app.services.registration import NewUser, Registration, RegistrationAnswer
from app.services.reviewed_photo import PhotoReport, Upload
from app.vision.alignment import ARCFACE_TEMPLATE, Crop
from app.vision.detector import Face
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.image import decode_image
from app.vision.quality import Quality

MOST_GROUPED = 2000
"""The newest faces of strangers that are put together by likeness: a second of one core."""
Vector = NDArray[np.float32]
_BEYOND_ALL = 2**62
_NOT_NEEDED = "not_needed"


class _Taken(NamedTuple):
    """Kept faces that are to be assigned, with those that are to become photos."""

    faces: Sequence[UUID]
    uploads: Sequence[Upload]
    chosen: Sequence[UUID]


class Review:
    """Shows kept faces, and turns them into photos of people.

    Args:
        sessions: Where they are kept.
        registration: Whose rules decide which faces become photos.
        erasures: Deletes the others.
        max_photos: So many of one request's faces become photos, the largest.
    """

    def __init__(
        self,
        sessions: Sessions,
        registration: Registration,
        erasures: Erasures,
        max_photos: int,
    ) -> None:
        self._sessions = sessions
        self._registration = registration
        self._erasures = erasures
        self._max_photos = max_photos

    async def page(
        self, cursor: str | None, limit: int, groups: Groups | None, *, named: bool | None = None
    ) -> KeptFacePage:
        """Kept faces, newest first.

        Args:
            cursor: `next_cursor` of the previous page; None for the first one.
            limit: Maximum number.
            groups: Only faces that were kept for one of these; None: all.
            named: Only those that are somebody's, or only those of strangers; None: all.

        Raises:
            InvalidRequestError: Not a cursor of ours.
        """
        wanted = Wanted(named, groups)
        before = _BEYOND_ALL if cursor is None else read_row_id(cursor)
        async with self._sessions.read() as session:
            rows = await kept_faces.page(session, wanted, before, limit + 1)
        return KeptFacePage(
            [view_face(row, user_id) for row, user_id in rows[:limit]],
            cursor_after([row.id for row, _ in rows], limit),
        )

    async def clusters(
        self, serving: Serving, groups: Groups | None, most_clusters: int, most_faces: int
    ) -> tuple[list[Cluster], int]:
        """The newest faces of strangers, put together by likeness; most faces first.

        Two faces are compared at the threshold at which `verify` says that they are one person's.
        Faces in another space than the serving's cannot be compared: each stands alone.

        Args:
            serving: Its space and thresholds count.
            groups: Only faces that were kept for one of these; None: all.
            most_clusters: At most this many.
            most_faces: At most this many of each.

        Returns:
            The clusters, and how many there are in all.
        """
        wanted = Wanted(named=False, groups=groups)
        async with self._sessions.read() as session:
            points = await kept_faces.points(session, serving.space_id, wanted, MOST_GROUPED)
            rest = MOST_GROUPED - len(points)
            alone = await kept_faces.in_other_spaces(session, serving.space_id, wanted, rest)
        points.sort(key=lambda point: -point.face_px)
        ids = await asyncio.to_thread(_grouped, points, serving) + [[face] for face in alone]
        ids.sort(key=len, reverse=True)  # stable: clusters of one size stay as they began
        shown = [cluster[:most_faces] for cluster in ids[:most_clusters]]
        async with self._sessions.read() as session:
            rows = await kept_faces.some(session, [of for each in shown for of in each], wanted)
        views = {row.face_id: view_face(row, user_id) for row, user_id in rows}
        found = [Cluster([views[of] for of in each if of in views]) for each in shown]
        return [cluster for cluster in found if cluster.faces], len(ids)

    async def crop(self, actor: str, face_id: UUID, groups: Groups | None) -> bytes:
        """The crop of a kept face: PNG, 112 x 112, RGB; the audit log records who was shown it.

        Raises:
            KeptFaceNotFoundError: There is none that the caller may see.
        """

        async def show(session: WriteSession) -> bytes:
            found = await kept_faces.some(session, [face_id], Wanted(groups=groups), crops=True)
            if not found:
                raise _not_found()
            (row, user_id) = found[0]
            detail: JsonObject = {"face": str(face_id)}
            await events.record(session, actor, "kept_face.shown", user_id or "", detail)
            return session.crop_keys.open(row.face_id, row.crop)

        return await self._sessions.write(show)

    async def assign(
        self,
        serving: Serving,
        actor: str,
        face_ids: Sequence[UUID],
        user_id: str,
        groups: Groups | None,
    ) -> Assignment:
        """Says that kept faces are a user's: those that are good enough become photos.

        The others keep the name until their time is over.

        Args:
            serving: The one that the request has taken.
            actor: The caller's key id.
            face_ids: Which; strangers', or somebody else's by mistake.
            user_id: Whose they are.
            groups: The caller reaches these alone; None: all.

        Raises:
            KeptFaceNotFoundError: One is not there, or not any more; nothing was stored.
            GroupForbiddenError: One was kept for other groups, too.
            UserNotFoundError: There is no such user.
        """
        taken = await self._take(face_ids, groups)
        async with self._sessions.read() as session:
            before = await users.template(session, user_id, serving.space_id)
        answer = await self._registration.add_photos(
            serving,
            actor,
            user_id,
            taken.uploads,
            among=groups,
            minimum=0,
            also=partial(_claim, actor, taken),
        )
        return await self._learned(serving, taken, answer, before, groups)

    async def register(
        self,
        serving: Serving,
        actor: str,
        face_ids: Sequence[UUID],
        new: NewUser,
        groups: Groups | None,
    ) -> Assignment:
        """Registers somebody from kept faces; arguments and errors as for `assign`, and these.

        Raises:
            UserExistsError: The `user_id` is taken.
            TooFewPhotosError: Too few of the faces are usable.
            DuplicatePersonError: The face belongs to another user.
        """
        taken = await self._take(face_ids, groups)
        also = partial(_claim, actor, taken)
        prepared = await self._registration.prepare(serving, actor, new, taken.uploads, also=also)
        answer = await self._registration.store(prepared)
        return await self._learned(serving, taken, answer, None, groups)

    async def dismiss(
        self, actor: str, face_ids: Collection[UUID], groups: Groups | None
    ) -> Dismissal:
        """Deletes kept faces; those that are gone already do not count.

        Raises:
            GroupForbiddenError: One was kept for other groups, too.
        """
        dismissed: list[int] = []

        async def store(session: WriteSession) -> None:
            rows = await kept_faces.some(session, face_ids, Wanted(groups=groups))
            _require_alone(rows, groups)
            gone = await kept_faces.erase(session, [row.face_id for row, _ in rows])
            await events.record(session, actor, "faces.dismissed", "", {"faces": gone})
            dismissed.append(gone)

        done = await self._erasures.run(store)
        return Dismissal(dismissed[-1], pending=not done)

    async def _take(self, face_ids: Sequence[UUID], groups: Groups | None) -> _Taken:
        async with self._sessions.read() as session:
            rows = await kept_faces.some(session, face_ids, Wanted(groups=groups), crops=True)
            pngs = {row.face_id: session.crop_keys.open(row.face_id, row.crop) for row, _ in rows}
        if len(rows) < len(set(face_ids)):
            raise _not_found()
        _require_alone(rows, groups)
        by_id = {row.face_id: row for row, _ in rows}
        largest = sorted(by_id, key=lambda face: -by_id[face].face_px)[: self._max_photos]
        chosen = [face for face in dict.fromkeys(face_ids) if face in set(largest)]
        uploads = [
            await Upload.take(
                str(face), pngs[face], await asyncio.to_thread(_found, by_id[face], pngs[face])
            )
            for face in chosen
        ]
        return _Taken(list(dict.fromkeys(face_ids)), uploads, chosen)

    async def _learned(
        self,
        serving: Serving,
        taken: _Taken,
        answer: RegistrationAnswer,
        before: Vector | None,
        groups: Groups | None,
    ) -> Assignment:
        reports = dict(zip(taken.chosen, answer.photos, strict=True))
        wanted = Wanted(named=False, groups=groups)
        async with self._sessions.read() as session:
            after = await users.template(session, answer.user.user_id, serving.space_id)
            faces = [
                await _assigned(session, serving.space_id, face, reports.get(face), before, after)
                for face in taken.faces
            ]
            points = await kept_faces.points(session, serving.space_id, wanted, MOST_GROUPED)
        alike = await asyncio.to_thread(_alike, points, after, serving)
        return Assignment(
            answer.user,
            faces,
            None if before is None or after is None else float(before @ after),
            answer.near_users,
            alike,
        )


async def _claim(
    actor: str, taken: _Taken, session: WriteSession, user: User, reports: list[PhotoReport]
) -> None:
    """Photos take the place of the faces that they were; the other faces keep the name."""
    used = [face for face, of in zip(taken.chosen, reports, strict=True) if of.photo_id is not None]
    if await kept_faces.erase(session, used) < len(used):
        raise _not_found()  # somebody else was faster
    rest = [face for face in taken.faces if face not in set(used)]
    await kept_faces.assign(session, rest, user)
    detail: JsonObject = {"used": len(used), "not_used": len(rest)}
    await events.record(session, actor, "faces.assigned", user.user_id, detail)


async def _assigned(
    session: ReadSession,
    space_id: str,
    face: UUID,
    report: PhotoReport | None,
    before: Vector | None,
    after: Vector | None,
) -> AssignedFace:
    if report is None:
        detail = "Larger faces of the same person are enough."
        return AssignedFace(face, None, _NOT_NEEDED, detail)
    if report.photo_id is None:
        reason = None if report.reason is None else report.reason.value
        return AssignedFace(face, None, reason, report.detail)
    vector = await photos.embedding(session, report.photo_id, space_id)
    return AssignedFace(
        face,
        report.photo_id,
        None,
        None,
        None if vector is None or before is None else float(vector @ before),
        None if vector is None or after is None else float(vector @ after),
    )


def _alike(points: Sequence[Point], template: Vector | None, serving: Serving) -> list[UUID]:
    if template is None:
        return []
    return [
        point.face_id
        for point in points
        if float(point.vector @ template) >= serving.threshold(point.face_px, point.vector)
    ]


def _grouped(points: Sequence[Point], serving: Serving) -> list[list[UUID]]:
    if not points:
        return []
    embeddings = np.stack([point.vector for point in points])
    thresholds = [serving.threshold(point.face_px, point.vector) for point in points]
    return [
        [points[place].face_id for place in cluster]
        for cluster in clusters_of(embeddings, thresholds)
    ]


def _found(row: KeptFace, png: bytes) -> FoundFace:
    """The face as it was found, without the place that it had in the photo."""
    quality = Quality(**row.quality)
    side = float(CROP_SIZE_PX)
    face = Face((0.0, 0.0, side, side), ARCFACE_TEMPLATE, quality.detection_score)
    return FoundFace(face, Crop(decode_image(png), row.face_px), quality)


def _require_alone(rows: Sequence[tuple[KeptFace, str | None]], groups: Groups | None) -> None:
    if groups is None:
        return
    if any(not groups.issuperset(row.groups or ()) for row, _ in rows):
        raise GroupForbiddenError("A face was kept for groups, too, that this key does not reach.")


def _not_found() -> KeptFaceNotFoundError:
    return KeptFaceNotFoundError(
        "One of these faces is not kept, or not any more. Read them again."
    )
