"""Queries on users, jobs and the audit trail."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import StatementError

from registry.errors import NameTaken, UserNotFound
from registry.records import AuditEntry, Database, Job, JobState, Role, User, audit, jobs, users


def _user(name: str) -> User:
    return User(username=name, username_key="", password_hash="x")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Ada", "ada"),  # case
        ("straße", "STRASSE"),  # case folding, not lowering
        ("ｆｕｌｌ", "full"),  # compatibility forms
        ("e\u0301va", "\u00e9va"),  # composed and decomposed
        ("ada", " ada "),  # surrounding spaces
    ],
)
def test_names_that_read_alike_are_one_name(database: Database, first: str, second: str) -> None:
    with database.write() as session:
        users.add(session, _user(first))
    with pytest.raises(NameTaken), database.write() as session:
        users.add(session, _user(second))


def test_times_come_back_aware_and_in_utc(database: Database) -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    with database.write() as session:
        user = _user("ada")
        user.last_login_at = moment
        users.add(session, user)
    with database.read() as session:
        found = users.by_id(session, user.id)
    assert found.last_login_at == moment
    assert found.last_login_at is not None
    assert found.last_login_at.tzinfo == UTC


def test_a_naive_time_is_refused(database: Database) -> None:
    with pytest.raises((StatementError, ValueError), match="aware"), database.write() as session:
        user = _user("ada")
        user.last_login_at = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - the point of the test
        users.add(session, user)


def test_an_unknown_user_is_named_in_the_error(database: Database) -> None:
    with pytest.raises(UserNotFound, match="nobody"), database.read() as session:
        users.by_id(session, "nobody")


def test_switched_off_users_do_not_count(database: Database) -> None:
    with database.write() as session:
        admin = _user("ada")
        admin.role, admin.active = Role.ADMIN, False
        users.add(session, admin)
    with database.read() as session:
        assert users.count(session, role=Role.ADMIN) == 0


def test_the_same_idempotency_key_gives_the_same_job_to_its_owner_only(database: Database) -> None:
    with database.write() as session:
        first = jobs.create(session, Job(kind="batch", owner_id="a", idempotency_key="k"))
    with database.write() as session:
        again = jobs.create(session, Job(kind="batch", owner_id="a", idempotency_key="k"))
        other = jobs.create(session, Job(kind="batch", owner_id="b", idempotency_key="k"))
    assert again.id == first.id
    assert other.id != first.id


def test_pages_of_jobs_are_newest_first_and_counted(database: Database) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with database.write() as session:
        for number in range(5):
            created = start + timedelta(seconds=number)
            jobs.create(session, Job(id=f"j{number}", kind="batch", owner_id="a", created_at=created))
        jobs.create(session, Job(id="other", kind="batch", owner_id="b"))
    with database.read() as session:
        page, total = jobs.page(session, owner_id="a", number=2, size=2)
        _, everybody = jobs.page(session, owner_id=None, number=1, size=2)
    assert ([job.id for job in page], total, everybody) == (["j2", "j1"], 5, 6)
    assert not jobs.is_final(page[0].state)
    assert jobs.is_final(JobState.CANCELLED)


def _trail(database: Database, count: int = 4) -> None:
    for number in range(count):
        with database.write() as session:
            audit.append(session, actor_id="a", actor_name="ada", action="test", details={"n": number, "ü": "é"})


def test_an_untouched_audit_trail_holds(database: Database) -> None:
    _trail(database)
    with database.read() as session:
        assert audit.first_broken(session) is None


@pytest.mark.parametrize(
    ("tamper", "broken"),
    [
        ("UPDATE audit_entries SET actor_name = 'eve' WHERE number = 2", 2),
        ("UPDATE audit_entries SET outcome = 'refused' WHERE number = 3", 3),
        ("DELETE FROM audit_entries WHERE number = 2", 3),
        ("DELETE FROM audit_entries WHERE number = 1", 2),
    ],
)
def test_an_edited_or_missing_audit_row_is_found(database: Database, tamper: str, broken: int) -> None:
    _trail(database)
    with database.write() as session:
        session.connection().execute(text(tamper))
    with database.read() as session:
        assert audit.first_broken(session) == broken


def test_an_audit_row_fits_its_columns(database: Database) -> None:
    with database.write() as session:
        audit.append(session, actor_id="a", actor_name="ada", action="test", target="x" * 900, address="y" * 90)
    with database.read() as session:
        entry = session.get(AuditEntry, 1)
    assert entry is not None
    assert (len(entry.target), len(entry.address)) == (300, 64)
