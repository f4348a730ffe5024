"""Receivers of notifications, and what waits for them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "notification_receivers",
        _text("id", 32),
        _text("name", 80),
        _text("kind", 16),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("wanted", sa.JSON(), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        _number("revision"),
        _number("delivered"),
        _number("lost"),
        _text("last_error", 300),
        _time("last_at", nullable=True),
        _text("held_by", 120),
        _time("held_until", nullable=True),
        _text("owner_id", 64),
        _text("owner_name", 80),
        _time("created_at"),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "notification_deliveries",
        _text("id", 32),
        _text("receiver_id", 32),
        _text("event_id", 32),
        _text("phase", 8),
        sa.Column("payload", sa.JSON(), nullable=False),
        _number("tries"),
        _time("created_at"),
        _time("due_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("receiver_id", "event_id", "phase", name="uq_notification_deliveries_once"),
    )
    op.create_index("ix_notification_deliveries_due", "notification_deliveries", ["receiver_id", "due_at"])
    op.create_index("ix_recording_segments_expires", "recording_segments", ["expires_at"])


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_recording_segments_expires", "recording_segments")
    op.drop_table("notification_deliveries")
    op.drop_table("notification_receivers")
