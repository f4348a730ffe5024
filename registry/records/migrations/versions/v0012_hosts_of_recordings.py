"""On which host a recording lies, and an index for what goes first when room is needed."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_INDEX = "ix_recording_segments_least_wanted"


def upgrade() -> None:
    """Apply. Whoever finds a file of a row without a host takes it over when it starts."""
    op.add_column("recording_segments", sa.Column("host", sa.String(length=255), nullable=False, server_default=""))
    op.create_index(_INDEX, "recording_segments", ["host", "has_event", "has_motion", "id"])


def downgrade() -> None:
    """Take back."""
    op.drop_index(_INDEX, "recording_segments")
    op.drop_column("recording_segments", "host")
