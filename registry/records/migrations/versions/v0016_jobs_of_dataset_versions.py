"""Which job imported a version of a dataset."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("dataset_versions") as table:
        table.add_column(sa.Column("job_id", sa.String(length=32), nullable=True))
        table.create_index("ix_dataset_versions_job_id", ["job_id"])


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("dataset_versions") as table:
        table.drop_index("ix_dataset_versions_job_id")
        table.drop_column("job_id")
