"""Browser sessions."""

import contextlib
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from registry.access.accounts import Accounts
from registry.access.fingerprints import hash_secret
from registry.access.sessions import Sessions
from registry.errors import SessionExpired
from registry.records import Database, Role, SignInCode, User, WebSession, users, utc_now
from registry.settings import Settings

Change = Callable[[WebSession], None]


def _change(database: Database, change: Change) -> None:
    with database.write() as session:
        change(session.exec(select(WebSession)).one())


def test_a_code_becomes_a_session_once(accounts: Accounts, sessions: Sessions, ada: User, database: Database) -> None:
    code = accounts.code_for(ada)
    value = sessions.exchange(code, address="10.0.0.7", user_agent="Firefox")
    actor = sessions.resolve(value)
    assert actor is not None
    assert (actor.id, actor.role, actor.via) == (ada.id, Role.ADMIN, "session")
    assert actor.credential
    assert actor.credential not in {value, hash_secret(value)}
    with pytest.raises(SessionExpired):
        sessions.exchange(code)
    with database.read() as session:
        stored = session.exec(select(WebSession)).one()
    assert value not in stored.model_dump_json()
    assert (stored.address, stored.user_agent) == ("10.0.0.7", "Firefox")


def test_an_old_code_is_refused(accounts: Accounts, sessions: Sessions, ada: User, database: Database) -> None:
    code = accounts.code_for(ada)
    with database.write() as session:
        row = session.get(SignInCode, hash_secret(code))
        assert row is not None
        row.expires_at = utc_now() - timedelta(seconds=1)
    with pytest.raises(SessionExpired):
        sessions.exchange(code)


def test_parallel_exchanges_of_one_code_make_one_session(accounts: Accounts, sessions: Sessions, ada: User) -> None:
    code, won = accounts.code_for(ada), []

    def exchange() -> None:
        with contextlib.suppress(SessionExpired):
            won.append(sessions.exchange(code))

    threads = [threading.Thread(target=exchange) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_a_browser_that_signs_in_twice_at_once_is_known_once(accounts: Accounts, sessions: Sessions, ada: User) -> None:
    codes, values = [accounts.code_for(ada) for _ in range(4)], []
    threads = [
        threading.Thread(target=lambda code=code: values.append(sessions.exchange(code, browser="b" * 64)))
        for code in codes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(values) == 4


@pytest.mark.parametrize(
    "change",
    [
        lambda row: setattr(row, "expires_at", utc_now() - timedelta(seconds=1)),  # older than the longest
        lambda row: setattr(row, "last_seen_at", utc_now() - timedelta(days=1)),  # idle for too long
        lambda row: setattr(row, "created_at", utc_now() + timedelta(days=400)),  # made while the clock was wrong
    ],
)
def test_an_old_session_is_nobody(
    accounts: Accounts, database: Database, settings: Settings, ada: User, change: Change
) -> None:
    value = Sessions(database, settings).exchange(accounts.code_for(ada))
    _change(database, change)
    sessions = Sessions(database, settings)
    assert sessions.resolve(value) is None
    with database.read() as session:
        assert sessions.open_of(session, ada.id) == []


def test_a_request_keeps_a_session_alive_and_a_look_does_not(
    accounts: Accounts, database: Database, settings: Settings, ada: User
) -> None:
    value, before = Sessions(database, settings).exchange(accounts.code_for(ada)), utc_now() - timedelta(minutes=5)
    _change(database, lambda row: setattr(row, "last_seen_at", before))
    sessions = Sessions(database, settings)
    assert sessions.look(value) is not None
    assert _last_seen(database) == before
    assert sessions.resolve(value) is not None
    assert _last_seen(database) > before


def test_a_clock_set_back_an_hour_ends_no_session_and_makes_none_immortal(
    accounts: Accounts, database: Database, settings: Settings, ada: User
) -> None:
    value, hour = Sessions(database, settings).exchange(accounts.code_for(ada)), timedelta(hours=1)

    def later(row: WebSession) -> None:  # as if it had been made an hour from now
        row.created_at, row.last_seen_at, row.expires_at = (
            row.created_at + hour,
            row.last_seen_at + hour,
            row.expires_at + hour,
        )

    _change(database, later)
    sessions = Sessions(database, settings)
    sessions.look(value)
    assert sessions.remembered(value) is None  # so that the next request is a sign of life
    assert sessions.resolve(value) is not None
    assert _last_seen(database) <= utc_now()  # idle time counts from now on
    idle = timedelta(minutes=settings.session_idle_minutes, seconds=1)
    _change(database, lambda row: setattr(row, "last_seen_at", utc_now() - idle))
    assert Sessions(database, settings).resolve(value) is None


def _last_seen(database: Database) -> datetime:
    with database.read() as session:
        return session.exec(select(WebSession)).one().last_seen_at


def test_a_session_ends_at_sign_out(accounts: Accounts, sessions: Sessions, ada: User) -> None:
    here, there = (sessions.exchange(accounts.code_for(ada)) for _ in range(2))
    sessions.end(here)
    assert sessions.resolve(here) is None
    assert sessions.resolve(there) is not None
    sessions.end_all(ada.id)
    assert sessions.resolve(there) is None
    sessions.end(there)  # once more is no error


def test_an_open_page_learns_at_once_that_its_session_ended(accounts: Accounts, sessions: Sessions, ada: User) -> None:
    here, there = (sessions.exchange(accounts.code_for(ada)) for _ in range(2))
    one, other = sessions.resolve(here), sessions.resolve(there)
    assert one is not None
    assert other is not None
    assert sessions.on_page(ada.id, one.credential) == one
    sessions.end(here)
    assert sessions.on_page(ada.id, one.credential) is None
    assert sessions.on_page(ada.id, other.credential) == other
    assert sessions.on_page("somebody else", other.credential) is None
    assert sessions.on_page(ada.id, "") is None


def test_a_session_of_a_switched_off_account_is_nobody(
    accounts: Accounts, database: Database, settings: Settings, ada: User
) -> None:
    value = Sessions(database, settings).exchange(accounts.code_for(ada))
    actor = Sessions(database, settings).resolve(value)
    assert actor is not None
    with database.write() as session:
        users.by_id(session, ada.id).active = False
    assert Sessions(database, settings).resolve(value) is None
    assert Sessions(database, settings).on_page(ada.id, actor.credential) is None


def test_sessions_that_are_over_are_removed_at_the_next_sign_in(
    accounts: Accounts, sessions: Sessions, ada: User, database: Database
) -> None:
    sessions.exchange(accounts.code_for(ada))
    _change(database, lambda row: setattr(row, "expires_at", utc_now() - timedelta(days=1)))
    value = sessions.exchange(accounts.code_for(ada))
    with database.read() as session:
        assert session.exec(select(WebSession.id_hash)).all() == [hash_secret(value)]


@pytest.mark.parametrize("value", ["", "x", "é" * 50, "x" * 100_000])
def test_a_made_up_cookie_is_nobody(sessions: Sessions, value: str) -> None:
    assert sessions.resolve(value) is None
