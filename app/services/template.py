"""A user's stored photos and the template that they make, in one transaction."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from uuid import uuid4

import cv2

from app.db.repositories import photos, pointer, users
from app.db.session import WriteSession
from app.db.tables import Photo, User, utc_now
from app.runtime.decision import mean_embedding
from app.runtime.recognizer import RecognizedFace
from app.runtime.serving import Serving
from app.services.photo_review import ReviewedPhoto


async def add_photos(
    session: WriteSession,
    serving: Serving,
    user: User,
    usable: Sequence[tuple[ReviewedPhoto, RecognizedFace]],
    *,
    retain_crops: bool,
) -> None:
    """Stores photos with their embeddings and gives each its id."""
    for photo, face in usable:
        photo.photo_id = uuid4()
        row = Photo(
            id=photo.photo_id,
            user=user.id,
            crop_png=_png(face) if retain_crops else None,
            face_px=face.crop.face_px,
            quality=asdict(face.quality),
            sha256=photo.sha256,
        )
        await photos.add(session, row, serving.space_id, face.embedding)


async def refresh_template(session: WriteSession, serving: Serving, user: User) -> int:
    """Makes a user's template from the stored embeddings; the gallery follows after the commit.

    Returns:
        The number of photos.
    """
    embeddings = await photos.embeddings(session, user, serving.space_id)
    user.updated_at = utc_now()
    if embeddings:
        template = mean_embedding(embeddings)
        await users.put_template(session, user, serving.space_id, template, len(embeddings))
        revision = await pointer.count_gallery_change(session)
        session.after_commit.append(
            partial(serving.gallery.upsert, user.user_id, template, revision)
        )
    return len(embeddings)


def _png(face: RecognizedFace) -> bytes:
    """The crop without loss."""
    _, content = cv2.imencode(".png", cv2.cvtColor(face.crop.pixels, cv2.COLOR_RGB2BGR))
    return content.tobytes()
