"""Adding, changing, testing and deleting receivers of notifications: with permission, into the audit trail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from registry.access import Action, Actor, require
from registry.access.live import Live
from registry.access.trail import trace, trace_alone
from registry.cameras.sealing import Secrets
from registry.errors import Conflict, Forbidden, InvalidInput, NameTaken, NotificationNotFound, Unavailable
from registry.notify.asked import ReceiverAsked, new_secret, options_of, place_of
from registry.notify.senders import Senders, origin_of, sealed_for
from registry.notify.sending import Letter, NotDelivered
from registry.notify.wanted import Wanted, check_there, wanted_of
from registry.records import (
    Database,
    NotificationReceiver,
    ReceiverKind,
    Role,
    new_id,
    notifications,
    one_at_a_time,
    utc_now,
)
from registry.settings import Settings
from registry.storage import Storage
from registry.streams import Credentials

MOST = 50


@dataclass(frozen=True, slots=True)
class ReceiverView:
    """A receiver for people: no secret is in it. `secret` is what was made for a new webhook, shown once."""

    id: str
    name: str
    kind: str
    address: str
    has_secret: bool
    options: dict[str, Any]
    wanted: dict[str, Any]
    is_on: bool
    waiting: int
    delivered: int
    lost: int
    last_error: str
    last_at: datetime | None
    owner: str
    created_at: datetime
    updated_at: datetime
    secret: str = ""


class Receivers:
    """The receivers of one platform."""

    def __init__(self, settings: Settings, live: Live, database: Database, storage: Storage) -> None:
        self._database = database
        self._senders = Senders(settings, live, database, storage)

    def list(self, actor: Actor) -> Sequence[ReceiverView]:
        """All by name; they are few. Raises Forbidden."""
        require(actor, Action.READ_NOTIFICATION)
        with self._database.read() as session:
            waiting = notifications.waiting(session)
            return [_view(each, waiting.get(each.id, 0)) for each in notifications.receivers(session)]

    def get(self, actor: Actor, receiver_id: str) -> ReceiverView:
        """One. Raises Forbidden, NotificationNotFound."""
        require(actor, Action.READ_NOTIFICATION)
        with self._database.read() as session:
            record = _found(session, receiver_id)
            return _view(record, notifications.waiting_for(session, record.id))

    def create(self, actor: Actor, asked: ReceiverAsked) -> ReceiverView:
        """Add one.

        Raises Forbidden, InvalidInput, AddressRefused, CameraNotFound, CameraGroupNotFound, NameTaken, Conflict for too
        many.
        """
        _require_change(actor, asked.kind)
        made = new_secret() if asked.kind == "webhook" and not asked.secret else ""
        record = NotificationReceiver(
            id=new_id(),
            name=asked.name,
            kind=ReceiverKind(asked.kind),
            address="",
            owner_id=actor.id,
            owner_name=actor.name,
        )
        self._fill(record, asked, Credentials(asked.username or "", asked.secret or made))
        with self._database.write() as session:
            one_at_a_time(session.connection(), "notifications")
            if len(notifications.receivers(session)) >= MOST:
                raise Conflict(f"there are {MOST} receivers, which is the most", hint="Delete some first.")
            check_there(session, asked.wanted, Wanted())
            _store(session, record)
            trace(session, actor, "notification.create", f"notification:{record.id}", _facts(record))
        return _view(record, 0, made)

    def update(self, actor: Actor, receiver_id: str, asked: ReceiverAsked) -> ReceiverView:
        """Change one; what is left out stays, secret and path as long as the host is the same.

        An empty secret of a webhook is made anew, and answered this once. Raises as `create`, and NotificationNotFound.
        """
        _require_change(actor, asked.kind)
        with self._database.write() as session:
            record = _found(session, receiver_id)
            if record.kind != asked.kind:
                raise InvalidInput("the kind of a receiver stays what it is: add another one")
            before = _facts(record)
            kept, made = self._kept(record, asked), ""
            if asked.kind == "webhook" and not kept.password:  # unsigned, anybody could send in its name
                made = new_secret()
                kept = Credentials(kept.username, made)
            completed = _completed(asked, record)
            check_there(session, completed.wanted, wanted_of(record.wanted))
            self._fill(record, completed, kept)
            record.revision, record.updated_at = record.revision + 1, utc_now()
            _store(session, record)
            trace(
                session,
                actor,
                "notification.update",
                f"notification:{record.id}",
                {"before": before, "after": _facts(record)},
            )
            return _view(record, notifications.waiting_for(session, record.id), made)

    def delete(self, actor: Actor, receiver_id: str) -> None:
        """Delete one with what waits for it. Raises Forbidden, NotificationNotFound."""
        require(actor, Action.CHANGE_NOTIFICATION)
        with self._database.write() as session:
            record = _found(session, receiver_id)
            _require_change(actor, record.kind)
            trace(session, actor, "notification.delete", f"notification:{record.id}", _facts(record))
            notifications.remove(session, record)

    def test(self, actor: Actor, receiver_id: str) -> None:
        """Send a test at once. Raises Forbidden, NotificationNotFound, Unavailable saying what went wrong."""
        require(actor, Action.CHANGE_NOTIFICATION)
        with self._database.read() as session:
            record = _found(session, receiver_id)
        letter = Letter(new_id(), utc_now(), {"kind": "test", "phase": "started", "started_at": utc_now().isoformat()})
        sender = None
        try:
            sender = self._senders.make(record)
            if told := sender.send(letter):
                raise NotDelivered(told)  # noqa: TRY301 - a part is not all
        except NotDelivered as error:
            trace_alone(
                self._database, actor, "notification.test", f"notification:{record.id}", {"error": error.why}, "failed"
            )
            raise Unavailable(
                f"{record.name}: {error.why}", hint="Correct the receiver, or what it says it needs."
            ) from error
        finally:
            if sender is not None:
                sender.close()
        trace_alone(self._database, actor, "notification.test", f"notification:{record.id}", {}, "ok")

    def _fill(self, record: NotificationReceiver, asked: ReceiverAsked, known: Credentials) -> None:
        url = asked.address
        if "***" in url:  # as it was shown: the hidden part stays
            if url != record.address:
                raise InvalidInput("give the whole address: a part of it is hidden, and another part was changed")
            url = self._senders.seals.open(sealed_for(record.id), origin_of(record.address), record.sealed).target
        place = place_of(asked.kind, url)
        if origin_of(place.shown) != origin_of(record.address):  # one that was right may have become wrong: it stays
            self._senders.check(asked.kind, place)
        record.name, record.address, record.is_on = asked.name, place.shown, asked.is_on
        record.options = options_of(asked.kind, asked.options)
        record.wanted = asked.wanted.model_dump(mode="json")
        if asked.kind == "mqtt" and "phases" not in asked.wanted.model_fields_set:
            record.wanted["phases"] = ["started", "ended"]  # its topics keep a state
        kept = Secrets(
            known if known.username or known.password else None, "" if place.url == place.shown else place.url
        )
        record.sealed = self._senders.seals.seal(sealed_for(record.id), origin_of(place.shown), kept)

    def _kept(self, record: NotificationReceiver, asked: ReceiverAsked) -> Credentials:
        """Name and secret after a change: what is not given stays, but only for the host it was given for."""
        old = self._senders.seals.open(sealed_for(record.id), origin_of(record.address), record.sealed).credentials
        shown = record.address if "***" in asked.address else place_of(asked.kind, asked.address).shown
        moved = origin_of(shown) != origin_of(record.address)
        if moved and old is not None and old.password and asked.secret is None:
            raise InvalidInput("with another host, name and secret have to be given again")
        before = old or Credentials("", "")
        username = before.username if asked.username is None else asked.username
        return Credentials(username, before.password if asked.secret is None else asked.secret)


def _completed(asked: ReceiverAsked, record: NotificationReceiver) -> ReceiverAsked:
    """With what is stored in the place of what was left out."""
    stored: dict[str, Any] = {"is_on": record.is_on, "options": record.options}
    if "wanted" not in asked.model_fields_set:
        stored["wanted"] = wanted_of(record.wanted)
    return asked.model_copy(update={each: stored[each] for each in stored if each not in asked.model_fields_set})


def _require_change(actor: Actor, kind: str) -> None:
    require(actor, Action.CHANGE_NOTIFICATION)
    if kind == ReceiverKind.APPRISE and actor.role != Role.ADMIN:
        raise Forbidden("only administrators may set Apprise addresses: where they lead to is not checked here")


def _found(session: Session, receiver_id: str) -> NotificationReceiver:
    record = session.get(NotificationReceiver, receiver_id[:32])
    if record is None:
        raise NotificationNotFound(f"there is no receiver {receiver_id[:40]!r}")
    return record


def _store(session: Session, record: NotificationReceiver) -> None:
    session.add(record)
    try:
        session.flush()
    except IntegrityError as error:
        raise NameTaken(f"there is a receiver {record.name!r} already") from error


def _facts(record: NotificationReceiver) -> dict[str, Any]:
    facts = {"name": record.name, "kind": str(record.kind), "address": record.address, "is_on": record.is_on}
    return facts | {"options": record.options, "wanted": record.wanted}


def _view(record: NotificationReceiver, waiting: int, secret: str = "") -> ReceiverView:
    return ReceiverView(
        id=record.id,
        name=record.name,
        kind=str(record.kind),
        address=record.address,
        has_secret=bool(record.sealed),
        options=record.options,
        wanted=record.wanted,
        is_on=record.is_on,
        waiting=waiting,
        delivered=record.delivered,
        lost=record.lost,
        last_error=record.last_error,
        last_at=record.last_at,
        owner=record.owner_name,
        created_at=record.created_at,
        updated_at=record.updated_at,
        secret=secret,
    )
