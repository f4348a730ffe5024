"""Wrong passwords make the next guess wait."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlmodel import select

from registry.access import passwords
from registry.access.accounts import Accounts
from registry.access.browsers import browser_hash, new_value
from registry.access.sessions import Sessions
from registry.access.throttle import LONGEST_DELAY_S, Counted, Throttle, refuse_if_blocked
from registry.errors import InvalidCredentials, TooManyAttempts
from registry.records import Database, KnownBrowser, LoginThrottle, User, utc_now

FREE = 5
WRONG = "wrong horse"


def _fail(accounts: Accounts, name: str, times: int, address: str = "", browser: str = "") -> None:
    for _ in range(times):
        with pytest.raises(InvalidCredentials):
            accounts.prove(name, WRONG, address, browser=browser)


def _change(database: Database, key: str, **values: object) -> None:
    with database.write() as session:
        throttle = session.get(LoginThrottle, key)
        assert throttle is not None
        for name, value in values.items():
            setattr(throttle, name, value)


def test_guessing_is_slowed_down_and_the_wait_is_told(
    accounts: Accounts, ada: User, database: Database, password: str
) -> None:
    _fail(accounts, "Ada", FREE + 1)
    with pytest.raises(TooManyAttempts) as caught:
        accounts.prove("Ada", password)
    assert 1 <= caught.value.details["retry_after_s"] <= 2
    _change(database, "name:ada", blocked_until=utc_now())
    accounts.prove("Ada", password)
    with database.read() as session:
        assert session.get(LoginThrottle, "name:ada") is None


@pytest.mark.parametrize("name", ["nobody", "no\0body", "\ufdfa" * 64, "\ud800", "x" * 10_000])
def test_names_that_do_not_exist_are_slowed_down_too(accounts: Accounts, name: str) -> None:
    _fail(accounts, name, FREE + 1)
    with pytest.raises(TooManyAttempts):
        accounts.prove(name, WRONG)


def test_each_further_failure_doubles_the_wait_up_to_a_quarter_of_an_hour(database: Database) -> None:
    throttle, counted, waits = Throttle(), Counted("name:ada", 2), []
    for _ in range(14):
        with database.write() as session:
            throttle.count_failure(session, [counted])
            row = session.exec(select(LoginThrottle)).one()
            waits.append((row.blocked_until - row.last_failure_at).total_seconds() if row.blocked_until else 0)
    assert waits == [0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, *[LONGEST_DELAY_S] * 3]


def test_an_address_is_slowed_down_over_all_names(accounts: Accounts, ada: User, put: Callable[..., None]) -> None:
    put(free_failures_per_address=5)
    for number in range(6):
        _fail(accounts, f"name-{number}", 1, f"2001:db8::{number}")  # one network of IPv6
    with pytest.raises(TooManyAttempts):
        accounts.prove("another", WRONG, "2001:db8::77")
    _fail(accounts, "another", 1, "2001:db8:1::77")


def test_failures_are_forgotten_after_a_day(accounts: Accounts, database: Database) -> None:
    _fail(accounts, "Ada", FREE)
    _change(database, "name:ada", last_failure_at=utc_now() - timedelta(hours=25))
    _fail(accounts, "Ada", FREE)
    with database.read() as session:
        throttle = session.get(LoginThrottle, "name:ada")
        assert throttle is not None
        assert throttle.failures == FREE


def test_rows_of_other_days_are_removed(database: Database) -> None:
    with database.write() as session:
        session.add(LoginThrottle(key="name:old", failures=9, last_failure_at=utc_now() - timedelta(hours=25)))
    with database.write() as session:
        Throttle().count_failure(session, [Counted("name:new", 1)])
    with database.read() as session:
        assert session.exec(select(LoginThrottle.key)).all() == ["name:new"]


def test_a_clock_set_back_locks_nobody_out(accounts: Accounts, ada: User, database: Database, password: str) -> None:
    _fail(accounts, "Ada", FREE + 1)
    hour = timedelta(hours=1)
    for key in ("name:ada", "address:"):  # as if all of this had happened an hour from now
        _change(database, key, last_failure_at=utc_now() + hour, blocked_until=utc_now() + hour)
    assert accounts.prove("Ada", password).id == ada.id


def test_a_clock_set_back_does_not_stop_the_counting(accounts: Accounts, ada: User, database: Database) -> None:
    _fail(accounts, "Ada", FREE)
    _change(database, "name:ada", last_failure_at=utc_now() + timedelta(hours=1))
    _fail(accounts, "Ada", 1)
    with pytest.raises(TooManyAttempts):
        accounts.prove("Ada", WRONG)


def test_a_browser_known_from_before_is_not_locked_out_by_others(
    accounts: Accounts, sessions: Sessions, ada: User, database: Database, password: str
) -> None:
    browser = browser_hash(new_value())
    sessions.exchange(accounts.code_for(ada), browser=browser)
    _fail(accounts, "Ada", FREE + 1, "10.0.0.7")
    with pytest.raises(TooManyAttempts):
        accounts.prove("Ada", password, "10.0.0.7")
    with pytest.raises(TooManyAttempts):  # some other browser
        accounts.prove("Ada", password, "10.0.0.7", browser=browser_hash(new_value()))
    assert accounts.prove("Ada", password, "10.0.0.7", browser=browser).id == ada.id
    with pytest.raises(TooManyAttempts):  # which does not help whoever guesses
        accounts.prove("Ada", password, "10.0.0.7")


def test_a_known_browser_counts_for_itself_and_only_for_its_own_accounts(
    accounts: Accounts, sessions: Sessions, ada: User, database: Database, password: str
) -> None:
    browser = browser_hash(new_value())
    sessions.exchange(accounts.code_for(ada), browser=browser)
    _fail(accounts, "Ada", FREE + 1, browser=browser)
    with pytest.raises(TooManyAttempts):
        accounts.prove("Ada", password, browser=browser)
    assert accounts.prove("Ada", password).id == ada.id  # the others do not wait for it
    _fail(accounts, "eve", FREE + 1, browser=browser)
    with pytest.raises(TooManyAttempts):
        accounts.prove("eve", WRONG)
    with database.read() as session:
        assert browser in session.exec(select(KnownBrowser.browser_hash)).all()


@pytest.mark.parametrize("value", ["", "x", "x" * 42, "x" * 44, "é" * 43, "a b" * 20])
def test_a_browsers_cookie_that_we_never_set_is_worth_nothing(value: str) -> None:
    assert browser_hash(value) == ""


def test_of_a_thousand_guesses_at_once_hardly_any_is_evaluated(
    accounts: Accounts, sessions: Sessions, ada: User, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = browser_hash(new_value())
    sessions.exchange(accounts.code_for(ada), browser=browser)
    evaluated, lock, really = [0], threading.Lock(), passwords.matches

    def counting(stored_hash: str | None, given: str) -> bool:
        with lock:
            evaluated[0] += 1
        return really(stored_hash, given)

    monkeypatch.setattr(passwords, "matches", counting)

    def guess(number: int) -> type[Exception]:
        with pytest.raises((InvalidCredentials, TooManyAttempts)) as caught:
            accounts.prove("Ada", f"{WRONG} {number}", "10.0.0.7")
        return caught.type

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(guess, range(1_000)))
    assert len(answers) == 1_000
    assert FREE < evaluated[0] <= 30
    assert answers.count(InvalidCredentials) == evaluated[0]
    assert accounts.prove("Ada", password, "10.0.0.7", browser=browser).id == ada.id


def test_processes_share_what_they_counted(accounts: Accounts, database: Database, ada: User, settings) -> None:  # type: ignore[no-untyped-def]
    _fail(accounts, "Ada", FREE + 1)
    with database.read() as session, pytest.raises(TooManyAttempts):
        refuse_if_blocked(session, [Counted("name:ada", FREE)])
    with pytest.raises(TooManyAttempts):
        Accounts(database, settings).prove("Ada", WRONG)
