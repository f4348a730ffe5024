"""What a job's runs leave behind, and the processes that start them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TIMES = ("cancel_requested_at", "handed_over_at", "not_before", "taken_at")
_TEXTS = {"owner_name": 80, "stage": 120, "flow_run_id": 64, "mlflow_run_id": 64}
_COUNTS = ("ticket", "attempts", "losses", "done_when_taken")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "runners",
        sa.Column("id", sa.String(length=120), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.alter_column("owner_id", existing_type=sa.String(length=32), type_=sa.String(length=64))
        for name, length in _TEXTS.items():
            batch_op.add_column(sa.Column(name, sa.String(length=length), nullable=False, server_default=""))
        for name in _COUNTS:
            batch_op.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
        for name in _TIMES:
            batch_op.add_column(sa.Column(name, sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("settled", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        for name in (*_TEXTS, *_COUNTS, "settled"):
            batch_op.alter_column(name, server_default=None)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        for name in (*_TEXTS, *_COUNTS, *_TIMES, "settled"):
            batch_op.drop_column(name)
        batch_op.alter_column("owner_id", existing_type=sa.String(length=64), type_=sa.String(length=32))
    op.drop_table("runners")
