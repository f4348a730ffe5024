"""Records: the platform's tables with their queries, on SQLite or PostgreSQL."""

from registry.records.database import Database, one_at_a_time, open_database
from registry.records.tables import (
    ApiKey,
    AuditEntry,
    Job,
    JobState,
    LoginThrottle,
    RefreshToken,
    Role,
    SignInCode,
    User,
    WebSession,
    new_id,
    utc_now,
)

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Database",
    "Job",
    "JobState",
    "LoginThrottle",
    "RefreshToken",
    "Role",
    "SignInCode",
    "User",
    "WebSession",
    "new_id",
    "one_at_a_time",
    "open_database",
    "utc_now",
]
