"""The moment in which another bundle begins to serve, and the galleries that follow the rows."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from app.db.engine import RETRY_AFTER_S
from app.db.repositories import pointer, sized, spaces, users
from app.db.session import ReadSession, Sessions, WriteSession
from app.errors import CropsNotRetainedError, NotReadyError
from app.gallery.gallery import Enrolled, Gallery
from app.recognition.serving import Current, Serving
from app.services.template import enrolled_as
from app.storage_errors import DatabaseDamagedError


async def read_gallery(
    session: ReadSession,
    space_id: str,
    *,
    holds_templates: bool = True,
    sizes: Collection[int] = (),
) -> Gallery:
    """All templates of a space.

    Args:
        session: Reads.
        space_id: The space.
        holds_templates: False where they are searched in the database.
        sizes: See Gallery.

    Raises:
        DatabaseDamagedError: One is not of unit length.
    """
    if not holds_templates:
        count = await users.count_in_space(session, space_id)
        return Gallery((), await pointer.gallery_revision(session), count, sizes)
    templates = await _enrolled(session, space_id, sizes)
    with _damage_told():
        return Gallery(templates, await pointer.gallery_revision(session), sizes=sizes)


async def try_to_catch_up(session: ReadSession, space_id: str, gallery: Gallery) -> bool:
    """Applies what has changed in the rows since a gallery was read.

    Returns:
        Whether the gallery is at least as new as the session's view of the rows. If not, this
        process has changed it meanwhile, and a new session has to look.

    Raises:
        DatabaseDamagedError: A template is not of unit length.
    """
    read_at = gallery.changes
    revision = await pointer.gallery_revision(session)
    if revision <= gallery.revision:
        return True
    if not gallery.holds_templates:
        gallery.note(await users.count_in_space(session, space_id), revision)
        return True
    changed = dict(await _enrolled(session, space_id, gallery.sizes, since=gallery.revision))
    everybody = None
    if gallery.count_with(changed) != await users.count_in_space(session, space_id):
        everybody = await users.ids_in_space(session, space_id)
    with _damage_told():
        return gallery.catch_up(changed, everybody, revision, read_at=read_at)


async def catch_up(session: WriteSession, space_id: str, gallery: Gallery) -> None:
    """Applies everything that has changed in the rows; nobody else changes them meanwhile."""
    while not await try_to_catch_up(session, space_id, gallery):
        pass  # the follower was faster, with rows that are older


async def require_everybody(session: ReadSession, space_id: str) -> None:
    """Makes sure that a comparison with everybody in a space leaves nobody out.

    Another bundle may have begun to serve since a request took its serving, and somebody been
    registered with it.

    Raises:
        NotReadyError: Somebody is not in this space yet; it takes a second at most.
    """
    active = await pointer.active_bundle(session)
    is_serving = active is not None and active.space_id == space_id
    if not is_serving and await users.count_outside_space(session, space_id):
        raise NotReadyError(
            "People are being moved to other weights right now. Try again.",
            retry_after_s=RETRY_AFTER_S,
        )


async def switch(session: WriteSession, current: Current, serving: Serving) -> bool:
    """Moves the pointer; after the commit, requests are given another serving.

    Returns:
        Whether it did. If not, somebody is not in the new space yet, and nothing has changed.

    Raises:
        CropsNotRetainedError: Somebody never can be.
    """
    if await users.count_outside_space(session, serving.space_id):
        await refuse_lost_users(session, serving.space_id)
        return False
    await catch_up(session, serving.space_id, serving.gallery)
    await pointer.switch(session, serving.manifest.name, serving.space_id)
    session.after_commit.append(lambda: current.switch(serving))
    return True


async def refuse_lost_users(session: ReadSession, space_id: str) -> None:
    """Makes sure that everybody is in a space or can be embedded there.

    Raises:
        CropsNotRetainedError: Some cannot; the error says how many.
    """
    lost = await spaces.count_users_without_crops(session, space_id)
    if lost:
        raise CropsNotRetainedError(
            f"The crops of {lost} users were not kept (FARSIGHT_RETAIN_CROPS), so they cannot be "
            f"embedded in space {space_id}, and would not be recognised there. Register them "
            "again with crops retained, or delete them.",
            users=lost,
        )


async def erase_other_spaces(sessions: Sessions) -> int:
    """Deletes the embeddings and templates of all spaces but the serving and the former one.

    Returns:
        How many rows were deleted.
    """

    async def some(session: WriteSession) -> int:
        kept = [await pointer.active_bundle(session), await pointer.former_bundle(session)]
        return await spaces.erase_outside(session, {row.space_id for row in kept if row})

    erased = 0
    while count := await sessions.write(some):
        erased += count
    async with sessions.read() as session:
        kept = [await pointer.active_bundle(session), await pointer.former_bundle(session)]
    await sessions.drop_indexes({row.space_id for row in kept if row})
    return erased


async def _enrolled(
    session: ReadSession, space_id: str, sizes: Collection[int], since: int = -1
) -> Iterator[tuple[str, Enrolled]]:
    small = await sized.of_space(session, space_id, since) if sizes else {}
    return (
        (user_id, enrolled_as(template, groups, small.get(user_id, {})))
        for user_id, template, groups in await users.templates(session, space_id, since)
    )


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise DatabaseDamagedError(
            "Templates in the database are damaged. `farsight db check` says whose, and with "
            "--repair rebuilds them from the photos' embeddings or crops."
        ) from error
