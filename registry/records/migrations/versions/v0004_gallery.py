"""The gallery: vectors of enrolled faces and objects."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "gallery_entries",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("gallery", sa.String(length=63), nullable=False),
        sa.Column("label", sa.String(length=120), nullable=False),
        sa.Column("model_name", sa.String(length=63), nullable=False),
        sa.Column("model_version", sa.Integer(), nullable=False),
        sa.Column("model_sha256", sa.String(length=64), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("gallery_entries", schema=None) as batch_op:
        batch_op.create_index("ix_gallery_entries_owner_gallery", ["owner_id", "gallery"], unique=False)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("gallery_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_gallery_entries_owner_gallery")

    op.drop_table("gallery_entries")
