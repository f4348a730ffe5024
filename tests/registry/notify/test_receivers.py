"""Receivers are added, changed and filtered; their secrets stay secret."""

import sqlite3
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert

from registry.access import Actor
from registry.access.live import SettingsEditor
from registry.errors import (
    AddressRefused,
    CameraGroupNotFound,
    CameraNotFound,
    Forbidden,
    InvalidInput,
    NameTaken,
    NotificationNotFound,
    RegistryError,
)
from registry.notify.asked import ReceiverAsked, place_of
from registry.notify.wanted import Wanted
from registry.records import (
    AuditEntry,
    CameraEvent,
    CameraGroup,
    CameraRecord,
    EventKind,
    NotificationDelivery,
    Role,
    notifications,
)
from tests.registry.notify.conftest import ADMIN, Office

ENGINEER = Actor("eve", "eve", Role.ENGINEER)
OPERATOR = Actor("olaf", "olaf", Role.OPERATOR)
SECRET, PATH = "hunter2-secret", "hidden-path"
HOOK = f"https://hooks.example.com/{PATH}?k={SECRET}"


def test_no_secret_is_in_an_answer_the_trail_or_the_rows(office: Office) -> None:
    made = office.add("webhook", HOOK, secret=SECRET)
    with office.database.read() as session:
        rows = [*session.exec(notifications.select(AuditEntry)), *notifications.receivers(session)]
    texts = [repr(made), repr(office.receivers.list(ADMIN)), *(repr(vars(row)) for row in rows)]
    assert made.address == "https://hooks.example.com/***"
    assert made.has_secret
    assert not made.secret
    assert not any(SECRET in text or PATH in text for text in texts)


def test_a_change_keeps_what_is_left_out_but_for_another_host_secrets_are_given_again(office: Office) -> None:
    made = office.add("webhook", HOOK, secret=SECRET)
    asked = {"name": "renamed", "kind": "webhook", "address": made.address, "is_on": False}
    changed = office.receivers.update(ADMIN, made.id, ReceiverAsked.model_validate(asked))
    assert (changed.name, changed.address, changed.is_on) == ("renamed", made.address, False)
    with office.database.read() as session:
        sender = office.senders.make(notifications.receivers(session)[0])
    address = sender._address  # type: ignore[attr-defined]
    assert (address.url, address.secret) == (HOOK, SECRET)
    moved = ReceiverAsked.model_validate({**asked, "address": "https://evil.example.com/"})
    with pytest.raises(InvalidInput, match="given again"):
        office.receivers.update(ADMIN, made.id, moved)


def _signs(office: Office) -> str:
    with office.database.read() as session:
        return office.senders.make(notifications.receivers(session)[0])._address.secret  # type: ignore[attr-defined,no-any-return]


def test_a_webhook_is_always_signed_and_an_empty_secret_is_made_anew(office: Office) -> None:
    made = office.add("webhook", HOOK)
    assert made.secret == _signs(office) != ""
    asked = {"name": "webhook one", "kind": "webhook", "address": made.address}
    kept = office.receivers.update(ADMIN, made.id, ReceiverAsked.model_validate(asked))
    assert (kept.secret, _signs(office)) == ("", made.secret)
    anew = office.receivers.update(ADMIN, made.id, ReceiverAsked.model_validate({**asked, "secret": ""}))
    assert anew.secret == _signs(office)
    assert anew.secret not in {"", made.secret}


def test_a_change_leaves_alone_what_it_does_not_name(office: Office) -> None:
    mail = {"sender": "a@b.example", "to": ["x@y.example"]}
    made = office.add("email", "smtp://mail.example.com", options=mail, wanted=Wanted(labels=["dog"]), is_on=False)
    asked = {"name": "renamed", "kind": "email", "address": made.address}
    changed = office.receivers.update(ADMIN, made.id, ReceiverAsked.model_validate(asked))
    assert (changed.name, changed.is_on) == ("renamed", False)
    assert (changed.options, changed.wanted) == (made.options, made.wanted)


def test_the_end_of_what_was_told_is_told_in_quiet_hours_too() -> None:
    wanted = Wanted.model_validate({"quiet": [NIGHT], "phases": ["started", "ended"]})
    evening, night = datetime(2026, 5, 4, 21, 59, tzinfo=UTC), datetime(2026, 5, 4, 23, 30, tzinfo=UTC)
    event = CameraEvent(camera_id="cam", camera_name="x", started_at=evening)
    assert wanted.matches(event, None, "ended", night)
    assert not wanted.matches(event, None, "started", night)
    assert not wanted.matches(event.model_copy(update={"started_at": night}), None, "ended", night)


def test_a_long_line_is_cut_and_aged_whatever_a_statement_may_hold(office: Office) -> None:
    made, old = office.add("webhook", HOOK), datetime(2026, 5, 4, tzinfo=UTC)
    with office.database.write() as session:
        rows = [
            {"id": f"{number:032x}", "receiver_id": made.id, "event_id": f"{number}", "phase": "started"}
            | {"payload": {}, "tries": 0, "created_at": old, "due_at": old}
            for number in range(800)
        ]
        session.connection().execute(insert(NotificationDelivery), rows)
    with office.database.write() as session:
        raw: Any = session.connection().connection.driver_connection
        raw.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 100)
        assert notifications.trim(session, made.id, 400) == 400
        assert notifications.waiting_for(session, made.id) == 400
        assert notifications.is_any_older(session, made.id, datetime.now(UTC))
        assert notifications.give_up_older(session, made.id, datetime.now(UTC)) == 400
        assert not notifications.is_any_older(session, made.id, datetime.now(UTC))
    assert office.receivers.get(ADMIN, made.id).lost == 800


def test_who_may_do_what(office: Office) -> None:
    made = office.add("webhook", HOOK, by=ENGINEER)
    with pytest.raises(NameTaken):
        office.add("webhook", HOOK)
    for refused in (
        lambda: office.receivers.list(OPERATOR),
        lambda: office.receivers.delete(OPERATOR, made.id),
        lambda: office.receivers.test(OPERATOR, made.id),
        lambda: office.add("apprise", "json://10.0.0.1/", by=ENGINEER),
    ):
        with pytest.raises(Forbidden):
            refused()
    office.tell()
    office.receivers.delete(ENGINEER, made.id)
    with pytest.raises(NotificationNotFound):
        office.receivers.get(ADMIN, made.id)
    with office.database.read() as session:
        assert notifications.waiting(session) == {}


@pytest.mark.parametrize(
    ("kind", "address", "why"),
    [
        ("webhook", "ftp://host/", "begins with https:// or http://, not with ftp://"),
        ("webhook", "file:///etc/passwd", "begins with https:// or http://, not with file://"),
        ("webhook", "https:/host/", "not with 'https:/host/'"),
        ("webhook", "https:///hook", "neither a host name"),
        ("webhook", "https://bob:pw@host/", "apart from the address"),
        ("webhook", "https://host/a b", "printable"),
        ("webhook", "https://host/\r\nX: y", "printable"),
        ("webhook", "https://2130706433/", "neither a host name"),
        ("webhook", "https://0x7f.1/", "neither a host name"),
        ("mqtt", "mqtt://host/topic", "ends with its host"),
        ("email", "smtp://host:0", "no fragment|port"),
        ("apprise", "syslog://", "act on this machine"),
        ("apprise", "nothing", "Apprise address"),
    ],
)
def test_addresses_that_are_none(kind: str, address: str, why: str) -> None:
    with pytest.raises(RegistryError, match=why) as refused:
        place_of(kind, address)
    assert refused.value.code == "invalid_input"  # and none of a camera's


@pytest.mark.parametrize(
    ("named", "error"), [("cameras", CameraNotFound), ("groups", CameraGroupNotFound)], ids=["camera", "group"]
)
def test_a_receiver_is_limited_to_what_is_there_and_lives_on_when_that_goes(
    office: Office, named: str, error: type[RegistryError]
) -> None:
    with office.database.write() as session:
        session.add(CameraGroup(id="cam", name="Hall"))
    with pytest.raises(error, match="nope") as refused:
        office.add("webhook", HOOK, wanted=Wanted.model_validate({named: ["cam", "nope"]}))
    assert refused.value.details == {"field": f"wanted.{named}"}
    made = office.add("webhook", HOOK, wanted=Wanted.model_validate({named: ["cam"]}))
    with office.database.write() as session:
        for kind in (CameraRecord, CameraGroup):
            session.delete(session.get_one(kind, "cam"))
    asked: dict[str, Any] = {"name": "renamed", "kind": "webhook", "address": made.address}
    for kept in (asked, {**asked, "wanted": {named: ["cam"]}}):
        changed = office.receivers.update(ADMIN, made.id, ReceiverAsked.model_validate(kept))
        assert changed.wanted[named] == ["cam"]
    with pytest.raises(error):
        office.receivers.update(ADMIN, made.id, ReceiverAsked.model_validate({**asked, "wanted": {named: ["nope"]}}))


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("webhook", "http://169.254.169.254/latest"),
        ("webhook", "https://[fe80::1]/"),
        ("webhook", "http://127.0.0.9:8080/"),
        ("webhook", "http://[::1]/"),
        ("webhook", "http://[::ffff:10.0.0.7]/"),
        ("mqtt", "mqtt://0.0.0.0"),
        ("mqtt", "mqtt://10.0.0.7"),
        ("email", "smtps://192.0.2.1"),
    ],
)
def test_an_address_that_nothing_would_be_sent_to_is_refused_at_once(office: Office, kind: str, address: str) -> None:
    SettingsEditor(office.database, office.live).set(ADMIN, "notification_networks", ["127.0.0.1/32"])
    options = {"sender": "a@b.example", "to": ["x@y.example"]} if kind == "email" else {}
    with pytest.raises(AddressRefused) as refused:
        office.add(kind, address, options=options)
    assert "notification_networks" in refused.value.hint


def test_a_receiver_is_moved_to_no_such_address_either_but_one_that_is_there_may_be_switched_off(
    office: Office,
) -> None:
    made = office.add("webhook", "http://127.0.0.1:8080/hook")
    SettingsEditor(office.database, office.live).set(ADMIN, "notification_networks", ["10.0.0.0/8"])
    asked = {"name": made.name, "kind": "webhook", "address": made.address, "is_on": False}
    assert not office.receivers.update(ADMIN, made.id, ReceiverAsked.model_validate(asked)).is_on
    moved = {**asked, "address": "http://127.0.0.1:8081/hook", "secret": SECRET}
    with pytest.raises(AddressRefused, match="this machine itself"):
        office.receivers.update(ADMIN, made.id, ReceiverAsked.model_validate(moved))


def test_mail_needs_people_and_takes_no_header_in_an_address(office: Office) -> None:
    for options in (
        {},
        {"sender": "a@b.example", "to": []},
        {"sender": "a@b.example", "to": ["x@y.example\nBcc: z@q.example"]},
    ):
        with pytest.raises(InvalidInput):
            office.add("email", "smtp://mail.example.com", options=options)


NIGHT = {"days": [0, 1, 2, 3, 4, 5, 6], "begin": "22:00", "end": "06:00"}


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({}, True),
        ({"cameras": ["cam"]}, True),
        ({"cameras": ["other"]}, False),
        ({"groups": ["hall"]}, True),
        ({"groups": ["yard"]}, False),
        ({"kinds": ["offline"]}, False),
        ({"labels": ["person", "dog"], "rules": ["night"]}, True),
        ({"labels": ["dog"]}, False),
        ({"rules": ["day"]}, False),
        ({"phases": ["ended"]}, False),
        ({"quiet": [NIGHT]}, False),
        ({"quiet": [NIGHT], "time_zone": "Asia/Tokyo"}, True),  # 08:30 there
    ],
)
def test_of_what_a_receiver_is_told(wanted: dict[str, Any], told: bool) -> None:
    event = CameraEvent(camera_id="cam", camera_name="x", kind=EventKind.OBJECT, label="person", rule="night")
    moment = datetime(2026, 5, 4, 23, 30, tzinfo=UTC)
    if told:
        other = event.model_copy(update={"kind": EventKind.DISAGREEMENT})
        assert not Wanted.model_validate(wanted).matches(other, "hall", "started", moment)
    assert Wanted.model_validate(wanted).matches(event, "hall", "started", moment) is told
