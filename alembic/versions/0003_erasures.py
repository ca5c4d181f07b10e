"""Erasures that are pending; answers outlive their user, empty; templates by revision

Revision: 0003, after 0002, 2026-11-26 11:00:00.
"""

import sqlalchemy as sa

from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

row_id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table('erasures',
    sa.Column('id', row_id, nullable=False),
    sa.Column('subject', sa.String(length=64), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_erasures'))
    )
    with op.batch_alter_table('stored_answers') as batch_op:
        batch_op.alter_column('user', existing_type=row_id, nullable=True)
        batch_op.alter_column('answer', existing_type=sa.JSON(), nullable=True)
    op.drop_index('ix_templates_space_id', table_name='templates')
    op.create_index('ix_templates_space_id_revision', 'templates', ['space_id', 'revision'])


def downgrade() -> None:
    op.drop_index('ix_templates_space_id_revision', table_name='templates')
    op.create_index('ix_templates_space_id', 'templates', ['space_id'])
    op.execute('DELETE FROM stored_answers WHERE "user" IS NULL')
    with op.batch_alter_table('stored_answers') as batch_op:
        batch_op.alter_column('answer', existing_type=sa.JSON(), nullable=False)
        batch_op.alter_column('user', existing_type=row_id, nullable=False)
    op.drop_table('erasures')
