"""Runs migrations on the connection that `app.db.migration` hands over."""

from typing import Literal

from alembic.autogenerate.api import AutogenContext
from sqlalchemy.types import TypeEngine

from alembic import context
from app.db.tables import Table
from app.db.types import UtcDateTime, Vector

_PLAIN = {
    Vector: "sa.LargeBinary().with_variant(PgVector(512), 'postgresql')",
    UtcDateTime: "sa.DateTime(timezone=True)",
}


def _render(kind: str, item: object, found: AutogenContext) -> str | Literal[False]:
    """Migrations name plain types: they must still run when our own types have changed."""
    if isinstance(item, Vector):
        found.imports.add("from app.db.types import PgVector")
    if kind == "type" and isinstance(item, TypeEngine):
        return _PLAIN.get(type(item), False)
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_item=_render,
    # SQLite alters tables by copying them.
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
