"""The tables. Times are aware UTC, ids are random hex, secrets are stored hashed."""

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Index, LargeBinary, String
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
    approved: bool = True  # False: registered, and waiting for an administrator
    password_hash: str = Field(max_length=256)
    subject: str | None = Field(default=None, max_length=400, unique=True)  # issuer and subject of a single sign-on
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
    created_at: datetime = _time()
    expires_at: datetime = _time()
    address: str = Field(default="", max_length=64)
    user_agent: str = Field(default="", max_length=256)
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


class KnownBrowser(SQLModel, table=True):
    """A browser in which somebody signed in before; failures elsewhere do not make it wait. Stored as its sha256."""

    __tablename__ = "known_browsers"

    browser_hash: str = Field(primary_key=True, max_length=64)
    user_id: str = Field(primary_key=True, foreign_key="users.id", ondelete="CASCADE", index=True, max_length=32)
    last_used_at: datetime = _time()


class SettingValue(SQLModel, table=True):
    """A setting that was changed at run time, or a custom one; `revision` counts its changes."""

    __tablename__ = "setting_values"

    key: str = Field(primary_key=True, max_length=64)
    value: Any = Field(default=None, sa_column=Column(JSON, nullable=True))
    revision: int = 1
    custom: bool = False
    title: str = Field(default="", max_length=120)
    description: str = Field(default="", max_length=500)
    updated_at: datetime = _time()
    updated_by: str = Field(default="", max_length=64)


class IdempotentAnswer(SQLModel, table=True):
    """The answer to a creating request that carried an Idempotency-Key; `status` 0 while it is being made."""

    __tablename__ = "idempotent_answers"

    id: str = Field(primary_key=True, max_length=64)  # sha256 of the actor and the key
    fingerprint: str = Field(max_length=64)  # sha256 of method, path and body
    status: int = 0
    sealed: bytes = Field(default=b"", sa_column=Column(LargeBinary, nullable=False))  # headers and body, encrypted
    created_at: datetime = _time(index=True)


class GalleryEntry(SQLModel, table=True):
    """An enrolled face or object: what it is called, and its vector of length 1 as little-endian float32.

    Vectors of one version (`model_sha256`) can be compared with one another, and with no others.
    """

    __tablename__ = "gallery_entries"
    __table_args__ = (Index("ix_gallery_entries_owner_gallery", "owner_id", "gallery"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    owner_id: str = Field(max_length=64)
    gallery: str = Field(max_length=63)
    label: str = Field(max_length=120)
    model_name: str = Field(max_length=63)
    model_version: int
    model_sha256: str = Field(max_length=64)
    vector: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = _time()


class InferenceResult(SQLModel, table=True):
    """An answer somebody got on a page: on which picture, by which version, and what it was.

    `picture` is a small JPEG with the answer drawn on it; `answer` is as the HTTP contract has it.
    """

    __tablename__ = "inference_results"
    __table_args__ = (Index("ix_inference_results_owner_created", "owner_id", "created_at"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    owner_id: str = Field(max_length=64)
    image_name: str = Field(max_length=200)
    model_name: str = Field(max_length=63)
    model_version: int
    task: str = Field(max_length=32)
    summary: str = Field(max_length=200)
    picture: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    answer: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created_at: datetime = _time()


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
    owner_id: str = Field(max_length=64, index=True)
    owner_name: str = Field(default="", max_length=80)
    idempotency_key: str | None = Field(default=None, max_length=128)
    parameters: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    done: int = 0  # by the present run; the next begins where things were stored
    most_done: int = 0  # by any run so far; never less
    total: int = 0
    stage: str = Field(default="", max_length=120)  # what it is doing, or why it waits, in words
    result: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    created_at: datetime = _time(index=True)
    started_at: datetime | None = _time(nullable=True)
    heartbeat_at: datetime | None = _time(nullable=True)
    finished_at: datetime | None = _time(nullable=True)
    cancel_requested_at: datetime | None = _time(nullable=True)
    ticket: int = 0  # counts the hand-overs; only a run that holds the newest one may write
    handed_over_at: datetime | None = _time(nullable=True)
    not_before: datetime | None = _time(nullable=True)
    flow_run_id: str = Field(default="", max_length=64)
    mlflow_run_id: str = Field(default="", max_length=64)
    attempts: int = 0  # runs that began
    losses: int = 0  # runs lost since one came further than all before
    taken_at: datetime | None = _time(nullable=True)
    done_when_taken: int = 0
    settled: bool = False  # the flow engine knows how it ended


class Runner(SQLModel, table=True):
    """A process that hands jobs over to the flow engine, and what keeps it from that."""

    __tablename__ = "runners"

    id: str = Field(primary_key=True, max_length=120)
    beat_at: datetime = _time()
    problem: str = Field(default="", max_length=300)


class AuditEntry(SQLModel, table=True):
    """One action of one actor. `digest` covers the row and the digest of the row before it."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_outcome", "outcome"),
        # on PostgreSQL only this operator class serves the beginning of a text, whatever the collation
        Index("ix_audit_entries_target", "target", postgresql_ops={"target": "varchar_pattern_ops"}),
    )

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


class AuditHead(SQLModel, table=True):
    """The newest entry of the trail, one row: without it the loss of the last entries would not show."""

    __tablename__ = "audit_head"

    id: int = Field(default=1, primary_key=True)
    number: int = 0
    digest: str = Field(max_length=64)
