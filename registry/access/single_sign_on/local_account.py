"""The account here of somebody whom the provider vouches for: found, made, kept up to date."""

import logging
import secrets
from collections.abc import Iterator

from sqlmodel import Session, select

from registry.access import passwords
from registry.access.actor import ANONYMOUS, Actor, of_user
from registry.access.people import People
from registry.access.single_sign_on.identity import LONGEST_NAME, Identity, is_username
from registry.access.single_sign_on.refusals import Refusal, refused
from registry.access.trail import trace
from registry.errors import LastAdministrator, SingleSignOnFailed
from registry.records import Database, Role, User, audit, one_at_a_time, users

log = logging.getLogger(__name__)


class LocalAccounts:
    """Accounts by their subject. Nobody gets the account of somebody else who has the same name or address."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people

    def sign_in(self, identity: Identity, role: Role | None, address: str) -> User:
        """The user of an identity, with the role that the provider's groups give. Raises SingleSignOnFailed."""
        user = self._find(identity)
        if role is None:
            raise self._turned_away(identity, Refusal.NO_ROLE, address)
        if user is not None and not (user.active and user.approved):
            raise self._turned_away(identity, Refusal.SWITCHED_OFF, address)
        provider = _provider(address)
        user = self._make(identity, role, provider) if user is None else self._update(user, identity, role, provider)
        with self._database.write() as session:
            _trace(session, of_user(user, "session", address), "account.sign_in", user)
        return user

    def _find(self, identity: Identity) -> User | None:
        with self._database.read() as session:
            return _by_subject(session, identity)

    def _make(self, identity: Identity, role: Role, provider: Actor) -> User:
        password_hash = passwords.hash_password(secrets.token_urlsafe(32))  # of a password that nobody knows
        with self._database.write() as session:
            one_at_a_time(session.connection(), "single sign-on")
            found = _by_subject(session, identity)
            if found is not None:  # made a moment ago, by the same person in another tab
                return found
            user = User(
                username=_free_name(session, identity.username),
                username_key="",
                email=identity.email,
                full_name=identity.full_name,
                role=role,
                password_hash=password_hash,
                subject=identity.subject,
            )
            users.add(session, user)
            _trace(session, provider, "user.create", user, role=str(role))
        return user

    def _update(self, user: User, identity: Identity, role: Role, provider: Actor) -> User:
        told = {"email": identity.email, "full_name": identity.full_name}
        changed = {name: value for name, value in told.items() if value and value != getattr(user, name)}
        if changed:
            user = self._people.update(provider, user.id, **changed)
        if role == user.role:
            return user
        try:
            return self._people.set_role(provider, user.id, role)
        except LastAdministrator:
            log.warning("%r stays administrator, being the last: the provider says %s", user.username, role)
            return user

    def _turned_away(self, identity: Identity, refusal: Refusal, address: str) -> SingleSignOnFailed:
        with self._database.write() as session:
            audit.append(
                session,
                actor_id=ANONYMOUS.id,
                actor_name=identity.username,
                action="account.sign_in",
                outcome="refused",
                address=address,
                details={"subject": identity.subject, "refusal": str(refusal)},
            )
        return refused(refusal)


def _provider(address: str) -> Actor:
    """In whose name accounts are made and changed at a sign-in."""
    return Actor(id="single-sign-on", name="single sign-on", role=Role.ADMIN, via="local", address=address)


def _by_subject(session: Session, identity: Identity) -> User | None:
    return session.exec(select(User).where(User.subject == identity.subject)).first()


def _free_name(session: Session, wanted: str) -> str:
    """The wanted name, or the first of its numbered kind that nobody has."""
    return next(name for name in _names(wanted) if is_username(name) and users.by_name(session, name) is None)


def _names(wanted: str) -> Iterator[str]:
    yield wanted
    for number in range(2, 100):
        yield f"{wanted[: LONGEST_NAME - 3]}-{number}"
    while True:
        yield f"user-{secrets.token_hex(4)}"


def _trace(session: Session, actor: Actor, action: str, user: User, **details: str) -> None:
    trace(session, actor, action, f"user:{user.id}", {"username": user.username, "subject": user.subject, **details})
