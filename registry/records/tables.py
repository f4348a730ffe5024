"""The tables. Times are aware UTC, ids are random hex, secrets are stored hashed."""

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Index, String
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel


def utc_now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A random id of 32 hex digits."""
    return secrets.token_hex(16)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime on every database; SQLite itself would forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times, convert the others to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("expected an aware datetime, got a naive one")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _time(*, nullable: bool = False, index: bool = False) -> Any:
    column: Column[datetime] = Column(UtcDateTime(), nullable=nullable, index=index)
    return Field(default=None, sa_column=column) if nullable else Field(default_factory=utc_now, sa_column=column)


class Role(StrEnum):
    """What a person is on this platform, from most to least."""

    ADMIN = "admin"
    ENGINEER = "engineer"
    OPERATOR = "operator"
    USER = "user"


class User(SQLModel, table=True):
    """A person. `username_key` is the case-folded NFKC form that must be unique."""

    __tablename__ = "users"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    username: str = Field(max_length=64)
    username_key: str = Field(max_length=256, unique=True, index=True)
    email: str = Field(default="", max_length=254)
    full_name: str = Field(default="", max_length=120)
    role: Role = Field(default=Role.USER, sa_column=Column(String(16), nullable=False))
    premium: bool = False
    active: bool = True
    password_hash: str = Field(max_length=256)
    created_at: datetime = _time()
    updated_at: datetime = _time()
    last_login_at: datetime | None = _time(nullable=True)


class SignInCode(SQLModel, table=True):
    """A one-time code that the browser exchanges for a session; stored as its sha256."""

    __tablename__ = "sign_in_codes"

    code_hash: str = Field(primary_key=True, max_length=64)
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE", max_length=32)
    expires_at: datetime = _time()


class WebSession(SQLModel, table=True):
    """A signed-in browser; the cookie's 256-bit value is stored as its sha256."""

    __tablename__ = "sessions"

    id_hash: str = Field(primary_key=True, max_length=64)
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE", index=True, max_length=32)
    created_at: datetime = _time()
    last_seen_at: datetime = _time()
    expires_at: datetime = _time(index=True)
    address: str = Field(default="", max_length=64)
    user_agent: str = Field(default="", max_length=256)


class RefreshToken(SQLModel, table=True):
    """One link of a rotating family of refresh tokens; a second use of a link ends the family."""

    __tablename__ = "refresh_tokens"

    token_hash: str = Field(primary_key=True, max_length=64)
    family: str = Field(index=True, max_length=32)
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE", index=True, max_length=32)
    expires_at: datetime = _time()
    used_at: datetime | None = _time(nullable=True)
    revoked_at: datetime | None = _time(nullable=True)


class ApiKey(SQLModel, table=True):
    """A program's key. Its secret is stored as its sha256; `prefix` tells keys apart and finds the row."""

    __tablename__ = "api_keys"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE", index=True, max_length=32)
    name: str = Field(max_length=80)
    prefix: str = Field(max_length=16, unique=True, index=True)
    secret_hash: str = Field(max_length=64)
    scopes: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    created_at: datetime = _time()
    expires_at: datetime | None = _time(nullable=True)
    last_used_at: datetime | None = _time(nullable=True)


class LoginThrottle(SQLModel, table=True):
    """Failed sign-ins of one account or one address, and until when it must wait."""

    __tablename__ = "login_throttles"

    key: str = Field(primary_key=True, max_length=300)
    failures: int = 0
    last_failure_at: datetime = _time()
    blocked_until: datetime | None = _time(nullable=True)


class JobState(StrEnum):
    """The life of a job; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(SQLModel, table=True):
    """A piece of background work and what came of it."""

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_owner_key", "owner_id", "idempotency_key", unique=True),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    kind: str = Field(max_length=64, index=True)
    state: JobState = Field(default=JobState.QUEUED, sa_column=Column(String(16), nullable=False, index=True))
    owner_id: str = Field(max_length=32, index=True)
    idempotency_key: str | None = Field(default=None, max_length=128)
    parameters: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    done: int = 0
    total: int = 0
    result: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    created_at: datetime = _time(index=True)
    started_at: datetime | None = _time(nullable=True)
    heartbeat_at: datetime | None = _time(nullable=True)
    finished_at: datetime | None = _time(nullable=True)


class AuditEntry(SQLModel, table=True):
    """One action of one actor. `digest` covers the row and the digest of the row before it."""

    __tablename__ = "audit_entries"

    number: int | None = Field(default=None, primary_key=True)
    at: datetime = _time(index=True)
    actor_id: str = Field(max_length=64, index=True)
    actor_name: str = Field(max_length=64)
    action: str = Field(max_length=64, index=True)
    target: str = Field(default="", max_length=300)
    outcome: str = Field(max_length=16)
    address: str = Field(default="", max_length=64)
    details: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    previous: str = Field(max_length=64)
    digest: str = Field(max_length=64)
