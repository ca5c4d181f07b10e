"""Which key a stored crop is encrypted with

Revision: 0007, after 0006, 2026-11-27 02:20:00.
"""

import sqlalchemy as sa

from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('photos', sa.Column('crop_key', sa.String(length=16), nullable=True))
    op.create_index(op.f('ix_photos_crop_key'), 'photos', ['crop_key'])


def downgrade() -> None:
    op.drop_index(op.f('ix_photos_crop_key'), table_name='photos')
    # Not in a batch: that would make the table anew, and all that refers to its rows would go.
    op.drop_column('photos', 'crop_key')
