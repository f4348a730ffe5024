"""Setup, passwords, sessions and tokens."""

import contextlib
import threading
from datetime import datetime, timedelta
from pathlib import Path

import jwt
import pytest
from sqlmodel import select

from registry.access import Actor
from registry.access import passwords as passwords_module
from registry.access.accounts import FREE_FAILURES, Accounts
from registry.access.secret_files import read_or_make
from registry.access.sessions import Sessions, hash_secret
from registry.access.tokens import ALGORITHM, AUDIENCE, Tokens
from registry.errors import (
    Forbidden,
    InvalidCredentials,
    InvalidInput,
    NameTaken,
    NotSignedIn,
    SessionExpired,
    SetupDone,
    TokenReused,
    TooManyAttempts,
)
from registry.records import (
    AuditEntry,
    Database,
    LoginThrottle,
    Role,
    SignInCode,
    User,
    WebSession,
    audit,
    users,
    utc_now,
)
from registry.settings import Settings

PASSWORD = "correct horse"


@pytest.fixture
def accounts(database: Database, settings: Settings) -> Accounts:
    return Accounts(database, settings)


@pytest.fixture
def sessions(database: Database, settings: Settings) -> Sessions:
    return Sessions(database, settings)


@pytest.fixture
def tokens(database: Database, settings: Settings) -> Tokens:
    return Tokens(database, settings)


@pytest.fixture
def ada(accounts: Accounts) -> User:
    token = accounts.setup_token()
    assert token
    return accounts.set_up(token, "Ada", PASSWORD)


def _switch_off(database: Database, user_id: str) -> None:
    with database.write() as session:
        users.by_id(session, user_id).active = False


def test_the_setup_token_makes_one_administrator_and_is_gone(accounts: Accounts, ada: User, settings: Settings) -> None:
    assert ada.role == Role.ADMIN
    assert accounts.setup_token() is None
    assert not (settings.secrets_dir / "setup-token").exists()
    with pytest.raises(SetupDone):
        accounts.set_up("0" * 32, "eve", PASSWORD)


def test_a_wrong_setup_token_makes_nobody(accounts: Accounts) -> None:
    accounts.setup_token()
    with pytest.raises(InvalidCredentials):
        accounts.set_up("0" * 32, "eve", PASSWORD)
    assert accounts.needs_setup()


def test_the_setup_token_survives_a_restart_and_is_private(accounts: Accounts, settings: Settings) -> None:
    first = accounts.setup_token()
    assert accounts.setup_token() == first
    assert (settings.secrets_dir / "setup-token").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("", PASSWORD),  # no name
        ("a\nb", PASSWORD),  # a control character
        ("x" * 65, PASSWORD),  # longer than the column
        ("eve", "short"),  # 5 characters
        ("eve", "x" * 129),  # 129 characters
        ("eve", "password123"),  # on every list
        ("eve", "abababab"),  # two different characters
        ("evelyn-smith", "Evelyn-Smith"),  # the name itself
    ],
)
def test_names_and_passwords_of_no_use_are_refused(accounts: Accounts, admin: Actor, name: str, password: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts.create(admin, name, password, Role.USER)
    assert not password or password not in caught.value.message


def test_only_an_administrator_makes_users(accounts: Accounts, engineer: Actor, admin: Actor) -> None:
    with pytest.raises(Forbidden):
        accounts.create(engineer, "eve", PASSWORD, Role.USER)
    accounts.create(admin, "eve", PASSWORD, Role.USER)
    with pytest.raises(NameTaken):
        accounts.create(admin, "EVE", PASSWORD, Role.USER)


def test_a_right_password_proves_whatever_the_case_of_the_name(accounts: Accounts, ada: User) -> None:
    assert accounts.prove("ADA", PASSWORD).id == ada.id


@pytest.mark.parametrize(("name", "password"), [("Ada", "wrong horse"), ("nobody", PASSWORD), ("", ""), ("Ada", "")])
def test_what_proves_nothing_answers_the_same(accounts: Accounts, ada: User, name: str, password: str) -> None:
    with pytest.raises(InvalidCredentials, match="the user name or the password is wrong"):
        accounts.prove(name, password)


def test_a_switched_off_account_proves_nothing(accounts: Accounts, ada: User, database: Database) -> None:
    _switch_off(database, ada.id)
    with pytest.raises(InvalidCredentials):
        accounts.prove("Ada", PASSWORD)


def test_guessing_is_slowed_down_and_the_wait_is_told(accounts: Accounts, ada: User, database: Database) -> None:
    for _ in range(FREE_FAILURES + 1):
        with pytest.raises(InvalidCredentials):
            accounts.prove("Ada", "wrong horse")
    with pytest.raises(TooManyAttempts) as caught:
        accounts.prove("Ada", PASSWORD)
    assert caught.value.details["retry_after_s"] >= 1
    with database.write() as session:
        throttle = session.get(LoginThrottle, "name:ada")
        assert throttle is not None
        throttle.blocked_until = utc_now() - timedelta(seconds=1)
    accounts.prove("Ada", PASSWORD)
    with database.read() as session:
        assert session.get(LoginThrottle, "name:ada") is None


def test_unknown_names_are_slowed_down_too(accounts: Accounts) -> None:
    for _ in range(FREE_FAILURES + 1):
        with pytest.raises(InvalidCredentials):
            accounts.prove("nobody", "wrong horse")
    with pytest.raises(TooManyAttempts):
        accounts.prove("nobody", "wrong horse")


def test_an_unknown_name_is_checked_against_a_hash_of_the_same_cost(ada: User) -> None:
    assert passwords_module._nobody().split("$")[:4] == ada.password_hash.split("$")[:4]
    assert not passwords_module.matches(None, "a password that nobody has")


def test_sign_ins_leave_a_trail_that_holds(accounts: Accounts, ada: User, database: Database) -> None:
    accounts.prove("Ada", PASSWORD, "10.0.0.7")
    with pytest.raises(InvalidCredentials):
        accounts.prove("Ada", "wrong horse", "10.0.0.8")
    with database.read() as session:
        rows = session.exec(select(AuditEntry).order_by("number")).all()  # type: ignore[arg-type]
        assert audit.first_broken(session) is None
    assert [(row.action, row.outcome, row.address) for row in rows] == [
        ("account.setup", "ok", ""),
        ("account.sign_in", "ok", "10.0.0.7"),
        ("account.sign_in", "refused", "10.0.0.8"),
    ]
    assert not any("horse" in str(row.details) for row in rows)


def test_a_code_becomes_a_session_once(accounts: Accounts, sessions: Sessions, ada: User, database: Database) -> None:
    code = accounts.code_for(ada)
    value = sessions.exchange(code, address="10.0.0.7", user_agent="Firefox")
    actor = sessions.resolve(value)
    assert actor is not None
    assert (actor.id, actor.role, actor.via) == (ada.id, Role.ADMIN, "session")
    with pytest.raises(SessionExpired):
        sessions.exchange(code)
    with database.read() as session:
        stored = session.exec(select(WebSession)).one()
    assert value not in stored.model_dump_json()


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


@pytest.mark.parametrize(
    "change",
    [
        lambda row: setattr(row, "expires_at", utc_now() - timedelta(seconds=1)),  # older than the longest
        lambda row: setattr(row, "last_seen_at", utc_now() - timedelta(days=1)),  # idle for too long
    ],
)
def test_an_old_session_is_nobody(
    accounts: Accounts, database: Database, settings: Settings, ada: User, change
) -> None:  # type: ignore[no-untyped-def]
    value = Sessions(database, settings).exchange(accounts.code_for(ada))
    with database.write() as session:
        change(session.exec(select(WebSession)).one())
    assert Sessions(database, settings).resolve(value) is None


def test_a_request_keeps_a_session_alive_and_a_look_does_not(
    accounts: Accounts, database: Database, settings: Settings, ada: User
) -> None:
    value, before = Sessions(database, settings).exchange(accounts.code_for(ada)), utc_now() - timedelta(minutes=5)
    with database.write() as session:
        session.exec(select(WebSession)).one().last_seen_at = before

    def last_seen() -> datetime:
        with database.read() as session:
            return session.exec(select(WebSession)).one().last_seen_at

    sessions = Sessions(database, settings)
    assert sessions.look(value) is not None
    assert last_seen() == before
    assert sessions.resolve(value) is not None
    assert last_seen() > before


def test_a_session_ends_at_sign_out(accounts: Accounts, sessions: Sessions, ada: User) -> None:
    here, there = (sessions.exchange(accounts.code_for(ada)) for _ in range(2))
    sessions.end(here)
    assert sessions.resolve(here) is None
    assert sessions.resolve(there) is not None
    sessions.end_all(ada.id)
    assert sessions.resolve(there) is None


def test_a_session_of_a_switched_off_account_is_nobody(
    accounts: Accounts, database: Database, settings: Settings, ada: User
) -> None:
    value = Sessions(database, settings).exchange(accounts.code_for(ada))
    _switch_off(database, ada.id)
    assert Sessions(database, settings).resolve(value) is None


@pytest.mark.parametrize("value", ["", "x", "é" * 50, "x" * 100_000])
def test_a_made_up_cookie_is_nobody(sessions: Sessions, value: str) -> None:
    assert sessions.resolve(value) is None


def test_an_access_token_speaks_for_its_user_until_it_is_switched_off(
    tokens: Tokens, ada: User, database: Database, settings: Settings
) -> None:
    pair = tokens.issue(ada)
    assert tokens.actor(pair.access_token).id == ada.id
    _switch_off(database, ada.id)
    with pytest.raises(NotSignedIn):
        Tokens(database, settings).actor(pair.access_token)


def test_a_refresh_token_works_once_and_its_second_use_ends_the_family(tokens: Tokens, ada: User) -> None:
    first = tokens.issue(ada)
    second = tokens.refresh(first.refresh_token)
    with pytest.raises(TokenReused):
        tokens.refresh(first.refresh_token)
    with pytest.raises(NotSignedIn):
        tokens.refresh(second.refresh_token)


def test_signing_out_revokes_refresh_tokens(tokens: Tokens, ada: User) -> None:
    pair = tokens.issue(ada)
    tokens.revoke_all(ada.id)
    with pytest.raises(NotSignedIn):
        tokens.refresh(pair.refresh_token)


def _forged(settings: Settings, key: bytes | str | None = None, algorithm: str = ALGORITHM, **changes: object) -> str:
    now = utc_now()
    claims = {"sub": "x", "aud": AUDIENCE, "typ": "access", "iat": now, "exp": now + timedelta(minutes=5), **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(
        claims, read_or_make(settings.secrets_dir / "jwt.key") if key is None else key, algorithm=algorithm
    )


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"key": b"k" * 32}, NotSignedIn),  # signed by somebody else
        ({"aud": "another"}, NotSignedIn),  # meant for somebody else
        ({"aud": None}, NotSignedIn),
        ({"typ": "refresh"}, NotSignedIn),  # another kind of token
        ({"exp": None}, NotSignedIn),  # for ever
        ({"algorithm": "none", "key": ""}, NotSignedIn),  # unsigned
        ({"algorithm": "HS512"}, NotSignedIn),  # not the fixed algorithm
        ({"exp": utc_now() - timedelta(seconds=1)}, SessionExpired),
        ({}, NotSignedIn),  # well made, for a user that does not exist
    ],
)
def test_a_forged_or_old_token_is_refused(
    tokens: Tokens, settings: Settings, changes: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        tokens.actor(_forged(settings, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 10_000, "\0", "é.é.é"])
def test_what_is_no_token_is_refused(tokens: Tokens, token: str) -> None:
    with pytest.raises(NotSignedIn):
        tokens.actor(token)
    with pytest.raises(NotSignedIn):
        tokens.refresh(token)


def test_processes_that_make_a_secret_at_once_agree(tmp_path: Path) -> None:
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(read_or_make(tmp_path / "key"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found[0]) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
