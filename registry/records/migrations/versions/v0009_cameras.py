"""Cameras, groups, workers, leases, events and recordings."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "camera_groups",
        _text("id", 32),
        _text("name", 80),
        _text("description", 400),
        _time("created_at"),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "cameras",
        _text("id", 32),
        _text("name", 80),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("verify_tls", sa.Boolean(), nullable=False),
        sa.Column("group_id", sa.String(length=32), nullable=True),
        _text("model", 64),
        _text("alias", 64),
        _text("version", 16),
        sa.Column("analysed_fps", sa.Float(), nullable=False),
        sa.Column("is_wanted", sa.Boolean(), nullable=False),
        sa.Column("analysis", sa.JSON(), nullable=False),
        sa.Column("recording", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        _text("owner_id", 64),
        _text("owner_name", 80),
        _time("created_at"),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index("ix_cameras_group_id", "cameras", ["group_id"])
    op.create_index("ix_cameras_owner_id", "cameras", ["owner_id"])
    op.create_table(
        "workers",
        _text("id", 120),
        _text("host", 255),
        _text("url", 255),
        _time("started_at"),
        _time("beat_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "camera_leases",
        _text("camera_id", 32),
        _text("worker_id", 120),
        _time("leased_until", nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        _text("state", 16),
        _text("reason", 32),
        _text("detail", 300),
        sa.Column("report", sa.JSON(), nullable=False),
        _time("reported_at", nullable=True),
        _time("since", nullable=True),
        sa.PrimaryKeyConstraint("camera_id"),
    )
    op.create_index("ix_camera_leases_worker_id", "camera_leases", ["worker_id"])
    _create_events()
    op.create_table(
        "recording_segments",
        _text("id", 32),
        _text("camera_id", 32),
        _text("camera_name", 80),
        _time("started_at"),
        _time("ended_at"),
        _text("path", 300),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        _text("codec", 16),
        sa.Column("has_motion", sa.Boolean(), nullable=False),
        sa.Column("has_event", sa.Boolean(), nullable=False),
        _time("expires_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_recording_segments_camera", "recording_segments", ["camera_id", "started_at"])


def _create_events() -> None:
    op.create_table(
        "camera_events",
        _text("id", 32),
        _text("camera_id", 32),
        _text("camera_name", 80),
        _text("kind", 16),
        _text("rule", 64),
        _text("label", 120),
        sa.Column("track_id", sa.Integer(), nullable=False),
        _text("model", 96),
        _time("started_at"),
        _time("ended_at", nullable=True),
        sa.Column("zones", sa.JSON(), nullable=False),
        _text("line", 64),
        _text("direction", 8),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("box", sa.JSON(), nullable=True),
        _text("snapshot", 300),
        _text("thumbnail", 300),
        _text("clip", 300),
        sa.Column("track", sa.JSON(), nullable=False),
        _text("detail", 300),
        _text("sent_to", 96),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_camera_events_started", "camera_events", ["started_at", "id"])
    op.create_index("ix_camera_events_camera", "camera_events", ["camera_id", "started_at"])
    op.create_index("ix_camera_events_label", "camera_events", ["label", "started_at"])


def downgrade() -> None:
    """Take back."""
    for table in ("recording_segments", "camera_events", "camera_leases", "workers", "cameras", "camera_groups"):
        op.drop_table(table)
