"""How far the furthest run of a job came."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Of a job that is there already the count of today is the furthest that is known."""
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("most_done", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE jobs SET most_done = done")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.alter_column("most_done", server_default=None)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_column("most_done")
