"""Alembic's entry: run the migrations on the connection that `Database.upgrade` hands over."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from registry.records import cameras, datasets, notifications, schedules, tables

# importing the tables fills the metadata
assert tables.User.__tablename__  # noqa: S101
assert datasets.DatasetRecord.__tablename__  # noqa: S101
assert cameras.CameraRecord.__tablename__  # noqa: S101
assert notifications.NotificationReceiver.__tablename__  # noqa: S101
assert schedules.Schedule.__tablename__  # noqa: S101


def render_plain_types(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write migrations in SQLAlchemy's own types, so that they never import today's tables."""
    if kind == "type" and isinstance(item, tables.UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=render_plain_types,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
