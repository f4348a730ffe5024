"""Receivers of notifications, and what waits for them: the tables with their queries."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, ColumnElement, Index, String, Text, UniqueConstraint, and_, func, or_
from sqlmodel import Field, Session, SQLModel, col, delete, select, update

from registry.records.clock import database_now
from registry.records.tables import UtcDateTime, new_id, utc_now


def _time(*, nullable: bool = False) -> Any:
    column: Column[datetime] = Column(UtcDateTime(), nullable=nullable)
    return Field(default=None, sa_column=column) if nullable else Field(default_factory=utc_now, sa_column=column)


def _json() -> Any:
    return Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class ReceiverKind(StrEnum):
    """How somebody is told."""

    WEBHOOK = "webhook"
    MQTT = "mqtt"
    EMAIL = "email"
    APPRISE = "apprise"


class NotificationReceiver(SQLModel, table=True):
    """Who is told of what. `address` is fit to be shown; secrets are in `sealed`, encrypted.

    One process at a time serves a receiver: the one named in `held_by`, until `held_until`.
    """

    __tablename__ = "notification_receivers"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    name: str = Field(max_length=80, unique=True)
    kind: ReceiverKind = Field(sa_column=Column(String(16), nullable=False))
    address: str = Field(sa_column=Column(Text(), nullable=False))
    sealed: str = Field(default="", sa_column=Column(Text(), nullable=False))
    options: dict[str, Any] = _json()
    wanted: dict[str, Any] = _json()
    is_on: bool = True
    revision: int = 1
    delivered: int = 0
    lost: int = 0
    last_error: str = Field(default="", max_length=300)
    last_at: datetime | None = _time(nullable=True)  # delivered last
    held_by: str = Field(default="", max_length=120)
    held_until: datetime | None = _time(nullable=True)
    owner_id: str = Field(max_length=64)
    owner_name: str = Field(max_length=80)
    created_at: datetime = _time()
    updated_at: datetime = _time()


class NotificationDelivery(SQLModel, table=True):
    """One notification that waits; its id stays the same however often it is tried."""

    __tablename__ = "notification_deliveries"
    __table_args__ = (
        UniqueConstraint("receiver_id", "event_id", "phase", name="uq_notification_deliveries_once"),
        Index("ix_notification_deliveries_due", "receiver_id", "due_at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    receiver_id: str = Field(max_length=32)
    event_id: str = Field(max_length=32)
    phase: str = Field(max_length=8)
    payload: dict[str, Any] = _json()
    tries: int = 0
    created_at: datetime = _time()
    due_at: datetime = _time()


def receivers(session: Session) -> Sequence[NotificationReceiver]:
    """All by name."""
    return session.exec(select(NotificationReceiver).order_by(col(NotificationReceiver.name))).all()


def on(session: Session) -> Sequence[NotificationReceiver]:
    """Those that are switched on."""
    return session.exec(select(NotificationReceiver).where(col(NotificationReceiver.is_on).is_(True))).all()


def waiting(session: Session) -> dict[str, int]:
    """How many notifications wait, by receiver."""
    query = select(NotificationDelivery.receiver_id, func.count()).group_by(NotificationDelivery.receiver_id)
    return dict(session.exec(query).all())


def any_waits(session: Session) -> bool:
    """Whether any notification waits for a receiver that is switched on."""
    mine = col(NotificationReceiver.id) == col(NotificationDelivery.receiver_id)
    query = select(NotificationDelivery.id).join(NotificationReceiver, mine)
    return session.exec(query.where(col(NotificationReceiver.is_on).is_(True)).limit(1)).first() is not None


def waiting_for(session: Session, receiver_id: str) -> int:
    """How many notifications wait for a receiver."""
    mine = col(NotificationDelivery.receiver_id) == receiver_id
    return session.exec(select(func.count()).select_from(NotificationDelivery).where(mine)).one()


def put(session: Session, delivery: NotificationDelivery, most: int) -> int:
    """Add one unless it is there; how many older ones were given up for it."""
    same = select(NotificationDelivery.id).where(
        NotificationDelivery.receiver_id == delivery.receiver_id,
        NotificationDelivery.event_id == delivery.event_id,
        NotificationDelivery.phase == delivery.phase,
    )
    if session.exec(same).first():
        return 0
    delivery.due_at = database_now(session)
    session.add(delivery)
    session.flush()
    return trim(session, delivery.receiver_id, most)


def trim(session: Session, receiver_id: str, most: int) -> int:
    """Give up the oldest where more than so many wait for a receiver; how many."""
    mine = col(NotificationDelivery.receiver_id) == receiver_id
    surplus = waiting_for(session, receiver_id) - most
    if surplus <= 0:
        return 0
    oldest = select(NotificationDelivery.id).where(mine).order_by(col(NotificationDelivery.created_at)).limit(surplus)
    return _lose(session, receiver_id, col(NotificationDelivery.id).in_(oldest), "the line was full")


def give_up(session: Session, delivery: NotificationDelivery, why: str) -> int:
    """Delete one that will never be delivered, and count it as lost."""
    return _lose(session, delivery.receiver_id, col(NotificationDelivery.id) == delivery.id, why)


def is_any_older(session: Session, receiver_id: str, before: datetime) -> bool:
    """Whether one has waited for a receiver since before a moment."""
    return (
        session.exec(select(NotificationDelivery.id).where(*_older(receiver_id, before)).limit(1)).first() is not None
    )


def give_up_older(session: Session, receiver_id: str, before: datetime) -> int:
    """Delete those that have waited since before a moment, and count them as lost."""
    return _lose(session, receiver_id, and_(*_older(receiver_id, before)), "too old")


def _older(receiver_id: str, before: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return col(NotificationDelivery.receiver_id) == receiver_id, col(NotificationDelivery.created_at) < before


def _lose(session: Session, receiver_id: str, which: ColumnElement[bool], why: str) -> int:
    gone = session.exec(delete(NotificationDelivery).where(which)).rowcount
    if gone:
        lost = {"lost": NotificationReceiver.lost + gone, "last_error": why[:300]}
        session.exec(update(NotificationReceiver).where(col(NotificationReceiver.id) == receiver_id).values(**lost))
    return int(gone)


def due(session: Session, receiver_id: str, longest_pause_s: float) -> NotificationDelivery | None:
    """The oldest that may be tried now, also one that would wait for longer than any has to: the clock was set back."""
    mine = select(NotificationDelivery).where(NotificationDelivery.receiver_id == receiver_id)
    now, due_at = database_now(session), col(NotificationDelivery.due_at)
    ready = mine.where(or_(due_at <= now, due_at > now + timedelta(seconds=longest_pause_s)))
    return session.exec(ready.order_by(col(NotificationDelivery.created_at)).limit(1)).first()


def settle(session: Session, delivery: NotificationDelivery, told: str = "") -> None:
    """It was delivered; `told` is what went wrong with a part of it."""
    if session.exec(delete(NotificationDelivery).where(col(NotificationDelivery.id) == delivery.id)).rowcount:
        done = {"delivered": NotificationReceiver.delivered + 1, "last_error": told[:300], "last_at": utc_now()}
        session.exec(
            update(NotificationReceiver).where(col(NotificationReceiver.id) == delivery.receiver_id).values(**done)
        )


def put_off(session: Session, delivery: NotificationDelivery, wait_s: float, why: str) -> None:
    """It could not be delivered now."""
    later = {"tries": NotificationDelivery.tries + 1, "due_at": database_now(session) + timedelta(seconds=wait_s)}
    session.exec(update(NotificationDelivery).where(col(NotificationDelivery.id) == delivery.id).values(**later))
    mine = col(NotificationReceiver.id) == delivery.receiver_id
    session.exec(update(NotificationReceiver).where(mine).values(last_error=why[:300]))


def hold(session: Session, receiver_id: str, holder: str, seconds: float) -> bool:
    """Become, or stay, the one process that serves a receiver; whether that worked."""
    now = database_now(session)
    free = or_(
        col(NotificationReceiver.held_by) == holder,
        col(NotificationReceiver.held_until).is_(None),
        col(NotificationReceiver.held_until) < now,
        col(NotificationReceiver.held_until) > now + timedelta(seconds=seconds),  # the clock was set back
    )
    held = {"held_by": holder, "held_until": now + timedelta(seconds=seconds)}
    mine = update(NotificationReceiver).where(col(NotificationReceiver.id) == receiver_id, free).values(**held)
    return bool(session.exec(mine).rowcount)


def let_go(session: Session, holder: str) -> None:
    """Leave every receiver to others."""
    free = {"held_by": "", "held_until": None}
    session.exec(update(NotificationReceiver).where(col(NotificationReceiver.held_by) == holder).values(**free))


def remove(session: Session, receiver: NotificationReceiver) -> None:
    """Delete a receiver with what waits for it."""
    session.exec(delete(NotificationDelivery).where(col(NotificationDelivery.receiver_id) == receiver.id))
    session.delete(receiver)
