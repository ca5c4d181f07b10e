"""Names that clients of CompreFace's add before the first photo

Revision: 0006, after 0005, 2026-11-26 21:30:00.
"""

import sqlalchemy as sa

from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('announced_subjects',
    sa.Column('api_key', sa.String(length=16), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['api_key'], ['api_keys.id'], name=op.f('fk_announced_subjects_api_key_api_keys')),
    sa.PrimaryKeyConstraint('api_key', 'name', name=op.f('pk_announced_subjects'))
    )


def downgrade() -> None:
    op.drop_table('announced_subjects')
