"""Reload: jobs, the former bundle, the revision of a template

Revision: 0002, after 0001, 2026-11-23 22:30:00.
"""

import sqlalchemy as sa

from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('jobs',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('bundle', sa.String(length=64), nullable=False),
    sa.Column('space_id', sa.String(length=16), nullable=False),
    sa.Column('force', sa.Boolean(), nullable=False),
    sa.Column('actor', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('step', sa.String(length=16), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('rate_per_s', sa.Double(), nullable=True),
    sa.Column('error', sa.JSON(), nullable=True),
    sa.Column('report', sa.JSON(), nullable=True),
    sa.Column('owner', sa.String(length=32), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_jobs'))
    )
    running = sa.text("state = 'running'")
    op.create_index('uq_jobs_running', 'jobs', ['state'], unique=True, sqlite_where=running, postgresql_where=running)
    with op.batch_alter_table('pointer') as batch_op:
        batch_op.add_column(sa.Column('former_bundle', sa.String(length=64), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_pointer_former_bundle_bundles'), 'bundles', ['former_bundle'], ['name'])
    # Older than any gallery in memory, which are all made anew after a migration.
    with op.batch_alter_table('templates') as batch_op:
        batch_op.add_column(sa.Column('revision', sa.Integer(), nullable=False, server_default='0'))
    with op.batch_alter_table('templates') as batch_op:
        batch_op.alter_column('revision', server_default=None)


def downgrade() -> None:
    with op.batch_alter_table('templates') as batch_op:
        batch_op.drop_column('revision')
    with op.batch_alter_table('pointer') as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_pointer_former_bundle_bundles'), type_='foreignkey')
        batch_op.drop_column('former_bundle')
    op.drop_index('uq_jobs_running', table_name='jobs')
    op.drop_table('jobs')
