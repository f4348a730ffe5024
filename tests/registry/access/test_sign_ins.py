"""What a person is signed in with, listed and ended."""

from collections.abc import Callable

import pytest

from registry.access import Actor
from registry.access.accounts import Accounts
from registry.access.actor import of_user
from registry.access.fingerprints import hash_secret
from registry.access.sessions import Sessions
from registry.access.sign_ins import SignIns
from registry.access.tokens import Tokens
from registry.errors import Forbidden, NotSignedIn, SessionNotFound
from registry.records import Role, User


@pytest.fixture
def open_browser(accounts: Accounts, sessions: Sessions, ada: User) -> Callable[[], tuple[str, Actor]]:
    """Signs another browser in: the cookie's value, and who stands behind it."""

    def opened() -> tuple[str, Actor]:
        value = sessions.exchange(accounts.code_for(ada), address="10.0.0.7", user_agent="Firefox")
        actor = sessions.resolve(value)
        assert actor is not None
        return value, actor

    return opened


Open = Callable[[], tuple[str, Actor]]


def test_browsers_and_programs_are_listed_with_the_one_that_asks(
    sign_ins: SignIns, tokens: Tokens, ada: User, open_browser: Open
) -> None:
    value, browser = open_browser()
    first = tokens.issue(ada, address="10.0.0.8", user_agent="curl")
    pair = tokens.refresh(first.refresh_token, address="10.0.0.9", user_agent="curl/2")
    found = sign_ins.list(browser)
    assert [(each.kind, each.address, each.user_agent, each.current) for each in found] == [
        ("browser", "10.0.0.7", "Firefox", True),
        ("api", "10.0.0.9", "curl/2", False),
    ]
    assert found[1].created_at < found[1].last_seen_at
    assert [each.current for each in sign_ins.list(tokens.actor(pair.access_token))] == [True, False]
    assert not {value, hash_secret(value)} & {each.id for each in found}


def test_one_is_ended_and_the_others_stay(
    sign_ins: SignIns, sessions: Sessions, tokens: Tokens, ada: User, open_browser: Open
) -> None:
    (here, me), (there, other) = open_browser(), open_browser()
    pair = tokens.issue(ada)
    program = tokens.actor(pair.access_token)
    sign_ins.end(me, other.credential)
    sign_ins.end(me, program.credential)
    assert sessions.resolve(there) is None
    with pytest.raises(NotSignedIn):
        tokens.actor(pair.access_token)
    with pytest.raises(NotSignedIn):
        tokens.refresh(pair.refresh_token)
    assert sessions.resolve(here) is not None
    for gone in (other.credential, program.credential, "", here, hash_secret(here)):
        with pytest.raises(SessionNotFound):
            sign_ins.end(me, gone)


def test_nobody_ends_or_sees_the_sign_ins_of_another(sign_ins: SignIns, open_browser: Open) -> None:
    _, me = open_browser()
    eve = Actor("e" * 32, "eve", Role.ADMIN, credential=me.credential)
    assert sign_ins.list(eve) == []
    with pytest.raises(SessionNotFound):
        sign_ins.end(eve, me.credential)
    sign_ins.end_all(eve)
    assert len(sign_ins.list(me)) == 1


def test_all_others_or_all_are_ended(sign_ins: SignIns, tokens: Tokens, ada: User, open_browser: Open) -> None:
    _, me = open_browser()
    open_browser()
    tokens.issue(ada)
    program = tokens.actor(tokens.issue(ada).access_token)
    sign_ins.end_others(program)
    assert [each.id for each in sign_ins.list(me)] == [program.credential]
    _, me = open_browser()
    sign_ins.end_others(me)
    assert [each.id for each in sign_ins.list(me)] == [me.credential]
    tokens.issue(ada)
    sign_ins.end_all(me)
    assert sign_ins.list(me) == []


def test_signing_out_ends_the_sign_in_that_asks(
    sign_ins: SignIns, sessions: Sessions, tokens: Tokens, ada: User, open_browser: Open
) -> None:
    value, me = open_browser()
    program = tokens.actor(tokens.issue(ada).access_token)
    sign_ins.end_current(program)
    assert [each.id for each in sign_ins.list(me)] == [me.credential]
    sign_ins.end_current(me)
    assert sessions.resolve(value) is None


def test_a_key_sees_sign_ins_and_ends_none(sign_ins: SignIns, ada: User, open_browser: Open) -> None:
    _, me = open_browser()
    key = Actor(ada.id, "Ada", Role.ADMIN, via="key", scopes=frozenset({"admin"}))
    assert [each.current for each in sign_ins.list(key)] == [False]
    attempts = (
        sign_ins.end_all,
        sign_ins.end_others,
        sign_ins.end_current,
        lambda who: sign_ins.end(who, me.credential),
    )
    for attempt in attempts:
        with pytest.raises(Forbidden):
            attempt(key)
    with pytest.raises(NotSignedIn):
        sign_ins.list(Actor("", "", None))
    assert sign_ins.list(of_user(ada, "session"))
