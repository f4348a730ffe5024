"""How accounts come to be, and what their owners change about them."""

from collections.abc import Callable

import pytest
from sqlmodel import select

from registry.access import Actor
from registry.access.accounts import Accounts
from registry.access.actor import of_user
from registry.access.people import People
from registry.access.sessions import Sessions
from registry.access.sign_ins import SignIns
from registry.access.tokens import Tokens
from registry.errors import (
    AccountPending,
    Conflict,
    Forbidden,
    InvalidCredentials,
    InvalidInput,
    NameTaken,
    NotSignedIn,
    RegistrationClosed,
    SetupDone,
    TooManyAttempts,
    UserNotFound,
)
from registry.records import AuditEntry, Database, Role, User, audit, users
from registry.settings import Settings

NEW = "another horse"


def _switch_off(database: Database, user_id: str) -> None:
    with database.write() as session:
        users.by_id(session, user_id).active = False


def test_the_setup_token_makes_one_administrator_and_is_gone(
    accounts: Accounts, ada: User, settings: Settings, password: str
) -> None:
    assert ada.role == Role.ADMIN
    assert accounts.setup_token() is None
    assert not (settings.secrets_dir / "setup-token").exists()
    with pytest.raises(SetupDone):
        accounts.set_up("0" * 32, "eve", password)


def test_a_wrong_setup_token_makes_nobody(accounts: Accounts, password: str) -> None:
    accounts.setup_token()
    with pytest.raises(InvalidCredentials):
        accounts.set_up("0" * 32, "eve", password)
    assert accounts.needs_setup()


def test_the_setup_token_survives_a_restart_and_is_private(accounts: Accounts, settings: Settings) -> None:
    first = accounts.setup_token()
    assert accounts.setup_token() == first
    assert (settings.secrets_dir / "setup-token").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("eve", "short"),  # 5 characters
        ("eve", "x" * 129),  # 129 characters
        ("eve", "password123"),  # on every list
        ("eve", "abababab"),  # two different characters
        ("evelyn-smith", "Evelyn-Smith"),  # the name itself
        ("a\nb", "correct horse"),  # a name of no use, see test_names.py
    ],
)
def test_names_and_passwords_of_no_use_are_refused(accounts: Accounts, admin: Actor, name: str, password: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts.create(admin, name, password, Role.USER)
    assert password not in caught.value.message


def test_the_shortest_password_can_be_set_but_never_below_eight(
    accounts: Accounts, admin: Actor, put: Callable[..., None]
) -> None:
    put(password_min_length=14)
    with pytest.raises(InvalidInput, match="14 to 128"):
        accounts.create(admin, "eve", "correct horse", Role.USER)
    accounts.create(admin, "eve", "correct horses", Role.USER)


def test_only_an_administrator_makes_users(accounts: Accounts, engineer: Actor, admin: Actor, password: str) -> None:
    with pytest.raises(Forbidden):
        accounts.create(engineer, "eve", password, Role.USER)
    accounts.create(admin, "eve", password, Role.USER)
    for same in ("EVE", "ｅｖｅ", " eve "):  # by case, by Unicode form, by space
        with pytest.raises(NameTaken):
            accounts.create(admin, same, password, Role.USER)


def test_nobody_registers_while_registration_is_closed(accounts: Accounts, password: str) -> None:
    with pytest.raises(RegistrationClosed):
        accounts.register("eve", password)


def test_a_registered_account_works_once_it_is_approved(
    accounts: Accounts,
    database: Database,
    sessions: Sessions,
    tokens: Tokens,
    admin: Actor,
    put: Callable[..., None],
    password: str,
) -> None:
    put(registration_open=True)
    eve = accounts.register("eve", password, email="eve@example.com", full_name="Eve E.", address="10.0.0.7")
    assert (eve.role, eve.active, eve.approved) == (Role.USER, False, False)
    with pytest.raises(AccountPending):
        accounts.prove("eve", password)
    with pytest.raises(InvalidCredentials):  # who does not know the password learns nothing
        accounts.prove("eve", "wrong horse")
    people = People(database, sessions, tokens)
    assert people.set_active(admin, eve.id, active=True).approved
    assert accounts.prove("eve", password).id == eve.id
    people.set_active(admin, eve.id, active=False)
    with pytest.raises(InvalidCredentials):  # switched off is not pending
        accounts.prove("eve", password)


def test_without_approvals_a_registered_account_works_at_once(
    accounts: Accounts, put: Callable[..., None], password: str
) -> None:
    put(registration_open=True, registration_approval=False)
    accounts.register("eve", password)
    assert accounts.prove("eve", password).role == Role.USER
    with pytest.raises(NameTaken):
        accounts.register("Eve", password)


def test_a_profile_is_changed_in_part_and_the_trail_has_both_states(
    accounts: Accounts, ada: User, database: Database
) -> None:
    actor = of_user(ada, "session")
    accounts.update_profile(actor, email=" ada@example.com ")
    changed = accounts.update_profile(actor, full_name="Ada L.")
    assert (changed.email, changed.full_name) == ("ada@example.com", "Ada L.")
    for wrong in ({"email": "no address"}, {"full_name": "a\u202eb"}):
        with pytest.raises(InvalidInput):
            accounts.update_profile(actor, **wrong)
    with database.read() as session:
        rows = session.exec(select(AuditEntry).where(AuditEntry.action == "account.update")).all()
    assert rows[0].details == {"username": "Ada", "before": {"email": ""}, "after": {"email": "ada@example.com"}}


@pytest.mark.parametrize("via", ["session", "token"])
def test_a_password_change_ends_every_sign_in_but_the_browser_session_that_asks(
    accounts: Accounts, database: Database, settings: Settings, ada: User, password: str, via: str
) -> None:
    sessions, tokens = Sessions(database, settings), Tokens(database, settings)
    here, there = (sessions.exchange(accounts.code_for(ada)) for _ in range(2))
    pair, code = tokens.issue(ada), accounts.code_for(ada)
    actor = sessions.resolve(here) if via == "session" else tokens.actor(pair.access_token)
    assert actor is not None
    accounts.change_password(actor, password, NEW)
    fresh, fresh_tokens = Sessions(database, settings), Tokens(database, settings)
    assert (fresh.resolve(here) is not None) == (via == "session")
    assert fresh.resolve(there) is None
    with pytest.raises(NotSignedIn):
        fresh_tokens.actor(pair.access_token)
    with pytest.raises(NotSignedIn):
        fresh_tokens.refresh(pair.refresh_token)
    with pytest.raises(NotSignedIn):  # also the code that was on its way to a browser
        fresh.exchange(code)
    with pytest.raises(InvalidCredentials):
        accounts.prove("Ada", password)
    assert accounts.prove("Ada", NEW).id == ada.id


def test_a_password_change_needs_the_old_one_and_cannot_be_guessed(
    accounts: Accounts, ada: User, password: str, put: Callable[..., None]
) -> None:
    put(free_failures_per_account=2)
    actor = of_user(ada, "session")
    for _ in range(3):
        with pytest.raises(InvalidCredentials):
            accounts.change_password(actor, "wrong horse", NEW)
    with pytest.raises(TooManyAttempts):
        accounts.change_password(actor, password, NEW)
    assert accounts.prove("Ada", password)  # nobody is kept from signing in by that


def test_a_key_changes_neither_password_nor_profile(accounts: Accounts, ada: User, password: str) -> None:
    key = Actor(ada.id, ada.username, Role.ADMIN, via="key", scopes=frozenset({"admin"}))
    for attempt in (lambda: accounts.change_password(key, password, NEW), lambda: accounts.update_profile(key)):
        with pytest.raises(Forbidden, match="API key"):
            attempt()


def test_an_administrator_resets_a_password_which_ends_every_sign_in(
    accounts: Accounts, database: Database, settings: Settings, ada: User, admin: Actor, engineer: Actor
) -> None:
    cookie, pair = Sessions(database, settings).exchange(accounts.code_for(ada)), Tokens(database, settings).issue(ada)
    with pytest.raises(Forbidden):
        accounts.reset_password(engineer, ada.id, NEW)
    with pytest.raises(InvalidInput):
        accounts.reset_password(admin, ada.id, "short")
    with pytest.raises(UserNotFound):
        accounts.reset_password(admin, "nobody", NEW)
    for via in ("session", "key"):  # who found a browser open does not learn the password, and a key has none
        with pytest.raises(Conflict, match="your own"):
            accounts.reset_password(
                Actor(ada.id, ada.username, Role.ADMIN, via, scopes=frozenset({"admin"})), ada.id, NEW
            )
    accounts.reset_password(admin, ada.id, NEW)
    assert Sessions(database, settings).resolve(cookie) is None
    with pytest.raises(NotSignedIn):
        Tokens(database, settings).actor(pair.access_token)
    assert accounts.prove("Ada", NEW).id == ada.id


def test_sign_ins_leave_a_trail_that_holds(
    accounts: Accounts,
    sessions: Sessions,
    tokens: Tokens,
    sign_ins: SignIns,
    ada: User,
    database: Database,
    password: str,
) -> None:
    accounts.prove("Ada", password, "10.0.0.7")
    with pytest.raises(InvalidCredentials):
        accounts.prove("Ada", "wrong horse", "10.0.0.8")
    pair = tokens.refresh(tokens.issue(ada).refresh_token, address="10.0.0.9")
    sign_ins.end_current(tokens.actor(pair.access_token))
    sessions.end(sessions.exchange(accounts.code_for(ada)), "10.0.0.7")
    with database.read() as session:
        rows = session.exec(select(AuditEntry).order_by("number")).all()  # type: ignore[arg-type]
        assert audit.verify(session).holds
    assert [(row.action, row.outcome, row.address) for row in rows] == [
        ("account.setup", "ok", ""),
        ("account.sign_in", "ok", "10.0.0.7"),
        ("account.sign_in", "refused", "10.0.0.8"),
        ("account.refresh", "ok", "10.0.0.9"),
        ("account.sign_out", "ok", ""),
        ("account.sign_out", "ok", "10.0.0.7"),
    ]
    assert not any("horse" in str(row.details) or pair.refresh_token in str(row.details) for row in rows)
