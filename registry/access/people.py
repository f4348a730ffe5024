"""The people of a platform, as an administrator sees and changes them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, or_, select

from registry.access.actor import Actor
from registry.access.permissions import Action, require
from registry.access.sessions import Sessions
from registry.access.tokens import Tokens
from registry.access.trail import trace
from registry.errors import InvalidInput, LastAdministrator
from registry.records import AuditEntry, Database, Role, User, one_at_a_time, users, utc_now

_CHANGEABLE = frozenset({"email", "full_name", "premium"})


class People:
    """Lists and changes users; what takes rights away also ends sessions and tokens."""

    def __init__(self, database: Database, sessions: Sessions, tokens: Tokens) -> None:
        self._database = database
        self._sessions = sessions
        self._tokens = tokens

    def page(
        self,
        actor: Actor,
        *,
        search: str = "",
        role: Role | None = None,
        active: bool | None = None,
        number: int = 1,
        size: int = 50,
    ) -> tuple[Sequence[User], int]:
        """One page of users by name, and how many match. `search` looks in names and addresses."""
        require(actor, Action.MANAGE_USERS)
        where = []
        if search:
            needle = f"%{_escaped(search.casefold())}%"
            columns = (User.username_key, User.full_name, User.email)
            where.append(or_(*(func.lower(column).like(needle, escape="\\") for column in columns)))
        if role is not None:
            where.append(col(User.role) == role)
        if active is not None:
            where.append(col(User.active) == active)
        query = select(User).where(*where).order_by(User.username_key).offset((number - 1) * size).limit(size)
        with self._database.read() as session:
            total = session.exec(select(func.count()).select_from(User).where(*where)).one()
            return session.exec(query).all(), total

    def get(self, actor: Actor, user_id: str) -> User:
        """One user. Raises Forbidden, UserNotFound."""
        require(actor, Action.MANAGE_USERS)
        with self._database.read() as session:
            return users.by_id(session, user_id)

    def update(self, actor: Actor, user_id: str, **changes: Any) -> User:
        """Change `email`, `full_name` or `premium`. Raises Forbidden, UserNotFound, InvalidInput."""
        unknown = set(changes) - _CHANGEABLE
        if unknown:
            raise InvalidInput(f"{sorted(unknown)[0]!r} of a user cannot be changed here")
        return self._change(actor, user_id, "user.update", changes, ends_sessions=False)

    def set_role(self, actor: Actor, user_id: str, role: Role) -> User:
        """Give another role; the user signs in anew. Raises Forbidden, UserNotFound, LastAdministrator."""
        return self._change(actor, user_id, "user.role", {"role": role}, ends_sessions=True)

    def set_active(self, actor: Actor, user_id: str, *, active: bool) -> User:
        """Switch an account on or off. Raises Forbidden, UserNotFound, LastAdministrator."""
        action = "user.activate" if active else "user.deactivate"
        return self._change(actor, user_id, action, {"active": active}, ends_sessions=not active)

    def delete(self, actor: Actor, user_id: str) -> None:
        """Remove a user with sessions, tokens and keys; the audit trail stays.

        Raises Forbidden, UserNotFound, LastAdministrator.
        """
        require(actor, Action.MANAGE_USERS)
        with self._database.write() as session:
            user = _locked(session, user_id)
            _keep_an_administrator(session, user, loses_it=True)
            _trace(session, actor, "user.delete", user, {"username": user.username})
            session.delete(user)
        self._sessions.end_all(user_id)

    def activity(self, actor: Actor, user_id: str, *, number: int, size: int) -> tuple[Sequence[AuditEntry], int]:
        """What a user did, newest first, and how many entries there are."""
        require(actor, Action.READ_AUDIT)
        with self._database.read() as session:
            users.by_id(session, user_id)
            theirs = AuditEntry.actor_id == user_id
            total = session.exec(select(func.count()).select_from(AuditEntry).where(theirs)).one()
            query = select(AuditEntry).where(theirs).order_by(col(AuditEntry.number).desc())
            return session.exec(query.offset((number - 1) * size).limit(size)).all(), total

    def _change(self, actor: Actor, user_id: str, action: str, changes: dict[str, Any], *, ends_sessions: bool) -> User:
        require(actor, Action.MANAGE_USERS)
        with self._database.write() as session:
            user = _locked(session, user_id)
            loses_it = changes.get("role", user.role) != Role.ADMIN or not changes.get("active", user.active)
            _keep_an_administrator(session, user, loses_it=loses_it)
            before = {name: getattr(user, name) for name in changes}
            for name, value in changes.items():
                setattr(user, name, value)
            user.updated_at = utc_now()
            _trace(session, actor, action, user, {"before": before, "after": changes})
        if ends_sessions:
            self._sessions.end_all(user_id)
            self._tokens.revoke_all(user_id)
        return user


def _locked(session: Session, user_id: str) -> User:
    """The user, while nobody else changes who administers."""
    one_at_a_time(session.connection(), "administrators")
    return users.by_id(session, user_id)


def _keep_an_administrator(session: Session, user: User, *, loses_it: bool) -> None:
    is_one = user.role == Role.ADMIN and user.active
    if is_one and loses_it and users.count(session, role=Role.ADMIN) == 1:
        raise LastAdministrator(f"{user.username!r} is the last administrator")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _trace(session: Session, actor: Actor, action: str, user: User, details: dict[str, Any]) -> None:
    trace(session, actor, action, f"user:{user.id}", details)
