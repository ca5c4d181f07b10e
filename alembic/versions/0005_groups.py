"""Groups of users, and keys that are bound to some

Revision: 0005, after 0004, 2026-11-26 21:40:00.
"""

import sqlalchemy as sa

from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('users', sa.Column('groups', sa.JSON(), server_default='[]', nullable=False))
    op.add_column('api_keys', sa.Column('groups', sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    # Not as a batch, which makes the table anew: with the old one all that refers to it would go.
    op.drop_column('api_keys', 'groups')
    op.drop_column('users', 'groups')
