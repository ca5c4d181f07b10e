"""Faces of identifications that are kept for review

Revision: 0008, after 0007, 2026-11-27 06:50:00.
"""

import sqlalchemy as sa

from alembic import op
from app.db.types import PgVector

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    row_id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    vector = sa.LargeBinary().with_variant(PgVector(512), 'postgresql')
    op.create_table('kept_faces',
    sa.Column('id', row_id, nullable=False),
    sa.Column('face_id', sa.Uuid(), nullable=False),
    sa.Column('kept_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('key_id', sa.String(length=64), nullable=False),
    sa.Column('groups', sa.JSON(), nullable=True),
    sa.Column('user', row_id, nullable=True),
    sa.Column('assigned', sa.Boolean(), nullable=False),
    sa.Column('similarity', sa.Double(), nullable=True),
    sa.Column('threshold', sa.Double(), nullable=False),
    sa.Column('face_px', sa.Double(), nullable=False),
    sa.Column('route', sa.String(length=16), nullable=False),
    sa.Column('quality', sa.JSON(), nullable=False),
    sa.Column('space_id', sa.String(length=16), nullable=False),
    sa.Column('vector', vector, nullable=False),
    sa.Column('crop_png', sa.LargeBinary(), nullable=False),
    sa.Column('crop_key', sa.String(length=16), nullable=True),
    sa.ForeignKeyConstraint(['user'], ['users.id'], name=op.f('fk_kept_faces_user_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_kept_faces')),
    sa.UniqueConstraint('face_id', name=op.f('uq_kept_faces_face_id'))
    )
    for column in ('kept_at', 'user', 'crop_key'):
        op.create_index(op.f(f'ix_kept_faces_{column}'), 'kept_faces', [column])


def downgrade() -> None:
    op.drop_table('kept_faces')
