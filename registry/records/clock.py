"""The clock that leases and holds are judged by: the database's, which all processes share."""

from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session

from registry.records.tables import utc_now


def database_now(session: Session) -> datetime:
    """The time by the database's clock; SQLite's is this machine's."""
    if session.connection().dialect.name == "postgresql":
        now: datetime = session.connection().execute(select(func.clock_timestamp())).scalar_one()
        return now
    return utc_now()
