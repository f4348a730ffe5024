"""The audit trail: what it keeps, what it notices."""

import json
import math
import threading
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import text

from registry.records import AuditEntry, AuditHead, Database, Role, User, audit, users, utc_now
from registry.records.audit import Verdict
from registry.records.audit_details import LONGEST_JSON, fit


def _append(database: Database, **given: Any) -> None:
    with database.write() as session:
        audit.append(session, **({"actor_id": "a", "actor_name": "ada", "action": "test"} | given))


def _trail(database: Database, count: int = 4) -> None:
    for number in range(count):
        _append(database, details={"n": number, "ü": "é"})


def _verify(database: Database) -> Verdict:
    with database.read() as session:
        return audit.verify(session)


def _run(database: Database, *statements: str) -> None:
    with database.write() as session:
        for statement in statements:
            session.connection().execute(text(statement))


def test_an_untouched_trail_holds_from_its_first_row_to_its_head(database: Database) -> None:
    assert _verify(database) == Verdict(0, audit.GENESIS)
    _trail(database)
    verdict = _verify(database)
    with database.read() as session:
        newest, head = session.get(AuditEntry, 4), session.get(AuditHead, 1)
    assert newest is not None
    assert head is not None
    assert verdict == Verdict(4, newest.digest)
    assert verdict.holds
    assert (head.number, head.digest) == (4, newest.digest)


_OTHER = "0" * 63 + "1"


@pytest.mark.parametrize(
    ("tamper", "number", "fault"),
    [
        ("UPDATE audit_entries SET actor_name = 'eve' WHERE number = 2", 2, "edited"),
        ("UPDATE audit_entries SET outcome = 'refused' WHERE number = 4", 4, "edited"),
        ("UPDATE audit_entries SET details = '{}' WHERE number = 1", 1, "edited"),
        (f"UPDATE audit_entries SET digest = '{_OTHER}' WHERE number = 2", 2, "edited"),
        (f"UPDATE audit_entries SET previous = '{_OTHER}' WHERE number = 3", 3, "edited"),
        (f"UPDATE audit_entries SET previous = '{_OTHER}' WHERE number = 1", 1, "edited"),
        ("DELETE FROM audit_entries WHERE number = 1", 1, "missing"),
        ("DELETE FROM audit_entries WHERE number = 2", 2, "missing"),
        ("DELETE FROM audit_entries WHERE number IN (2, 3)", 2, "missing"),
        ("DELETE FROM audit_entries WHERE number = 4", 4, "missing"),  # the newest: only the head knows
        ("DELETE FROM audit_entries WHERE number > 2", 3, "missing"),
        ("DELETE FROM audit_entries", 1, "missing"),
        ("DELETE FROM audit_head", 4, "head"),
        (f"UPDATE audit_head SET digest = '{_OTHER}'", 4, "head"),
        ("UPDATE audit_head SET number = 3", None, None),  # the number alone changes nothing that is proven
    ],
)
def test_one_edited_or_missing_row_is_found(database: Database, tamper: str, number: int, fault: str) -> None:
    _trail(database)
    _run(database, tamper)
    verdict = _verify(database)
    assert (verdict.number, verdict.fault) == (number, fault)
    assert verdict.holds is (fault is None)


def test_the_first_of_two_rows_that_changed_places_is_named(database: Database) -> None:
    _trail(database)
    _run(
        database,
        *(f"UPDATE audit_entries SET number = {to} WHERE number = {at}" for at, to in ((2, 9), (3, 2), (9, 3))),
    )
    verdict = _verify(database)
    assert (verdict.rows, verdict.number, verdict.fault) == (1, 2, "edited")


def test_a_trail_that_was_emptied_head_and_all_does_not_hold_while_there_are_accounts(database: Database) -> None:
    with database.write() as session:
        users.add(session, User(username="ada", username_key="", role=Role.ADMIN, password_hash=""))
    _trail(database)
    for table in ("audit_entries", "audit_head"):
        _run(database, f"DELETE FROM {table}")
    assert _verify(database) == Verdict(0, audit.GENESIS, 1, "missing")


def test_a_row_whose_digest_was_computed_anew_breaks_the_next(database: Database) -> None:
    _trail(database)
    with database.write() as session:
        row = session.get(AuditEntry, 2)
        assert row is not None
        row.actor_name = "eve"
        row.digest = audit.digest(row)
    verdict = _verify(database)
    assert (verdict.rows, verdict.number, verdict.fault) == (1, 2, "edited")


@pytest.mark.parametrize(
    "tamper",
    [
        ["DELETE FROM audit_entries WHERE number = 4"],
        ["DELETE FROM audit_head"],
        ["DELETE FROM audit_entries WHERE number = 4", "DELETE FROM audit_head"],
        ["UPDATE audit_head SET number = 2"],  # the number would be given a second time
    ],
)
def test_after_tampering_work_goes_on_and_the_break_stays_visible(database: Database, tamper: list[str]) -> None:
    _trail(database)
    _run(database, *tamper)
    broken = not _verify(database).holds
    _trail(database, 3)
    assert _verify(database).holds is not broken


def test_rows_written_at_once_are_one_line(database: Database) -> None:
    threads = [threading.Thread(target=_trail, args=(database, 5)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _verify(database).rows == 20
    assert _verify(database).holds


def test_a_row_taken_back_with_its_action_leaves_no_gap(database: Database) -> None:
    _trail(database, 1)
    with pytest.raises(RuntimeError), database.write() as session:
        audit.append(session, actor_id="a", actor_name="ada", action="test")
        raise RuntimeError
    _trail(database, 1)
    assert _verify(database).rows == 2
    assert _verify(database).holds


def test_a_clock_that_jumps_back_does_not_break_the_chain(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    _trail(database, 2)
    monkeypatch.setattr(audit, "utc_now", lambda: utc_now() - timedelta(hours=1))
    _trail(database, 2)
    assert _verify(database).holds


class _Word(StrEnum):
    ADMIN = "admin"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"b": 1, "a": {"z": 1, "y": 2}}, {"b": 1, "a": {"z": 1, "y": 2}}),  # whatever the order of keys
        ({"x": 0.1 + 0.2, "y": 1e-300, "z": -0.0, "w": 1e21}, {"x": 0.1 + 0.2, "y": 1e-300, "z": -0.0, "w": 1e21}),
        ({"x": math.inf, "y": math.nan}, {"x": "inf", "y": "nan"}),  # JSON has no such numbers
        ({"x": 2**80, "y": 10**5_000}, {"x": 2**80, "y": "a number of 16,610 bits"}),
        ({"ключ": "значение 😀 \u202e"}, {"ключ": "значение 😀 \u202e"}),
        ({"x": "a\x00b\ud800c"}, {"x": "a\ufffdb\ufffdc"}),  # PostgreSQL and UTF-8 refuse these
        ({1: (1, 2), "s": {3}, "e": _Word.ADMIN}, {"1": [1, 2], "s": [3], "e": "admin"}),
        ({"at": datetime(2026, 1, 2, tzinfo=UTC)}, {"at": "2026-01-02 00:00:00+00:00"}),
        ({"n": None, "t": True}, {"n": None, "t": True}),
    ],
)
def test_details_come_back_as_they_were_hashed(database: Database, given: dict[Any, Any], kept: dict[str, Any]) -> None:
    _append(database, details=given)
    with database.read() as session:
        entry = session.get(AuditEntry, 1)
        assert entry is not None
        assert json.dumps(entry.details) == json.dumps(kept)
    assert _verify(database).holds


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"password": "hush"}, {"password": "***"}),
        ({"after": {"Authorization": "Bearer hush"}}, {"after": {"Authorization": "***"}}),
        ({"list": [{"apiKey": "hush"}, {"x_key": "hush"}]}, {"list": [{"apiKey": "***"}, {"x_key": "***"}]}),
        ({"secrets": {"any": ["hush", {"depth": "hush"}]}}, {"secrets": {"any": ["***", {"depth": "***"}]}}),
        ({"refresh_token": "hush", "key": "hush"}, {"refresh_token": "***", "key": "***"}),
        ({"url": "rtsp://me:hush@10.0.0.3/1"}, {"url": "rtsp://***@10.0.0.3/1"}),
        ({"note": "made nxk_12ab34cd_hushhush-hush for line 3"}, {"note": "made nxk_12ab34cd_*** for line 3"}),
        ({"password_min_length": 8, "token_ok": True}, {"password_min_length": 8, "token_ok": True}),  # no secrets
        ({"monkey": "Zoe", "keyboard": "qwerty"}, {"monkey": "Zoe", "keyboard": "qwerty"}),
    ],
)
def test_details_never_hold_secrets(given: dict[str, Any], kept: dict[str, Any]) -> None:
    assert fit(given) == kept


def test_huge_details_are_cut_with_a_mark() -> None:
    deep: Any = "bottom"
    for _ in range(100):
        deep = {"d": deep}
    assert fit({"text": "x" * 10_000})["text"] == "x" * 500 + "… (10,000 characters)"
    assert fit({"list": list(range(2_000))})["list"][-1] == "… and 1,950 more"
    assert fit({str(key): key for key in range(60)})["…"] == "and 10 more"
    assert "bottom" not in json.dumps(fit(deep))
    many = fit({str(key): ["x" * 400] * 50 for key in range(50)})
    assert list(many) == ["cut"]
    assert len(many["cut"]) < LONGEST_JSON + 50


def test_a_row_fits_its_columns_and_every_database(database: Database) -> None:
    _append(database, actor_name="a\x00" * 90, action="z" * 90, target="x" * 900, address="y" * 90)
    with database.read() as session:
        entry = session.get(AuditEntry, 1)
    assert entry is not None
    assert [len(each) for each in (entry.actor_name, entry.action, entry.target, entry.address)] == [64, 64, 300, 64]
    assert _verify(database).holds
