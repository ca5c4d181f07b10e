"""First tables

Revision: 0001, after None, 2026-11-23 19:26:39.450987.
"""

import sqlalchemy as sa

from alembic import op
from app.db.types import PgVector

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    # SQLite's rows have numbers of 64 bits under this name.
    row_id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    vector = sa.LargeBinary().with_variant(PgVector(512), 'postgresql')
    # In the order of bytes, as on SQLite: pages of a list follow it.
    user_id = sa.String(length=64).with_variant(sa.String(length=64, collation='C'), 'postgresql')
    if op.get_bind().dialect.name == 'postgresql':
        op.execute('CREATE EXTENSION IF NOT EXISTS vector')
    op.create_table('api_keys',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('secret_sha256', sa.String(length=64), nullable=False),
    sa.Column('scopes', sa.JSON(), nullable=False),
    sa.Column('label', sa.String(length=100), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_keys'))
    )
    op.create_table('audit_events',
    sa.Column('id', row_id, nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor', sa.String(length=64), nullable=False),
    sa.Column('action', sa.String(length=64), nullable=False),
    sa.Column('subject', sa.String(length=64), nullable=False),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_events'))
    )
    op.create_table('bundles',
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('space_id', sa.String(length=16), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_bundles'))
    )
    op.create_table('users',
    sa.Column('id', row_id, nullable=False),
    sa.Column('user_id', user_id, nullable=False),
    sa.Column('display_name', sa.String(length=200), nullable=True),
    sa.Column('metadata', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_users')),
    sa.UniqueConstraint('user_id', name=op.f('uq_users_user_id'))
    )
    op.create_table('photos',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('user', row_id, nullable=False),
    sa.Column('crop_png', sa.LargeBinary(), nullable=True),
    sa.Column('face_px', sa.Double(), nullable=False),
    sa.Column('quality', sa.JSON(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['user'], ['users.id'], name=op.f('fk_photos_user_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_photos')),
    sa.UniqueConstraint('user', 'sha256', name=op.f('uq_photos_user_sha256'))
    )
    op.create_table('pointer',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('active_bundle', sa.String(length=64), nullable=False),
    sa.Column('gallery_revision', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['active_bundle'], ['bundles.name'], name=op.f('fk_pointer_active_bundle_bundles')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pointer'))
    )
    op.create_table('stored_answers',
    sa.Column('api_key', sa.String(length=16), nullable=False),
    sa.Column('idempotency_key', sa.String(length=255), nullable=False),
    sa.Column('user', row_id, nullable=False),
    sa.Column('request_sha256', sa.String(length=64), nullable=False),
    sa.Column('answer', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['api_key'], ['api_keys.id'], name=op.f('fk_stored_answers_api_key_api_keys')),
    sa.ForeignKeyConstraint(['user'], ['users.id'], name=op.f('fk_stored_answers_user_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('api_key', 'idempotency_key', name=op.f('pk_stored_answers'))
    )
    with op.batch_alter_table('stored_answers', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_stored_answers_user'), ['user'], unique=False)

    op.create_table('templates',
    sa.Column('user', row_id, nullable=False),
    sa.Column('space_id', sa.String(length=16), nullable=False),
    sa.Column('vector', vector, nullable=False),
    sa.Column('photo_count', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['user'], ['users.id'], name=op.f('fk_templates_user_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('user', 'space_id', name=op.f('pk_templates'))
    )
    with op.batch_alter_table('templates', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_templates_space_id'), ['space_id'], unique=False)

    op.create_table('embeddings',
    sa.Column('photo', sa.Uuid(), nullable=False),
    sa.Column('space_id', sa.String(length=16), nullable=False),
    sa.Column('vector', vector, nullable=False),
    sa.ForeignKeyConstraint(['photo'], ['photos.id'], name=op.f('fk_embeddings_photo_photos'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('photo', 'space_id', name=op.f('pk_embeddings'))
    )
    # ### end Alembic commands ###


def downgrade() -> None:
    # ### commands auto generated by Alembic - please adjust! ###
    op.drop_table('embeddings')
    with op.batch_alter_table('templates', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_templates_space_id'))

    op.drop_table('templates')
    with op.batch_alter_table('stored_answers', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_stored_answers_user'))

    op.drop_table('stored_answers')
    op.drop_table('pointer')
    op.drop_table('photos')
    op.drop_table('users')
    op.drop_table('bundles')
    op.drop_table('audit_events')
    op.drop_table('api_keys')
    # ### end Alembic commands ###
