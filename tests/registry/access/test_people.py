"""Users, as an administrator changes them."""

from collections.abc import Callable

import pytest
from sqlmodel import select

from registry.access import Actor
from registry.access.accounts import Accounts
from registry.access.actor import Via, local_actor, of_user
from registry.access.people import People
from registry.access.sessions import Sessions
from registry.access.tokens import Tokens
from registry.errors import Conflict, Forbidden, InvalidInput, LastAdministrator, NotSignedIn, UserNotFound
from registry.records import AuditEntry, Database, Role, User, audit, users
from registry.settings import Settings

PASSWORD = "correct horse"


@pytest.fixture
def accounts(database: Database, settings: Settings) -> Accounts:
    return Accounts(database, settings)


@pytest.fixture
def people(database: Database, settings: Settings) -> People:
    return People(database, Sessions(database, settings), Tokens(database, settings))


@pytest.fixture
def make(accounts: Accounts) -> Callable[[str, Role], User]:
    return lambda name, role: accounts.create(local_actor(), name, PASSWORD, role)


def test_users_are_searched_filtered_and_paged(people: People, make: Callable[[str, Role], User], admin: Actor) -> None:
    for name, role in (("Zoe", Role.USER), ("ada", Role.ADMIN), ("Bob_1", Role.USER), ("bobx1", Role.OPERATOR)):
        make(name, role)
    found, total = people.page(admin, number=1, size=3)
    assert ([user.username for user in found], total) == (["ada", "Bob_1", "bobx1"], 4)
    assert [user.username for user in people.page(admin, search="BOB")[0]] == ["Bob_1", "bobx1"]
    assert [user.username for user in people.page(admin, search="b_1")[0]] == ["Bob_1"]  # no wildcard
    assert people.page(admin, search="%")[1] == 0
    assert people.page(admin, role=Role.USER)[1] == 2
    assert people.page(admin, active=False)[1] == 0


@pytest.mark.parametrize("search", ["Émile", "émile", "ÅNGSTRÖM", " émile ", "ＥＭＩＬ", "ÉM@EXAMPLE"])
def test_a_search_reads_every_alphabet(
    people: People, make: Callable[[str, Role], User], admin: Actor, search: str
) -> None:
    emil = make("emil", Role.USER)
    people.update(admin, emil.id, full_name="Émile Ångström", email="ém@example.com")
    make("zoe", Role.USER)
    assert [user.username for user in people.page(admin, search=search)[0]] == ["emil"]


def test_a_change_that_changes_nothing_ends_no_session_and_leaves_no_row(
    people: People, make: Callable[[str, Role], User], admin: Actor, database: Database
) -> None:
    bob = make("bob", Role.OPERATOR)
    with database.read() as session:
        before = len(session.exec(select(AuditEntry)).all())
    people.set_role(admin, bob.id, Role.OPERATOR)
    people.update(admin, bob.id, premium=False)
    with database.read() as session:
        assert len(session.exec(select(AuditEntry)).all()) == before


def test_only_administrators_see_and_change_users(people: People, make: Callable[[str, Role], User]) -> None:
    eve = make("eve", Role.ENGINEER)
    actor = of_user(eve, "session")
    attempts: list[Callable[[], object]] = [
        lambda: people.page(actor),
        lambda: people.get(actor, eve.id),
        lambda: people.update(actor, eve.id, premium=True),
        lambda: people.set_role(actor, eve.id, Role.ADMIN),
        lambda: people.set_active(actor, eve.id, active=False),
        lambda: people.delete(actor, eve.id),
    ]
    for attempt in attempts:
        with pytest.raises(Forbidden):
            attempt()


@pytest.mark.parametrize("via", ["session", "token", "key"])
@pytest.mark.parametrize("lost", ["role", "account"])
def test_who_administered_a_moment_ago_takes_nothing_back(
    people: People, make: Callable[[str, Role], User], accounts: Accounts, admin: Actor, via: Via, lost: str
) -> None:
    zoe, mallory = make("zoe", Role.ADMIN), make("mallory", Role.ADMIN)
    remembered = of_user(mallory, via)  # as a process knows them for up to a second longer
    if lost == "role":
        people.set_role(admin, mallory.id, Role.USER)
    else:
        people.set_active(admin, mallory.id, active=False)
    for attempt in (
        lambda: people.set_role(remembered, mallory.id, Role.ADMIN),
        lambda: people.set_active(remembered, mallory.id, active=True),
        lambda: people.delete(remembered, admin.id),
        lambda: accounts.create(remembered, "another", "correct horse battery", Role.ADMIN),
        lambda: accounts.reset_password(remembered, zoe.id, "another correct horse"),
    ):
        with pytest.raises((Forbidden, NotSignedIn)):
            attempt()
    now = people.get(admin, mallory.id)
    assert (now.role, now.active) == ((Role.USER, True) if lost == "role" else (Role.ADMIN, False))


def test_a_key_changes_others_but_not_the_account_it_speaks_for(
    people: People, make: Callable[[str, Role], User], admin: Actor
) -> None:
    make("zoe", Role.ADMIN)
    ada, bob = make("ada", Role.ADMIN), make("bob", Role.USER)
    key = of_user(ada, "key")
    assert people.update(key, bob.id, full_name="Bob B.").full_name == "Bob B."
    for change in (
        lambda: people.update(key, ada.id, email="attacker@evil.example"),
        lambda: people.set_role(key, ada.id, Role.USER),
    ):
        with pytest.raises(Forbidden, match="the account it speaks for"):
            change()


@pytest.mark.parametrize(
    "take_away",
    [
        lambda people, actor, user: people.set_role(actor, user.id, Role.USER),
        lambda people, actor, user: people.set_active(actor, user.id, active=False),
        lambda people, actor, user: people.delete(actor, user.id),
    ],
)
def test_rights_that_are_taken_away_end_sessions_and_tokens(  # type: ignore[no-untyped-def]
    people: People, make, accounts: Accounts, database: Database, settings: Settings, admin: Actor, take_away
) -> None:
    eve = make("eve", Role.ENGINEER)
    sessions, tokens = Sessions(database, settings), Tokens(database, settings)
    cookie, pair = sessions.exchange(accounts.code_for(eve)), tokens.issue(eve)
    take_away(people, admin, eve)
    assert Sessions(database, settings).resolve(cookie) is None
    with pytest.raises(NotSignedIn):
        tokens.refresh(pair.refresh_token)


@pytest.mark.parametrize(
    "lose",
    [
        lambda people, actor, user: people.set_role(actor, user.id, Role.USER),
        lambda people, actor, user: people.set_active(actor, user.id, active=False),
        lambda people, actor, user: people.delete(actor, user.id),
    ],
)
def test_the_last_administrator_stays(people: People, make, admin: Actor, lose) -> None:  # type: ignore[no-untyped-def]
    ada = make("ada", Role.ADMIN)
    with pytest.raises(LastAdministrator, match="ada"):
        lose(people, admin, ada)
    make("zoe", Role.ADMIN)
    lose(people, admin, ada)


@pytest.mark.parametrize(
    "lock_out",
    [
        lambda people, actor: people.set_active(actor, actor.id, active=False),
        lambda people, actor: people.delete(actor, actor.id),
    ],
)
def test_nobody_locks_themselves_out(people: People, make, lock_out) -> None:  # type: ignore[no-untyped-def]
    ada = make("ada", Role.ADMIN)
    make("zoe", Role.ADMIN)
    with pytest.raises(Conflict, match="your own account"):
        lock_out(people, of_user(ada, "session"))
    assert people.set_role(of_user(ada, "session"), ada.id, Role.USER).role == Role.USER  # there is another one


def test_switching_on_approves_who_was_waiting(
    people: People, make: Callable[[str, Role], User], admin: Actor, database: Database
) -> None:
    eve = make("eve", Role.USER)
    with database.write() as session:
        waiting = users.by_id(session, eve.id)
        waiting.active = waiting.approved = False
    assert [user.username for user in people.page(admin, approved=False)[0]] == ["eve"]
    switched_on = people.set_active(admin, eve.id, active=True)
    assert (switched_on.active, switched_on.approved) == (True, True)
    assert people.page(admin, approved=False)[1] == 0


def test_a_change_names_what_it_changes(people: People, make: Callable[[str, Role], User], admin: Actor) -> None:
    eve = make("eve", Role.USER)
    assert people.update(admin, eve.id, premium=True, full_name="Eve E.").premium
    for wrong in ({"password_hash": "x"}, {"role": "admin"}, {"id": "1"}):
        with pytest.raises(InvalidInput):
            people.update(admin, eve.id, **wrong)
    with pytest.raises(UserNotFound):
        people.get(admin, "nobody")


def test_every_change_is_in_the_trail_with_before_and_after(
    people: People, make: Callable[[str, Role], User], admin: Actor, database: Database
) -> None:
    eve = make("eve", Role.USER)
    people.set_role(admin, eve.id, Role.OPERATOR)
    people.delete(admin, eve.id)
    with database.read() as session:
        rows = session.exec(select(AuditEntry).where(AuditEntry.actor_id == admin.id)).all()
        assert audit.verify(session).holds
    assert [row.action for row in rows] == ["user.role", "user.delete"]
    assert rows[0].details == {"username": "eve", "before": {"role": "user"}, "after": {"role": "operator"}}
