"""Templates near an embedding, found by PostgreSQL; SQLite has no such search."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, cast, literal, select

from app.db.repositories.users import in_one_of
from app.db.session import ReadSession
from app.db.tables import Template, User
from app.db.types import HalfVector, Vector


async def nearest(
    session: ReadSession,
    space_id: str,
    embedding: NDArray[np.float32],
    count: int,
    groups: Collection[str] | None,
    *,
    exact: bool,
) -> list[tuple[str, NDArray[np.float32]]]:
    """`user_id` and template of the users most similar to an embedding, in no order.

    Args:
        session: Reads.
        space_id: The space.
        embedding: (512,) float32 of unit length.
        count: How many at most.
        groups: Only users who are in one of these; None: everybody.
        exact: Compare everybody; otherwise use the index, which may miss some and gives up early
            where few belong to the groups.
    """
    if exact:
        distance = Template.vector.op("<=>")(literal(embedding, Vector()))
    else:
        # As in the index; rounded to float16 for the choice alone.
        rounded = cast(Template.vector, HalfVector())
        distance = rounded.op("<=>")(cast(literal(embedding, Vector()), HalfVector()))
    # Part of the statement, so that PostgreSQL sees that the space's index holds all of it.
    in_space = Template.space_id == bindparam("space", space_id, literal_execute=True)
    wanted = (
        select(User.user_id, Template.vector)
        .join(User, User.id == Template.user)
        .where(in_space)
        .order_by(distance)
        .limit(count)
    )
    if groups is not None:
        wanted = wanted.where(in_one_of(groups))
    return [(user_id, vector) for user_id, vector in await session.execute(wanted)]
