"""Indexes for the filters of the audit trail."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_audit_entries_outcome", "audit_entries", ["outcome"])
    op.create_index(
        "ix_audit_entries_target", "audit_entries", ["target"], postgresql_ops={"target": "varchar_pattern_ops"}
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_audit_entries_target", "audit_entries")
    op.drop_index("ix_audit_entries_outcome", "audit_entries")
