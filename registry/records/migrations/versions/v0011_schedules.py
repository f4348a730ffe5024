"""Schedules of jobs, with the nightly clean-up and the nightly backup."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TEXTS = {"name": 80, "kind": 64, "cron": 120, "time_zone": 64, "owner_id": 64, "owner_name": 80}
_NIGHTLY = (
    ("c1ea0000000000000000000000000001", "Nightly clean-up", "clean", {"dry_run": False}, "15 3 * * *"),
    ("c1ea0000000000000000000000000002", "Nightly backup", "backup", {"keep": 7}, "45 2 * * *"),
)


def upgrade() -> None:
    """Apply."""
    table = op.create_table(
        "schedules",
        sa.Column("id", sa.String(length=32), nullable=False),
        *(sa.Column(name, sa.String(length=length), nullable=False) for name, length in _TEXTS.items()),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_job_id", sa.String(length=32), nullable=False),
        sa.Column("problem", sa.String(length=400), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_schedules_owner_id", "schedules", ["owner_id"])
    op.create_index("ix_schedules_next_at", "schedules", ["next_at"])
    now = datetime.now(UTC)
    same = {"time_zone": "UTC", "owner_id": "local:nexusai", "owner_name": "nexusai", "active": True, "revision": 1}
    same |= {"next_at": None, "last_at": None, "last_job_id": "", "problem": "", "created_at": now, "updated_at": now}
    op.bulk_insert(
        table,
        [
            {"id": id_, "name": name, "kind": kind, "parameters": parameters, "cron": cron, **same}
            for id_, name, kind, parameters, cron in _NIGHTLY
        ],
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("schedules")
