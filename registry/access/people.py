"""The people of a platform, as an administrator sees and changes them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, delete, or_, select

from registry.access.actor import Actor
from registry.access.names import as_typed, checked_profile
from registry.access.permissions import Action, require
from registry.access.present import require_now
from registry.access.sessions import Sessions
from registry.access.tokens import Tokens
from registry.access.trail import trace
from registry.errors import Conflict, Forbidden, InvalidInput, LastAdministrator, UserNotFound
from registry.records import Database, GalleryEntry, InferenceResult, Role, User, one_at_a_time, users, utc_now
from registry.records.folding import has_text

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
        approved: bool | None = None,
        number: int = 1,
        size: int = 50,
    ) -> tuple[Sequence[User], int]:
        """One page of users by name, and how many match. `search` looks in names and addresses."""
        require(actor, Action.MANAGE_USERS)
        where = []
        if search:
            key, told = users.username_key(search), search.strip().lower()
            named = [col(User.username_key).contains(key, autoescape=True)]
            where.append(or_(*named, *(has_text(column, told) for column in (User.full_name, User.email))))
        if role is not None:
            where.append(col(User.role) == role)
        if active is not None:
            where.append(col(User.active) == active)
        if approved is not None:
            where.append(col(User.approved) == approved)
        query = select(User).where(*where).order_by(User.username_key).offset((number - 1) * size).limit(size)
        with self._database.read() as session:
            total = session.exec(select(func.count()).select_from(User).where(*where)).one()
            return session.exec(query).all(), total

    def get(self, actor: Actor, user_id: str) -> User:
        """One user. Raises Forbidden, UserNotFound."""
        require(actor, Action.MANAGE_USERS)
        with self._database.read() as session:
            return users.by_id(session, user_id)

    def named(self, actor: Actor, username: str) -> User:
        """One user by name, however it is spelled. Raises Forbidden, UserNotFound."""
        require(actor, Action.MANAGE_USERS)
        name = as_typed(username)
        with self._database.read() as session:
            user = users.by_name(session, name)
        if user is None:
            raise UserNotFound(f"no user has the name {name!r}")
        return user

    def update(self, actor: Actor, user_id: str, **changes: Any) -> User:
        """Change `email`, `full_name` or `premium`. Raises Forbidden, UserNotFound, InvalidInput."""
        unknown = set(changes) - _CHANGEABLE
        if unknown:
            raise InvalidInput(f"{sorted(unknown)[0]!r} of a user cannot be changed here")
        return self._change(actor, user_id, "user.update", checked_profile(changes), ends_sessions=False)

    def set_role(self, actor: Actor, user_id: str, role: Role) -> User:
        """Give another role; the user signs in anew. Raises Forbidden, UserNotFound, LastAdministrator."""
        return self._change(actor, user_id, "user.role", {"role": role}, ends_sessions=True)

    def set_active(self, actor: Actor, user_id: str, *, active: bool) -> User:
        """Switch an account on, which also approves it, or off.

        Raises Forbidden, UserNotFound, LastAdministrator, Conflict for one's own account.
        """
        if active:
            changes = {"active": True, "approved": True}
            return self._change(actor, user_id, "user.activate", changes, ends_sessions=False)
        return self._change(actor, user_id, "user.deactivate", {"active": False}, ends_sessions=True)

    def delete(self, actor: Actor, user_id: str) -> None:
        """Remove a user with sessions, tokens, keys and galleries; the audit trail stays.

        Raises Forbidden, UserNotFound, LastAdministrator, Conflict for one's own account.
        """
        require(actor, Action.MANAGE_USERS)
        with self._database.write() as session:
            user = _locked(session, actor, user_id)
            _keep_an_administrator(session, user, loses_it=True)
            _not_oneself(actor, user_id, "delete")
            _trace(session, actor, "user.delete", user, {"username": user.username})
            for kept in (GalleryEntry, InferenceResult):
                session.exec(delete(kept).where(col(kept.owner_id) == user_id))
            session.delete(user)
        self._sessions.end_all(user_id)

    def _change(self, actor: Actor, user_id: str, action: str, changes: dict[str, Any], *, ends_sessions: bool) -> User:
        require(actor, Action.MANAGE_USERS)
        with self._database.write() as session:
            user = _locked(session, actor, user_id)
            loses_it = changes.get("role", user.role) != Role.ADMIN or not changes.get("active", user.active)
            _keep_an_administrator(session, user, loses_it=loses_it)
            if changes.get("active") is False:
                _not_oneself(actor, user_id, "switch off")
            before = {name: getattr(user, name) for name in changes}
            if before == changes:
                return user
            for name, value in changes.items():
                setattr(user, name, value)
            user.updated_at = utc_now()
            _trace(session, actor, action, user, {"username": user.username, "before": before, "after": changes})
        if ends_sessions:
            self._sessions.end_all(user_id)
            self._tokens.revoke_all(user_id)
        return user


def _locked(session: Session, actor: Actor, user_id: str) -> User:
    """The user, while nobody else changes who administers. Raises Forbidden, NotSignedIn, UserNotFound."""
    one_at_a_time(session.connection(), "administrators")
    require_now(session, actor, Action.MANAGE_USERS)
    if actor.via == "key" and actor.id == user_id:
        raise Forbidden("an API key does not change the account it speaks for", hint="Sign in with the password.")
    return users.by_id(session, user_id)


def _keep_an_administrator(session: Session, user: User, *, loses_it: bool) -> None:
    is_one = user.role == Role.ADMIN and user.active
    if is_one and loses_it and users.count(session, role=Role.ADMIN) == 1:
        raise LastAdministrator(f"{user.username!r} is the last administrator")


def _not_oneself(actor: Actor, user_id: str, verb: str) -> None:
    if actor.id == user_id:
        raise Conflict(f"you cannot {verb} your own account", hint="Another administrator can do it.")


def _trace(session: Session, actor: Actor, action: str, user: User, details: dict[str, Any]) -> None:
    trace(session, actor, action, f"user:{user.id}", details)
