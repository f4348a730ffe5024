"""Queries on users and jobs."""

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import StatementError

from registry.errors import NameTaken, UserNotFound
from registry.records import Database, Job, JobState, Role, User, jobs, users


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


def test_two_who_take_a_name_at_once_are_told_apart(database: Database) -> None:
    together = threading.Barrier(2)
    taken: list[str] = []

    def take() -> None:
        together.wait()
        try:
            with database.write() as session:
                users.add(session, _user("ada"))
        except NameTaken as error:
            taken.append(error.message)

    for _ in range(5):
        threads = [threading.Thread(target=take) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with database.write() as session:
            user = users.by_name(session, "ada")
            assert user is not None
            session.delete(user)
    assert len(taken) == 5


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
