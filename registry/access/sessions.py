"""Browser sessions: one-time codes, what they are exchanged for, and who stands behind a cookie."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select

from registry.access.actor import Actor, of_user
from registry.access.browsers import remember
from registry.access.fingerprints import hash_secret, sign_in_id
from registry.access.live import Live
from registry.access.recent import Recent
from registry.access.trail import trace
from registry.errors import SessionExpired
from registry.records import Database, SignInCode, User, WebSession, utc_now
from registry.settings import Settings

CODE_SECONDS = 30
_SEEN_EVERY = timedelta(seconds=60)
_CLOCK_STEP = timedelta(days=1)  # a session from further in the future was made while the clock was wrong


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

    def __init__(self, database: Database, settings: Settings, live: Live | None = None) -> None:
        self._database = database
        self._live = live or Live(database, settings)
        self._recent = Recent[_Known | None]()

    @property
    def longest(self) -> timedelta:
        """How long a session that begins now lasts at most."""
        return timedelta(hours=self._live.latest().session_max_hours)

    def exchange(self, code: str, *, address: str = "", user_agent: str = "", browser: str = "") -> str:
        """Turn a one-time code into a session; returns the cookie's value.

        `browser` is the hash of the browser's own cookie, which is known to this user from now on.
        Raises SessionExpired.
        """
        value, now = secrets.token_urlsafe(32), utc_now()
        longest = timedelta(hours=self._live.current().session_max_hours)
        with self._database.write() as session:
            taken = delete(SignInCode).where(col(SignInCode.code_hash) == hash_secret(code))
            found = session.exec(taken.returning(col(SignInCode.user_id), col(SignInCode.expires_at))).first()
            user = session.get(User, found[0]) if found and found[1] >= now else None
            if user is not None and user.active:
                user.last_login_at = now
                over = delete(WebSession).where(col(WebSession.user_id) == user.id, col(WebSession.expires_at) < now)
                session.exec(over)
                session.add(
                    WebSession(
                        id_hash=hash_secret(value),
                        user_id=user.id,
                        expires_at=now + longest,
                        address=address[:64],
                        user_agent=user_agent[:256],
                    )
                )
                if browser:
                    remember(session, browser, user.id)
        if user is None or not user.active:
            raise SessionExpired("this sign-in code was used before or is older than 30 seconds")
        return value

    def resolve(self, value: str) -> Actor | None:
        """Who stands behind a cookie's value; None for nobody. Counts as a sign of life of the session."""
        id_hash = hash_secret(value)
        found = self._known(id_hash)
        if found is None:
            return None
        if _stale(found):
            self._touch(id_hash)
        return found.actor

    def remembered(self, value: str) -> Actor | None:
        """Who `resolve` named within the last second, without asking the database; None is no verdict."""
        known = self._recent.get(hash_secret(value))
        if known is None or known[0] is None or _stale(known[0]):
            return None
        return known[0].actor

    def look(self, value: str) -> Actor | None:
        """Like `resolve`, but no sign of life: for watching whether a session still holds."""
        found = self._known(hash_secret(value))
        return found.actor if found else None

    def on_page(self, user_id: str, credential: str) -> Actor | None:
        """Who looks at an open page, asked of the database: None once the session it was opened in has ended."""
        with self._database.read() as session:
            user = session.get(User, user_id)
            for found in self.open_of(session, user_id):
                if user is not None and user.active and sign_in_id("browser", found.id_hash) == credential:
                    return _actor(user, found)
        return None

    def open_of(self, session: Session, user_id: str) -> Sequence[WebSession]:
        """A user's sessions that have not ended."""
        now = utc_now()
        found = session.exec(select(WebSession).where(WebSession.user_id == user_id)).all()
        return [each for each in found if not self._over(each, now)]

    def end(self, value: str, address: str = "") -> None:
        """Sign this browser out."""
        id_hash = hash_secret(value)
        with self._database.write() as session:
            taken = delete(WebSession).where(col(WebSession.id_hash) == id_hash)
            user_id = session.exec(taken.returning(col(WebSession.user_id))).scalar_one_or_none()
            user = session.get(User, user_id) if user_id else None
            if user is not None:
                actor = of_user(user, "session", address)
                trace(session, actor, "account.sign_out", f"user:{user.id}", {"which": "current"})
        self._recent.forget(id_hash)

    def end_all(self, user_id: str) -> None:
        """Sign every browser of a user out."""
        with self._database.write() as session:
            session.exec(delete(WebSession).where(col(WebSession.user_id) == user_id))
        self.forget()

    def forget(self) -> None:
        """Ask the database anew from now on, rather than within a second."""
        self._recent.clear()

    def _known(self, id_hash: str) -> _Known | None:
        """The session from the cache or the database; a revocation is seen within a second."""
        known = self._recent.get(id_hash)
        return known[0] if known else self._recent.put(id_hash, self._look_up(id_hash))

    def _look_up(self, id_hash: str) -> _Known | None:
        now = utc_now()
        with self._database.read() as session:
            found = session.get(WebSession, id_hash)
            if found is None or self._over(found, now):
                return None
            user = session.get(User, found.user_id)
            if user is None or not user.active:
                return None
            return _Known(_actor(user, found), found.last_seen_at)

    def _over(self, found: WebSession, now: datetime) -> bool:
        """Whether a session has ended; what was set shorter since the sign-in counts at once."""
        set_now = self._live.current()
        idle = found.last_seen_at + timedelta(minutes=set_now.session_idle_minutes)
        longest = found.created_at + timedelta(hours=set_now.session_max_hours)
        return min(idle, found.expires_at, longest) < now or found.created_at > now + _CLOCK_STEP

    def _touch(self, id_hash: str) -> None:
        self._recent.forget(id_hash)
        with self._database.write() as session:
            seen = session.get(WebSession, id_hash)
            if seen is not None:
                seen.last_seen_at = utc_now()


def _stale(known: _Known) -> bool:
    """Whether the sign of life is old, or of a future that a clock set back has yet to reach."""
    return abs(utc_now() - known.last_seen_at) > _SEEN_EVERY


def _actor(user: User, found: WebSession) -> Actor:
    return of_user(user, "session", found.address, sign_in_id("browser", found.id_hash))
