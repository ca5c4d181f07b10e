"""A user's stored photos and the template that they make, in one transaction."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from app.db.repositories import photos, pointer, sized, users
from app.db.session import ReadSession, WriteSession
from app.db.tables import Photo, User, utc_now
from app.errors import NotReadyError
from app.gallery.gallery import Enrolled, Groups
from app.recognition.serving import Current, Serving
from app.services.reviewed_photo import UsablePhoto
from app.vision.embedder import fused_template, mean_embedding
from app.vision.png import encode_png


async def add_photos(
    session: WriteSession,
    serving: Serving,
    user: User,
    usable: Sequence[UsablePhoto],
    *,
    retain_crops: bool,
) -> None:
    """Stores photos with their embeddings and gives each its id."""
    rows = []
    for photo, face, _ in usable:
        photo.photo_id = uuid4()
        row = Photo(
            id=photo.photo_id,
            user=user.id,
            crop=encode_png(face.crop.pixels) if retain_crops else None,
            face_px=face.crop.face_px,
            quality=asdict(face.quality),
            sha256=photo.sha256,
        )
        rows.append(row)
    embeddings = [embedding for _, _, embedding in usable]
    await photos.add(session, rows, serving.space_id, embeddings)


def being_moved() -> NotReadyError:
    """The weights have just changed, and a user is not in the new space yet."""
    return NotReadyError("The user is being moved to other weights right now. Try again.")


async def template_of(session: ReadSession, user: User, space_id: str) -> NDArray[np.float32]:
    """(512,) a user's template as the embeddings of the photos make it now.

    Raises:
        NotReadyError: See being_moved.
    """
    embeddings = (await photos.embeddings(session, user)).get(space_id)
    if embeddings is None:
        raise being_moved()
    return mean_embedding(embeddings)


async def refresh_templates(session: WriteSession, current: Current | None, user: User) -> int:
    """Rebuilds a user's templates from stored embeddings; galleries follow after the commit.

    In a space where a photo has no embedding (yet), the user has no template. Templates of sizes go
    where the template has changed; `Reembedding.add_sizes` makes them again.

    Returns:
        The number of photos.
    """
    photo_count = await photos.count(session, user)
    by_space = await photos.embeddings(session, user)
    templates = {
        space_id: mean_embedding(embeddings)
        for space_id, embeddings in by_space.items()
        if len(embeddings) == photo_count
    }
    revision = await pointer.count_gallery_change(session)
    former = await users.templates_of(session, user)
    changed = [space for space in former if not _same(former[space], templates.get(space))]
    await sized.erase(session, user, changed)
    await users.erase_templates(session, user, except_in=templates)
    for space_id, template in templates.items():
        await users.put_template(session, user, space_id, template, photo_count, revision)
    user.updated_at = utc_now()
    groups = frozenset(user.groups)
    small = await sized.of_user(session, user)
    enrolled = {
        space_id: enrolled_as(template, groups, small.get(space_id, {}))
        for space_id, template in templates.items()
    }
    if current is not None:
        follow = partial(current.follow_user, user.user_id, enrolled, revision)
        session.after_commit.append(follow)
    return photo_count


def enrolled_as(template: NDArray[np.float32], groups: Groups, small: sized.Sized) -> Enrolled:
    """What galleries hold of a user.

    Args:
        template: (512,) of unit length.
        groups: Of the user.
        small: The means of the shrunk crops, by size.
    """
    by_size = {face_px: fused_template(template, mean) for face_px, mean in small.items()}
    return Enrolled(template, groups, by_size)


def _same(former: NDArray[np.float32], template: NDArray[np.float32] | None) -> bool:
    return template is not None and np.array_equal(former, template)
