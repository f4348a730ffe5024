"""The accounts of people whom the provider vouches for."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from registry.access.accounts import Accounts
from registry.access.actor import local_actor
from registry.access.people import People
from registry.access.sessions import Sessions
from registry.access.single_sign_on import Refusal
from registry.access.tokens import Tokens
from registry.errors import InvalidCredentials, NotSignedIn, SingleSignOnFailed
from registry.records import AuditEntry, Database, Role
from registry.settings import Settings
from registry.testing.oidc_provider import OidcProvider

if TYPE_CHECKING:
    from tests.registry.access.single_sign_on.conftest import Make, Visitor


def _trail(database: Database, action: str) -> Sequence[AuditEntry]:
    with database.read() as session:
        return session.exec(select(AuditEntry).where(AuditEntry.action == action)).all()


def test_the_first_sign_in_makes_an_account_and_the_second_finds_it(
    visitor: "Visitor", make: "Make", database: Database
) -> None:
    single_sign_on = make()
    first, second = visitor.signs_in(single_sign_on), visitor.signs_in(single_sign_on)
    assert first.id == second.id
    assert (second.username, second.email, second.full_name) == ("wei", "wei@example.org", "Wei Li")
    assert second.role == Role.OPERATOR
    [made] = _trail(database, "user.create")
    assert (made.actor_name, made.target, made.address) == ("single sign-on", f"user:{first.id}", "203.0.113.7")
    assert [entry.actor_id for entry in _trail(database, "account.sign_in")] == [first.id, first.id]


def test_its_password_is_nobodys(visitor: "Visitor", make: "Make", database: Database, settings: Settings) -> None:
    user = visitor.signs_in(make())
    for guess in ("", "wei", user.password_hash, str(user.subject)):
        with pytest.raises(InvalidCredentials):
            Accounts(database, settings).prove("wei", guess)


def test_a_local_account_of_the_same_name_or_address_stays_its_owners(
    visitor: "Visitor", make: "Make", database: Database, settings: Settings
) -> None:
    local = Accounts(database, settings).create(
        local_actor(), "WEI", "correct horse", Role.ADMIN, email="wei@example.org"
    )
    user = visitor.signs_in(make())
    assert user.id != local.id
    assert (user.username, user.role) == ("wei-2", Role.OPERATOR)
    assert Accounts(database, settings).prove("wei", "correct horse").id == local.id


def test_people_of_the_same_name_have_accounts_of_their_own(
    visitor: "Visitor", make: "Make", provider: OidcProvider
) -> None:
    provider.people = {name: dict(provider.people["wei"]) for name in ("wei", "other", "third")}
    single_sign_on = make()
    assert [visitor.signs_in(single_sign_on, name).username for name in provider.people] == ["wei", "wei-2", "wei-3"]


def test_role_and_address_follow_the_provider(
    visitor: "Visitor", make: "Make", provider: OidcProvider, database: Database
) -> None:
    single_sign_on = make()
    user = visitor.signs_in(single_sign_on)
    provider.people["wei"] |= {"groups": ["admins"], "email": "wei.li@example.org", "preferred_username": "renamed"}
    again = visitor.signs_in(single_sign_on)
    assert (again.id, again.username) == (user.id, "wei")
    assert (again.role, again.email) == (Role.ADMIN, "wei.li@example.org")
    assert [entry.details["after"] for entry in _trail(database, "user.role")] == [{"role": "admin"}]
    assert [entry.details["after"] for entry in _trail(database, "user.update")] == [{"email": "wei.li@example.org"}]


def test_another_role_ends_what_was_begun_with_the_former(
    visitor: "Visitor", make: "Make", provider: OidcProvider, database: Database, settings: Settings
) -> None:
    sessions, tokens, single_sign_on = Sessions(database, settings), Tokens(database, settings), make()
    user = visitor.signs_in(single_sign_on)
    cookie = sessions.exchange(Accounts(database, settings).code_for(user))
    pair = tokens.issue(user)
    visitor.signs_in(single_sign_on)
    assert sessions.look(cookie) is not None
    provider.people["wei"]["groups"] = ["admins"]
    visitor.signs_in(single_sign_on)
    assert Sessions(database, settings).look(cookie) is None
    with pytest.raises(NotSignedIn):
        tokens.refresh(pair.refresh_token)


def test_the_last_administrator_is_kept(
    visitor: "Visitor", make: "Make", provider: OidcProvider, caplog: pytest.LogCaptureFixture, database: Database
) -> None:
    single_sign_on = make()
    provider.people["wei"]["groups"] = ["admins"]
    visitor.signs_in(single_sign_on)
    provider.people["wei"]["groups"] = ["staff"]
    assert visitor.signs_in(single_sign_on).role == Role.ADMIN
    assert "stays administrator" in caplog.text
    provider.people["second"] = {"groups": ["admins"]}
    visitor.signs_in(single_sign_on, "second")
    assert visitor.signs_in(single_sign_on).role == Role.OPERATOR


def test_somebody_without_a_role_is_turned_away_and_leaves_a_trace(
    visitor: "Visitor", make: "Make", provider: OidcProvider, database: Database
) -> None:
    provider.people["wei"]["groups"] = ["canteen"]
    with pytest.raises(SingleSignOnFailed) as raised:
        visitor.signs_in(make())
    assert raised.value.details["refusal"] == Refusal.NO_ROLE
    [entry] = _trail(database, "account.sign_in")
    assert (entry.outcome, entry.actor_name, entry.details["refusal"]) == ("refused", "wei", "no-role")
    assert visitor.signs_in(make(oidc_default_role="user")).role == Role.USER


def test_an_account_that_is_switched_off_stays_out(
    visitor: "Visitor", make: "Make", database: Database, settings: Settings
) -> None:
    people, single_sign_on = People(database, Sessions(database, settings), Tokens(database, settings)), make()
    user = visitor.signs_in(single_sign_on)
    people.set_active(local_actor(), user.id, active=False)
    with pytest.raises(SingleSignOnFailed) as raised:
        visitor.signs_in(single_sign_on)
    assert raised.value.details["refusal"] == Refusal.SWITCHED_OFF
    assert _trail(database, "account.sign_in")[-1].outcome == "refused"
    people.set_active(local_actor(), user.id, active=True)
    assert visitor.signs_in(single_sign_on).id == user.id


@pytest.mark.parametrize(
    ("claims", "username", "email", "full_name"),
    [
        ({"preferred_username": None, "name": None}, "wei@example.org", "wei@example.org", ""),
        ({"preferred_username": 7, "email": None}, "Wei Li", "", "Wei Li"),
        ({"preferred_username": " \u202e\0\n", "email": "no address", "name": ""}, "no address", "", ""),
        ({"preferred_username": "a\u202eb\0<i>", "name": "x" * 500}, "ab<i>", "wei@example.org", "x" * 120),
        ({"preferred_username": "y" * 500, "email_verified": False}, "y" * 64, "", "Wei Li"),
        ({"preferred_username": "\ufdfa" * 64, "email": "e@" + "x" * 300}, "e@" + "x" * 62, "", "Wei Li"),
        ({"preferred_username": None, "email": None, "name": None}, "user", "", ""),
    ],
)
def test_whatever_people_call_themselves_can_be_stored(
    visitor: "Visitor",
    make: "Make",
    provider: OidcProvider,
    claims: dict[str, Any],
    username: str,
    email: str,
    full_name: str,
) -> None:
    provider.people["wei"] |= claims
    single_sign_on = make()
    user = visitor.signs_in(single_sign_on)
    assert (user.username, user.email, user.full_name) == (username, email, full_name)
    assert visitor.signs_in(single_sign_on).id == user.id


def test_two_tabs_at_once_make_one_account(visitor: "Visitor", make: "Make", database: Database) -> None:
    single_sign_on = make()
    departures = [visitor.departs(single_sign_on) for _ in range(4)]
    answers = [visitor.answer(each) for each in departures]
    with ThreadPoolExecutor(4) as pool:
        arrived = pool.map(
            lambda pair: single_sign_on.finish(pair[0].sealed, pair[1]), zip(departures, answers, strict=True)
        )
        assert len({arrival.user.id for arrival in arrived}) == 1
    assert len(_trail(database, "user.create")) == 1
