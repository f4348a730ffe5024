"""Accounts, sessions and tokens over the test's database, and one administrator."""

from collections.abc import Callable

import pytest

from registry.access import Actor
from registry.access.accounts import Accounts
from registry.access.live import Live
from registry.access.sessions import Sessions
from registry.access.sign_ins import SignIns
from registry.access.tokens import Tokens
from registry.records import Database, Role, SettingValue, User
from registry.settings import Settings

PASSWORD = "correct horse"


@pytest.fixture
def admin() -> Actor:
    """Whoever administers this machine: not one of the stored accounts, of which a test may need the last."""
    return Actor("a" * 32, "ada", Role.ADMIN, via="local")


@pytest.fixture
def password() -> str:
    """The password of every account in these tests."""
    return PASSWORD


@pytest.fixture
def live(database: Database, settings: Settings) -> Live:
    return Live(database, settings)


@pytest.fixture
def accounts(database: Database, settings: Settings, live: Live) -> Accounts:
    return Accounts(database, settings, live)


@pytest.fixture
def sessions(database: Database, settings: Settings) -> Sessions:
    return Sessions(database, settings)


@pytest.fixture
def tokens(database: Database, settings: Settings) -> Tokens:
    return Tokens(database, settings)


@pytest.fixture
def sign_ins(database: Database, sessions: Sessions, tokens: Tokens) -> SignIns:
    return SignIns(database, sessions, tokens)


@pytest.fixture
def ada(accounts: Accounts) -> User:
    token = accounts.setup_token()
    assert token
    return accounts.set_up(token, "Ada", PASSWORD)


@pytest.fixture
def put(database: Database, live: Live) -> Callable[..., None]:
    """Stores live settings, in force at once."""

    def stored(**values: object) -> None:
        with database.write() as session:
            for key, value in values.items():
                session.add(SettingValue(key=key, value=value))
        live.refresh()

    return stored
