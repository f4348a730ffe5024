"""API keys."""

from dataclasses import replace
from datetime import timedelta

import pytest

from registry.access import Action, Actor, allowed
from registry.access.accounts import Accounts
from registry.access.actor import local_actor, of_user
from registry.access.bearers import TokensOrKeys
from registry.access.keys import MOST_PER_USER, Keys
from registry.access.permissions import SCOPES, Scope
from registry.access.tokens import Tokens
from registry.errors import Forbidden, InvalidInput, KeyNotFound, NotSignedIn, SessionExpired
from registry.records import ApiKey, Database, Role, User, users, utc_now
from registry.settings import Settings


@pytest.fixture
def ada(database: Database, settings: Settings) -> User:
    return Accounts(database, settings).create(local_actor(), "ada", "correct horse", Role.ENGINEER)


@pytest.fixture
def me(ada: User) -> Actor:
    return of_user(ada, "session")


@pytest.fixture
def keys(database: Database) -> Keys:
    return Keys(database)


def test_a_scope_that_the_role_has_no_use_for_is_refused(keys: Keys, database: Database, settings: Settings) -> None:
    """It would come to life when the role changes, with nobody thinking of it."""
    bob = Accounts(database, settings).create(local_actor(), "bob", "correct horse", Role.USER)
    for scope in ("models", "admin"):
        with pytest.raises(InvalidInput, match=scope):
            keys.make(of_user(bob, "session"), "later", ["read", scope])
    keys.make(of_user(bob, "session"), "now", ["read", "predict"])


def test_a_key_speaks_for_its_owner_within_its_scopes(keys: Keys, me: Actor, database: Database) -> None:
    made = keys.make(me, "line 3", ["predict"])
    actor = keys.actor(made.secret)
    assert (actor.id, actor.role, actor.via, actor.scopes) == (me.id, Role.ENGINEER, "key", frozenset({"predict"}))
    assert allowed(actor, Action.PREDICT)
    assert not allowed(actor, Action.PUBLISH_MODEL)
    with database.read() as session:
        stored = session.get(ApiKey, made.record.id)
    assert stored is not None
    assert made.secret.split("_", 2)[2] not in stored.model_dump_json()
    assert stored.last_used_at is not None


def test_a_key_never_may_more_than_its_owner(keys: Keys, database: Database, ada: User, me: Actor) -> None:
    made = keys.make(me, "all", ["admin"])
    assert allowed(keys.actor(made.secret), Action.PUBLISH_MODEL)
    assert not allowed(keys.actor(made.secret), Action.MANAGE_USERS)
    with database.write() as session:
        users.by_id(session, ada.id).role = Role.USER
    assert not allowed(Keys(database).actor(made.secret), Action.PUBLISH_MODEL)


@pytest.mark.parametrize("scope", list(Scope))
def test_a_scope_opens_exactly_its_actions(scope: Scope) -> None:
    actor = Actor("a", "ada", Role.ADMIN, via="key", scopes=frozenset({scope}))
    for action, wanted in SCOPES.items():
        covered = wanted is not None and (scope is Scope.ADMIN or wanted in {scope, Scope.READ})
        assert allowed(actor, action) == covered, action


def test_a_key_cannot_make_or_end_keys(keys: Keys, me: Actor) -> None:
    made = keys.make(me, "all", ["admin"])
    stolen = keys.actor(made.secret)
    with pytest.raises(Forbidden, match="API key"):
        keys.make(stolen, "another", ["admin"])
    with pytest.raises(Forbidden):
        keys.revoke(stolen, made.record.id)


def test_a_revoked_key_is_refused_at_once_here_and_within_a_second_elsewhere(
    keys: Keys, me: Actor, database: Database
) -> None:
    made = keys.make(me, "x", ["read"])
    keys.actor(made.secret)
    keys.revoke(me, made.record.id)
    for each in (keys, Keys(database)):
        with pytest.raises(NotSignedIn):
            each.actor(made.secret)


def test_an_expired_key_and_one_of_a_switched_off_account_are_refused(
    keys: Keys, me: Actor, database: Database
) -> None:
    made = keys.make(me, "x", ["read"], days=1)
    with database.write() as session:
        key = session.get(ApiKey, made.record.id)
        assert key is not None
        key.expires_at = utc_now() - timedelta(seconds=1)
    with pytest.raises(SessionExpired):
        keys.actor(made.secret)
    other = keys.make(me, "y", ["read"])
    with database.write() as session:
        users.by_id(session, me.id).active = False
    with pytest.raises(NotSignedIn):
        keys.actor(other.secret)


def test_a_right_prefix_with_a_wrong_secret_is_refused(keys: Keys, me: Actor) -> None:
    made = keys.make(me, "x", ["read"])
    with pytest.raises(NotSignedIn):
        keys.actor(made.secret[:-1] + ("a" if made.secret[-1] != "a" else "b"))


@pytest.mark.parametrize(
    "presented", ["", "nxk_", "nxk_x", "nxk__", "nxk_a_b", "x" * 10_000, "nxk_" + "y" * 500, "a_b_c"]
)
def test_what_is_no_key_is_refused(keys: Keys, presented: str) -> None:
    with pytest.raises(NotSignedIn):
        keys.actor(presented)


@pytest.mark.parametrize(
    ("name", "scopes", "days"),
    [
        ("", ["read"], None),
        ("a\nb", ["read"], None),
        ("x" * 81, ["read"], None),
        ("x", [], None),
        ("x", ["everything"], None),
        ("x", ["read"], 0),
        ("x", ["read"], 10**9),
    ],
)
def test_a_key_of_no_use_is_not_made(keys: Keys, me: Actor, name: str, scopes: list[str], days: int | None) -> None:
    with pytest.raises(InvalidInput):
        keys.make(me, name, scopes, days)
    assert not keys.list(me)


def test_keys_are_counted_listed_and_end_with_their_owner_only(keys: Keys, me: Actor, admin: Actor) -> None:
    made = [keys.make(me, f"k{number}", ["read"]) for number in range(MOST_PER_USER)]
    with pytest.raises(InvalidInput, match=str(MOST_PER_USER)):
        keys.make(me, "one more", ["read"])
    assert len(keys.list(me)) == MOST_PER_USER
    with pytest.raises(KeyNotFound):
        keys.revoke(admin, made[0].record.id)


def test_an_administrator_lists_and_ends_the_keys_of_others_and_makes_none(
    keys: Keys, me: Actor, admin: Actor, engineer: Actor
) -> None:
    made = keys.make(me, "x", ["read"])
    assert [key.id for key in keys.of(admin, me.id)] == [made.record.id]
    for attempt in (lambda: keys.of(engineer, me.id), lambda: keys.revoke(engineer, made.record.id, owner_id=me.id)):
        with pytest.raises(Forbidden):
            attempt()
    admin = replace(admin, via="session")
    with pytest.raises(Forbidden, match="on the machine itself"):
        keys.make(admin, "stolen", ["admin"], owner_id=me.id)
    keys.revoke(admin, made.record.id, owner_id=me.id)
    assert not keys.list(me)
    assert keys.actor(keys.make(local_actor(), "y", ["read"], owner_id=me.id).secret).id == me.id


def test_tokens_and_keys_are_told_apart(
    keys: Keys, me: Actor, ada: User, database: Database, settings: Settings
) -> None:
    tokens = Tokens(database, settings)
    bearers = TokensOrKeys(tokens, keys)
    assert bearers.actor(keys.make(me, "x", ["read"]).secret).via == "key"
    assert bearers.actor(tokens.issue(ada).access_token).via == "token"
