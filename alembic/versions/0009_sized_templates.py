"""Templates of crops that were shrunk to the size of a probe

Revision: 0009, after 0008, 2026-11-27 07:00:00.
"""

import sqlalchemy as sa

import app.db.types
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'sized_templates',
        sa.Column('user', app.db.types.RowId, nullable=False),
        sa.Column('space_id', sa.String(length=16), nullable=False),
        sa.Column('face_px', sa.Integer(), nullable=False),
        sa.Column('vector', app.db.types.Vector(), nullable=False),
        sa.ForeignKeyConstraint(
            ['user', 'space_id'],
            ['templates.user', 'templates.space_id'],
            name=op.f('fk_sized_templates_user_space_id_templates'),
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('user', 'space_id', 'face_px', name=op.f('pk_sized_templates')),
    )


def downgrade() -> None:
    op.drop_table('sized_templates')
