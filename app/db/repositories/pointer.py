"""The row that says which bundle serves and how often the gallery has changed."""

from sqlalchemy import select, update

from app.db.session import ReadSession, WriteSession
from app.db.tables import BundleRow, Pointer

_ROW = 1


async def active_bundle(session: ReadSession) -> BundleRow | None:
    """The bundle that serves; None before the first start."""
    return await session.scalar(
        select(BundleRow).join(Pointer, Pointer.active_bundle == BundleRow.name)
    )


async def former_bundle(session: ReadSession) -> BundleRow | None:
    """The bundle that a rollback goes back to; None when there is none."""
    return await session.scalar(
        select(BundleRow).join(Pointer, Pointer.former_bundle == BundleRow.name)
    )


async def activate(session: WriteSession, name: str, space_id: str) -> None:
    """Points to a bundle; the gallery's revision and the former bundle stay."""
    session.moves_gallery = True
    await session.merge(BundleRow(name=name, space_id=space_id))
    await session.flush()
    await session.merge(Pointer(id=_ROW, active_bundle=name))
    await session.flush()


async def switch(session: WriteSession, name: str, space_id: str) -> None:
    """Points to a bundle and remembers the one before it as the former."""
    before = await active_bundle(session)
    await activate(session, name, space_id)
    if before is not None and before.name != name:
        await session.execute(update(Pointer).values(former_bundle=before.name))


async def forget_former(session: WriteSession) -> None:
    """Notes that there is no bundle to go back to."""
    await session.execute(update(Pointer).values(former_bundle=None))


async def gallery_revision(session: ReadSession) -> int:
    """How often the gallery has changed so far."""
    return await session.scalar(select(Pointer.gallery_revision)) or 0


async def rewrite(session: WriteSession) -> None:
    """Writes the stored value back, to see whether the database can be written."""
    await session.execute(update(Pointer).values(gallery_revision=Pointer.gallery_revision))


async def count_gallery_change(session: WriteSession) -> int:
    """Notes one more change of the gallery and returns its revision."""
    session.moves_gallery = True
    revision: int | None = await session.scalar(
        update(Pointer)
        .values(gallery_revision=Pointer.gallery_revision + 1)
        .returning(Pointer.gallery_revision)
    )
    assert revision is not None, "the pointer is set at the start"
    return revision
