"""Tokens for HTTP clients: a short access JWT, a rotating refresh token."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
from sqlmodel import col, update

from registry.access.actor import Actor, of_user
from registry.access.recent import Recent
from registry.access.secret_files import read_or_make
from registry.access.sessions import hash_secret
from registry.errors import NotSignedIn, SessionExpired, TokenReused
from registry.records import Database, RefreshToken, User, new_id, utc_now
from registry.settings import Settings

ALGORITHM, AUDIENCE = "HS256", "nexusai-api"
_LONGEST = 4_096  # characters of a token worth looking at


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a sign-in over HTTP answers; `expires_in` counts seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "bearer"  # noqa: S105 - a scheme, not a secret


class Tokens:
    """Issues and checks the tokens of one platform."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._key = read_or_make(settings.secrets_dir / "jwt.key")
        self._access_for = timedelta(minutes=settings.access_token_minutes)
        self._recent = Recent[Actor]()
        self._refresh_for = timedelta(days=settings.refresh_token_days)

    def issue(self, user: User, family: str | None = None) -> TokenPair:
        """A new pair; `family` continues one that is being rotated."""
        refresh, now = secrets.token_urlsafe(32), utc_now()
        with self._database.write() as session:
            session.add(
                RefreshToken(
                    token_hash=hash_secret(refresh),
                    family=family or new_id(),
                    user_id=user.id,
                    expires_at=now + self._refresh_for,
                )
            )
        claims = {"sub": user.id, "aud": AUDIENCE, "typ": "access", "iat": now, "exp": now + self._access_for}
        access = jwt.encode(claims, self._key, algorithm=ALGORITHM)
        return TokenPair(access, refresh, int(self._access_for.total_seconds()))

    def actor(self, token: str) -> Actor:
        """Who an access token speaks for; an account switched off is seen within a second.

        Raises NotSignedIn, SessionExpired.
        """
        known = self.remembered(token)
        if known is not None:
            return known
        actor = self._look_up(str(self._claims(token)["sub"]))
        if actor is None:
            raise NotSignedIn("the account of this token is gone or switched off")
        return self._recent.put(hash_secret(token), actor)

    def remembered(self, token: str) -> Actor | None:
        """Who the token spoke for within the last second, without asking the database; None is no verdict."""
        known = self._recent.get(hash_secret(token))
        return known[0] if known else None

    def refresh(self, token: str) -> TokenPair:
        """Exchange a refresh token for a new pair. A second use ends the whole family.

        Raises NotSignedIn, SessionExpired, TokenReused.
        """
        now, reused, user = utc_now(), False, None
        with self._database.write() as session:
            found = session.get(RefreshToken, hash_secret(token[:_LONGEST]), with_for_update=True)
            if found is None or found.revoked_at is not None:
                raise NotSignedIn("this refresh token is not known, or was revoked")
            if found.used_at is not None:
                reused = True
                family = col(RefreshToken.family) == found.family
                session.exec(update(RefreshToken).where(family).values(revoked_at=now))
            elif found.expires_at < now:
                raise SessionExpired("this refresh token has expired")
            else:
                found.used_at = now
                user = session.get(User, found.user_id)
        if reused:
            raise TokenReused("this refresh token was used before: all tokens of its sign-in are revoked")
        if user is None or not user.active:
            raise NotSignedIn("the account of this token is gone or switched off")
        return self.issue(user, found.family)

    def revoke_all(self, user_id: str) -> None:
        """End every refresh token of a user; access tokens end by themselves within minutes."""
        with self._database.write() as session:
            mine = col(RefreshToken.user_id) == user_id
            session.exec(update(RefreshToken).where(mine).values(revoked_at=utc_now()))

    def _look_up(self, user_id: str) -> Actor | None:
        with self._database.read() as session:
            user = session.get(User, user_id)
        return of_user(user, "token") if user and user.active else None

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > _LONGEST:
            raise NotSignedIn("the bearer token is longer than any we issue")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                options={"require": ["exp", "sub", "aud", "iat"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise SessionExpired("the access token has expired", hint="Call /api/v1/auth/refresh.") from error
        except jwt.InvalidTokenError as error:
            raise NotSignedIn("the bearer token is not one of ours") from error
        if claims.get("typ") != "access":
            raise NotSignedIn("the bearer token is not an access token")
        return claims
