"""The proof of a name and password."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import psutil
import pytest

from registry.access import passwords
from registry.access.accounts import Accounts
from registry.errors import InvalidCredentials
from registry.records import Database, Role, User, users

_addresses = (f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in count())


def test_a_right_password_proves_whatever_the_case_of_the_name(accounts: Accounts, ada: User, password: str) -> None:
    assert accounts.prove("ADA", password).id == ada.id
    assert accounts.prove("ａｄａ", password).id == ada.id


@pytest.mark.parametrize(
    ("name", "given"),
    [("Ada", "wrong horse"), ("nobody", "correct horse"), ("", ""), ("Ada", ""), ("Ada", "\0"), ("Ada", "\ud800")],
)
def test_what_proves_nothing_answers_the_same(accounts: Accounts, ada: User, name: str, given: str) -> None:
    with pytest.raises(InvalidCredentials, match="the user name or the password is wrong"):
        accounts.prove(name, given)


def test_a_switched_off_account_proves_nothing(
    accounts: Accounts, ada: User, database: Database, password: str
) -> None:
    with database.write() as session:
        users.by_id(session, ada.id).active = False
    with pytest.raises(InvalidCredentials, match="the user name or the password is wrong"):
        accounts.prove("Ada", password)


def test_an_unknown_name_is_checked_against_a_hash_of_the_same_cost(ada: User) -> None:
    assert passwords._nobody().split("$")[:4] == ada.password_hash.split("$")[:4]
    assert not passwords.matches(None, "a password that nobody has")


def _seconds(accounts: Accounts, name: str) -> float:
    began = time.perf_counter()
    with pytest.raises(InvalidCredentials):
        accounts.prove(name, "wrong horse", next(_addresses))
    return time.perf_counter() - began


def _ratio(accounts: Accounts, part: str) -> float:
    """Medians of 100 sign-ins with known names over 100 with unknown ones, taken in turn."""
    pairs = [(_seconds(accounts, f"known-{part}{n}"), _seconds(accounts, f"other-{part}{n}")) for n in range(100)]
    known, unknown = zip(*pairs, strict=True)
    return statistics.median(known) / statistics.median(unknown)


def test_known_and_unknown_names_take_equally_long(accounts: Accounts, database: Database) -> None:
    hashed = passwords.hash_password("correct horse")
    with database.write() as session:
        for number in range(200):
            name = f"known-{'ab'[number // 100]}{number % 100}"
            users.add(session, User(username=name, username_key="", role=Role.USER, password_hash=hashed))
    _seconds(accounts, "somebody")  # makes the hash that unknown names are checked against
    ratios = [_ratio(accounts, "a")]
    if not 0.9 <= ratios[0] <= 1.1:  # something else may have kept the machine busy
        ratios.append(_ratio(accounts, "b"))
    assert 0.9 <= ratios[-1] <= 1.1, ratios


def test_fifty_sign_ins_at_once_succeed_in_bounded_memory(accounts: Accounts, ada: User, password: str) -> None:
    accounts.prove("Ada", password)
    process, peak = psutil.Process(), [0]
    before = process.memory_info().rss

    def sign_in(_number: int) -> str:
        found = accounts.prove("Ada", password, "10.0.0.7")
        peak[0] = max(peak[0], process.memory_info().rss)
        return found.id

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(sign_in, range(50))) == [ada.id] * 50
    assert peak[0] - before < 200 << 20
