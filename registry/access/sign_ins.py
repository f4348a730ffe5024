"""Everything a person is signed in with: browser sessions and the token families of programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, delete, select, update

from registry.access.actor import Actor
from registry.access.fingerprints import Kind, sign_in_id
from registry.access.permissions import Action, require
from registry.access.sessions import Sessions
from registry.access.tokens import Tokens
from registry.access.trail import trace
from registry.errors import SessionNotFound
from registry.records import Database, RefreshToken, SignInCode, WebSession, utc_now


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in; `current` is the one that asks."""

    id: str
    kind: Kind
    created_at: datetime
    last_seen_at: datetime
    address: str
    user_agent: str
    current: bool


class SignIns:
    """Lists and ends a person's own sign-ins."""

    def __init__(self, database: Database, sessions: Sessions, tokens: Tokens) -> None:
        self._database = database
        self._sessions = sessions
        self._tokens = tokens

    def list(self, actor: Actor) -> Sequence[SignIn]:
        """The actor's sign-ins: the one that asks, then the others, the one seen last first."""
        require(actor, Action.SEE_OWN_ACCOUNT)
        with self._database.read() as session:
            found = [_of_browser(each, actor) for each in self._sessions.open_of(session, actor.id)]
            found += _of_programs(session, actor)
        return sorted(found, key=lambda each: (each.current, each.last_seen_at), reverse=True)

    def end(self, actor: Actor, id_: str) -> None:
        """End one of the actor's sign-ins. Raises Forbidden, SessionNotFound."""
        require(actor, Action.CHANGE_OWN_ACCOUNT)
        with self._database.write() as session:
            if not end_one(session, actor.id, id_):
                raise SessionNotFound(f"you have no sign-in with the id {id_[:32]!r}")
            _trace(session, actor, "one", id_)
        self._forget()

    def end_current(self, actor: Actor) -> None:
        """Sign out: end the sign-in that asks. Raises Forbidden."""
        require(actor, Action.CHANGE_OWN_ACCOUNT)
        with self._database.write() as session:
            end_one(session, actor.id, actor.credential)
            _trace(session, actor, "current", actor.credential)
        self._forget()

    def end_others(self, actor: Actor) -> None:
        """End all of the actor's sign-ins but the one that asks. Raises Forbidden."""
        require(actor, Action.CHANGE_OWN_ACCOUNT)
        with self._database.write() as session:
            end_all(session, actor.id, keep=actor.credential)
            _trace(session, actor, "others")
        self._forget()

    def end_all(self, actor: Actor) -> None:
        """Sign out everywhere. Raises Forbidden."""
        require(actor, Action.CHANGE_OWN_ACCOUNT)
        with self._database.write() as session:
            end_all(session, actor.id)
            _trace(session, actor, "all")
        self._forget()

    def _forget(self) -> None:
        self._sessions.forget()
        self._tokens.forget()


def end_one(session: Session, user_id: str, id_: str) -> bool:
    """End the user's sign-in of that id, in the caller's write transaction; whether there was one."""
    id_hash, family = _named(session, user_id, id_)
    if id_hash:
        session.exec(delete(WebSession).where(col(WebSession.id_hash) == id_hash))
    if family:
        _revoke(session, col(RefreshToken.family) == family)
    return bool(id_hash or family)


def end_all(session: Session, user_id: str, keep: str = "") -> None:
    """End every sign-in of a user but the one of the id `keep`, in the caller's write transaction.

    Codes that are on their way to a browser become worthless too.
    """
    id_hash, family = _named(session, user_id, keep)
    session.exec(delete(SignInCode).where(col(SignInCode.user_id) == user_id))
    session.exec(delete(WebSession).where(col(WebSession.user_id) == user_id, col(WebSession.id_hash) != id_hash))
    _revoke(session, col(RefreshToken.user_id) == user_id, col(RefreshToken.family) != family)


def _named(session: Session, user_id: str, id_: str) -> tuple[str, str]:
    """The session's hash or the token family that an id stands for, the other one empty."""
    hashes = session.exec(select(WebSession.id_hash).where(WebSession.user_id == user_id))
    families = session.exec(select(RefreshToken.family).where(RefreshToken.user_id == user_id, *_alive()).distinct())
    return (
        next((each for each in hashes if sign_in_id("browser", each) == id_), ""),
        next((each for each in families if sign_in_id("api", each) == id_), ""),
    )


def _alive() -> tuple[ColumnElement[bool], ...]:
    return col(RefreshToken.revoked_at).is_(None), col(RefreshToken.expires_at) > utc_now()


def _revoke(session: Session, *where: ColumnElement[bool]) -> None:
    session.exec(update(RefreshToken).where(*where, *_alive()).values(revoked_at=utc_now()))


def _of_browser(found: WebSession, actor: Actor) -> SignIn:
    id_ = sign_in_id("browser", found.id_hash)
    seen, current = (found.created_at, found.last_seen_at), id_ == actor.credential
    return SignIn(id_, "browser", *seen, found.address, found.user_agent, current)


def _of_programs(session: Session, actor: Actor) -> list[SignIn]:
    """The actor's token families: each began with its first link and was seen last with the one not used yet."""
    mine = RefreshToken.user_id == actor.id
    began = select(RefreshToken.family, func.min(RefreshToken.created_at)).where(mine).group_by(RefreshToken.family)
    began_at = dict(session.exec(began).all())
    found = []
    for link in session.exec(select(RefreshToken).where(mine, col(RefreshToken.used_at).is_(None), *_alive())):
        id_ = sign_in_id("api", link.family)
        seen, current = (began_at[link.family], link.created_at), id_ == actor.credential
        found.append(SignIn(id_, "api", *seen, link.address, link.user_agent, current))
    return found


def _trace(session: Session, actor: Actor, which: str, id_: str = "") -> None:
    trace(session, actor, "account.sign_out", f"user:{actor.id}", {"which": which, "sign_in": id_})
