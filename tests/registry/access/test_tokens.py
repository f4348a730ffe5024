"""Access tokens and the refresh tokens behind them."""

import threading
from datetime import timedelta

import jwt
import pytest
from sqlmodel import select

from registry.access.secret_files import read_or_make
from registry.access.tokens import ALGORITHM, AUDIENCE, TokenPair, Tokens
from registry.errors import NotSignedIn, SessionExpired, TokenReused
from registry.records import Database, RefreshToken, User, users, utc_now
from registry.settings import Settings


def test_an_access_token_speaks_for_its_user_until_it_is_switched_off(
    tokens: Tokens, ada: User, database: Database, settings: Settings
) -> None:
    pair = tokens.issue(ada, address="10.0.0.7", user_agent="curl")
    actor = tokens.actor(pair.access_token)
    assert (actor.id, actor.via) == (ada.id, "token")
    with database.read() as session:
        link = session.exec(select(RefreshToken)).one()
    assert (link.address, link.user_agent) == ("10.0.0.7", "curl")
    assert actor.credential
    assert actor.credential != link.family
    with database.write() as session:
        users.by_id(session, ada.id).active = False
    with pytest.raises(NotSignedIn):
        Tokens(database, settings).actor(pair.access_token)
    with pytest.raises(NotSignedIn):
        tokens.refresh(pair.refresh_token)


def test_a_refresh_continues_the_sign_in(tokens: Tokens, ada: User) -> None:
    first = tokens.issue(ada)
    second = tokens.refresh(first.refresh_token, address="10.0.0.8")
    before, after = tokens.actor(first.access_token), tokens.actor(second.access_token)
    assert before.credential == after.credential
    assert tokens.actor(tokens.issue(ada).access_token).credential != after.credential


def test_a_refresh_token_works_once_and_its_second_use_ends_the_family(
    tokens: Tokens, ada: User, database: Database, settings: Settings
) -> None:
    first, other = tokens.issue(ada), tokens.issue(ada)
    second = tokens.refresh(first.refresh_token)
    with pytest.raises(TokenReused):
        tokens.refresh(first.refresh_token)
    for access in (first.access_token, second.access_token):
        with pytest.raises(NotSignedIn):
            Tokens(database, settings).actor(access)
    with pytest.raises(NotSignedIn):
        tokens.refresh(second.refresh_token)
    tokens.refresh(other.refresh_token)


def test_of_refreshes_at_once_exactly_one_wins_and_the_family_ends(
    tokens: Tokens, ada: User, database: Database, settings: Settings
) -> None:
    stolen, won, refused = tokens.issue(ada).refresh_token, [], []

    def refresh() -> None:
        try:
            won.append(Tokens(database, settings).refresh(stolen))
        except NotSignedIn as error:
            refused.append(error)

    threads = [threading.Thread(target=refresh) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(refused)) == (1, 7)
    assert any(isinstance(each, TokenReused) for each in refused)
    with pytest.raises(NotSignedIn):
        tokens.actor(won[0].access_token)
    with pytest.raises(NotSignedIn):
        tokens.refresh(won[0].refresh_token)


def test_revoking_ends_access_and_refresh_tokens(
    tokens: Tokens, ada: User, database: Database, settings: Settings
) -> None:
    pair = tokens.issue(ada)
    tokens.actor(pair.access_token)
    tokens.revoke_all(ada.id)
    for each in (tokens, Tokens(database, settings)):
        with pytest.raises(NotSignedIn):
            each.actor(pair.access_token)
        with pytest.raises(NotSignedIn):
            each.refresh(pair.refresh_token)


def test_an_expired_refresh_token_is_refused_and_removed_at_the_next_sign_in(
    tokens: Tokens, ada: User, database: Database
) -> None:
    old = tokens.issue(ada)
    with database.write() as session:
        session.exec(select(RefreshToken)).one().expires_at = utc_now() - timedelta(seconds=1)
    with pytest.raises(SessionExpired):
        tokens.refresh(old.refresh_token)
    tokens.issue(ada)
    with database.read() as session:
        assert len(session.exec(select(RefreshToken)).all()) == 1


def _claims(pair: TokenPair) -> dict[str, object]:
    claims: dict[str, object] = jwt.decode(pair.access_token, options={"verify_signature": False})
    return claims


def _signed(settings: Settings, claims: dict[str, object], key: bytes | str | None, algorithm: str) -> str:
    ours = read_or_make(settings.secrets_dir / "jwt.key")
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, ours if key is None else key, algorithm=algorithm)


@pytest.mark.parametrize(
    ("changes", "key", "algorithm", "error"),
    [
        ({}, b"k" * 32, ALGORITHM, NotSignedIn),  # signed by somebody else
        ({}, "", "none", NotSignedIn),  # unsigned
        ({}, None, "HS512", NotSignedIn),  # not the fixed algorithm
        ({"aud": "another"}, None, ALGORITHM, NotSignedIn),  # meant for somebody else
        ({"aud": None}, None, ALGORITHM, NotSignedIn),
        ({"typ": "refresh"}, None, ALGORITHM, NotSignedIn),  # another kind of token
        ({"exp": None}, None, ALGORITHM, NotSignedIn),  # for ever
        ({"fam": None}, None, ALGORITHM, NotSignedIn),  # of no sign-in, so that nothing could end it
        ({"fam": "0" * 32}, None, ALGORITHM, NotSignedIn),
        ({"sub": "somebody else"}, None, ALGORITHM, NotSignedIn),
        ({"exp": utc_now() - timedelta(seconds=1)}, None, ALGORITHM, SessionExpired),
        ({"iat": utc_now() + timedelta(days=400)}, None, ALGORITHM, SessionExpired),  # made while the clock was wrong
    ],
)
def test_a_forged_or_old_token_is_refused(
    tokens: Tokens,
    settings: Settings,
    ada: User,
    changes: dict[str, object],
    key: bytes | str | None,
    algorithm: str,
    error: type[Exception],
) -> None:
    genuine = _claims(tokens.issue(ada))
    assert genuine["aud"] == AUDIENCE
    assert tokens.actor(_signed(settings, genuine, None, ALGORITHM)).id == ada.id
    with pytest.raises(error):
        tokens.actor(_signed(settings, genuine | changes, key, algorithm))


def test_a_clock_set_back_an_hour_breaks_no_token(tokens: Tokens, settings: Settings, ada: User) -> None:
    later = {"iat": utc_now() + timedelta(minutes=59), "exp": utc_now() + timedelta(minutes=74)}
    assert tokens.actor(_signed(settings, _claims(tokens.issue(ada)) | later, None, ALGORITHM)).id == ada.id


def test_a_refresh_token_is_no_access_token(tokens: Tokens, ada: User) -> None:
    pair = tokens.issue(ada)
    with pytest.raises(NotSignedIn):
        tokens.actor(pair.refresh_token)
    with pytest.raises(NotSignedIn):
        tokens.refresh(pair.access_token)


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 10_000, "\0", "é.é.é"])
def test_what_is_no_token_is_refused(tokens: Tokens, token: str) -> None:
    with pytest.raises(NotSignedIn):
        tokens.actor(token)
    with pytest.raises(NotSignedIn):
        tokens.refresh(token)
