"""Tokens for HTTP clients: a short access JWT, a rotating refresh token."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
from sqlalchemy import ColumnElement, bindparam
from sqlmodel import Session, col, delete, select, update

from registry.access.actor import Actor, of_user
from registry.access.fingerprints import hash_secret, sign_in_id
from registry.access.live import Live
from registry.access.recent import Recent
from registry.access.secret_files import read_or_make
from registry.access.trail import trace
from registry.errors import NotSignedIn, SessionExpired, TokenReused
from registry.records import Database, RefreshToken, User, new_id, utc_now
from registry.records.audit import Outcome
from registry.settings import Settings

ALGORITHM, AUDIENCE = "HS256", "nexusai-api"
_LONGEST = 4_096  # characters of a token worth looking at
_CLOCK_STEP = timedelta(hours=1)  # how far a clock may be set back without ending what was issued before
_ALIVE = (  # whose sign-in a token belongs to; built once, since every caller is asked for each second
    select(User)
    .join(RefreshToken, col(RefreshToken.user_id) == col(User.id))
    .where(col(User.id) == bindparam("user_id"), col(RefreshToken.family) == bindparam("family"))
    .where(col(RefreshToken.revoked_at).is_(None))
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a sign-in over HTTP answers; `expires_in` counts seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "bearer"  # noqa: S105 - a scheme, not a secret


class Tokens:
    """Issues and checks the tokens of one platform."""

    def __init__(self, database: Database, settings: Settings, live: Live | None = None) -> None:
        self._database = database
        self._live = live or Live(database, settings)
        self._key = read_or_make(settings.secrets_dir / "jwt.key")
        self._recent = Recent[Actor]()

    def issue(self, user: User, *, address: str = "", user_agent: str = "") -> TokenPair:
        """A new pair for a user who just proved a password; a family of its own."""
        with self._database.write() as session:
            over = delete(RefreshToken).where(
                col(RefreshToken.user_id) == user.id, col(RefreshToken.expires_at) < utc_now()
            )
            session.exec(over)
            session.exec(update(User).where(col(User.id) == user.id).values(last_login_at=utc_now()))
            return self._add_link(session, user, new_id(), address, user_agent)

    def actor(self, token: str) -> Actor:
        """Who an access token speaks for; a revocation is seen within a second.

        Raises NotSignedIn, SessionExpired.
        """
        known = self.remembered(token)
        if known is not None:
            return known
        claims = self._claims(token)
        actor = self._look_up(str(claims["sub"]), str(claims["fam"]))
        if actor is None:
            raise NotSignedIn("the account of this token is gone or switched off, or its sign-in was ended")
        return self._recent.put(hash_secret(token), actor)

    def remembered(self, token: str) -> Actor | None:
        """Who the token spoke for within the last second, without asking the database; None is no verdict."""
        known = self._recent.get(hash_secret(token))
        return known[0] if known else None

    def refresh(self, token: str, *, address: str = "", user_agent: str = "") -> TokenPair:
        """Exchange a refresh token for a new pair. A second use ends the whole family.

        Raises NotSignedIn, SessionExpired, TokenReused.
        """
        with self._database.write() as session:
            found = session.get(RefreshToken, hash_secret(token[:_LONGEST]), with_for_update=True)
            user = session.get(User, found.user_id) if found else None
            if found is None or found.revoked_at is not None or user is None or not user.active:
                raise NotSignedIn("this refresh token is not known, or was revoked")
            reused = found.used_at is not None
            if reused:
                _revoke(session, col(RefreshToken.family) == found.family)
            elif found.expires_at < utc_now():
                raise SessionExpired("this refresh token has expired")
            else:
                found.used_at = utc_now()  # in one transaction with its successor: a reuse ends that one too
                pair = self._add_link(session, user, found.family, address, user_agent)
            actor = of_user(user, "token", address, sign_in_id("api", found.family))
            details = {"sign_in": actor.credential, "reused": reused}
            outcome: Outcome = "refused" if reused else "ok"
            trace(session, actor, "account.refresh", f"user:{user.id}", details, outcome=outcome)
        if reused:
            self.forget()
            raise TokenReused("this refresh token was used before: all tokens of its sign-in are revoked")
        return pair

    def revoke_all(self, user_id: str) -> None:
        """End every token of a user."""
        with self._database.write() as session:
            _revoke(session, col(RefreshToken.user_id) == user_id)
        self.forget()

    def forget(self) -> None:
        """Ask the database anew from now on, rather than within a second."""
        self._recent.clear()

    def _add_link(self, session: Session, user: User, family: str, address: str, user_agent: str) -> TokenPair:
        refresh, now, set_now = secrets.token_urlsafe(32), utc_now(), self._live.current()
        access_for = timedelta(minutes=set_now.access_token_minutes)
        session.add(
            RefreshToken(
                token_hash=hash_secret(refresh),
                family=family,
                user_id=user.id,
                expires_at=now + timedelta(days=set_now.refresh_token_days),
                address=address[:64],
                user_agent=user_agent[:256],
            )
        )
        ends = now + access_for
        claims = {"sub": user.id, "fam": family, "aud": AUDIENCE, "typ": "access", "iat": now, "exp": ends}
        access = jwt.encode(claims, self._key, algorithm=ALGORITHM)
        return TokenPair(access, refresh, int(access_for.total_seconds()))

    def _look_up(self, user_id: str, family: str) -> Actor | None:
        with self._database.read() as session:
            user = session.exec(_ALIVE, params={"user_id": user_id, "family": family}).first()
        return of_user(user, "token", credential=sign_in_id("api", family)) if user and user.active else None

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > _LONGEST:
            raise NotSignedIn("the bearer token is longer than any we issue")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                options={"require": ["exp", "sub", "aud", "iat", "fam"], "verify_iat": False},
            )
        except jwt.ExpiredSignatureError as error:
            raise SessionExpired("the access token has expired", hint="Call /api/v1/auth/refresh.") from error
        except jwt.InvalidTokenError as error:
            raise NotSignedIn("the bearer token is not one of ours") from error
        if claims["iat"] > (utc_now() + _CLOCK_STEP).timestamp():
            raise SessionExpired("the access token was made while the clock was wrong")
        if claims.get("typ") != "access":
            raise NotSignedIn("the bearer token is not an access token")
        return claims


def _revoke(session: Session, where: ColumnElement[bool]) -> None:
    session.exec(update(RefreshToken).where(where, col(RefreshToken.revoked_at).is_(None)).values(revoked_at=utc_now()))
