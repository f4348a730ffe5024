"""Browser sessions: one-time codes, what they are exchanged for, and who stands behind a cookie."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete

from registry.access.actor import Actor, of_user
from registry.access.recent import Recent
from registry.errors import SessionExpired
from registry.records import Database, SignInCode, User, WebSession, utc_now
from registry.settings import Settings

CODE_SECONDS = 30
_SEEN_EVERY = timedelta(seconds=60)


def hash_secret(secret: str) -> str:
    """sha256 (hex) of a random 256-bit secret; such a secret needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_code(session: Session, user: User) -> str:
    """A code that the browser may exchange once, within CODE_SECONDS, for a session of this user."""
    code = secrets.token_urlsafe(32)
    now = utc_now()
    session.exec(delete(SignInCode).where(col(SignInCode.expires_at) < now))
    session.add(
        SignInCode(code_hash=hash_secret(code), user_id=user.id, expires_at=now + timedelta(seconds=CODE_SECONDS))
    )
    return code


@dataclass(frozen=True, slots=True)
class _Known:
    actor: Actor
    last_seen_at: datetime


class Sessions:
    """The sessions of one platform, with a cache of one second in front of the database."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._idle = timedelta(minutes=settings.session_idle_minutes)
        self._longest = timedelta(hours=settings.session_max_hours)
        self._recent = Recent[_Known | None]()

    def exchange(self, code: str, *, address: str = "", user_agent: str = "") -> str:
        """Turn a one-time code into a session; returns the cookie's value. Raises SessionExpired."""
        value = secrets.token_urlsafe(32)
        with self._database.write() as session:
            taken = delete(SignInCode).where(col(SignInCode.code_hash) == hash_secret(code))
            found = session.exec(taken.returning(col(SignInCode.user_id), col(SignInCode.expires_at))).first()
            user = session.get(User, found[0]) if found and found[1] >= utc_now() else None
            if user is not None and user.active:
                now = utc_now()
                user.last_login_at = now
                session.add(
                    WebSession(
                        id_hash=hash_secret(value),
                        user_id=user.id,
                        expires_at=now + self._longest,
                        address=address[:64],
                        user_agent=user_agent[:256],
                    )
                )
        if user is None or not user.active:
            raise SessionExpired("this sign-in code was used before or is older than 30 seconds")
        return value

    def resolve(self, value: str) -> Actor | None:
        """Who stands behind a cookie's value; None for nobody. Counts as a sign of life of the session."""
        id_hash = hash_secret(value)
        found = self._known(id_hash)
        if found is None:
            return None
        if found.last_seen_at + _SEEN_EVERY < utc_now():
            self._touch(id_hash)
        return found.actor

    def remembered(self, value: str) -> Actor | None:
        """Who `resolve` named within the last second, without asking the database; None is no verdict."""
        known = self._recent.get(hash_secret(value))
        if known is None or known[0] is None or known[0].last_seen_at + _SEEN_EVERY < utc_now():
            return None
        return known[0].actor

    def look(self, value: str) -> Actor | None:
        """Like `resolve`, but no sign of life: for watching whether a session still holds."""
        found = self._known(hash_secret(value))
        return found.actor if found else None

    def end(self, value: str) -> None:
        """Sign this browser out."""
        self._recent.forget(hash_secret(value))
        with self._database.write() as session:
            session.exec(delete(WebSession).where(col(WebSession.id_hash) == hash_secret(value)))

    def end_all(self, user_id: str) -> None:
        """Sign every browser of a user out."""
        self._recent.clear()
        with self._database.write() as session:
            session.exec(delete(WebSession).where(col(WebSession.user_id) == user_id))

    def _known(self, id_hash: str) -> _Known | None:
        """The session from the cache or the database; a revocation is seen within a second."""
        known = self._recent.get(id_hash)
        return known[0] if known else self._recent.put(id_hash, self._look_up(id_hash))

    def _look_up(self, id_hash: str) -> _Known | None:
        now = utc_now()
        with self._database.read() as session:
            found = session.get(WebSession, id_hash)
            if found is None or found.expires_at < now or found.last_seen_at + self._idle < now:
                return None
            user = session.get(User, found.user_id)
            if user is None or not user.active:
                return None
            return _Known(of_user(user, "session", found.address), found.last_seen_at)

    def _touch(self, id_hash: str) -> None:
        self._recent.forget(id_hash)
        with self._database.write() as session:
            seen = session.get(WebSession, id_hash)
            if seen is not None:
                seen.last_seen_at = utc_now()
