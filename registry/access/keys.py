"""API keys: `nxk_<prefix>_<secret>`, shown once, stored hashed, with scopes and an end."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlmodel import Session, col, select

from registry.access.actor import Actor, of_user
from registry.access.fingerprints import hash_secret
from registry.access.permissions import Action, Scope, require, scopes_of
from registry.access.recent import Recent
from registry.access.trail import trace
from registry.errors import Forbidden, InvalidInput, KeyNotFound, NotSignedIn, SessionExpired
from registry.records import ApiKey, Database, Role, User, one_at_a_time, users, utc_now

MARK = "nxk_"
MOST_PER_USER = 50
LONGEST_DAYS = 3_650
_USED_EVERY = timedelta(seconds=60)
_LONGEST = 128  # characters of a key worth looking at


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; `secret` is the only time it is told."""

    record: ApiKey
    secret: str


class Keys:
    """The API keys of one platform."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent = Recent[Actor]()

    def make(
        self, actor: Actor, name: str, scopes: Iterable[str], days: int | None = None, *, owner_id: str = ""
    ) -> NewKey:
        """A new key for `days` days or without an end; of the actor, or of whom this machine's owner names.

        Raises Forbidden (also when asked by a key), UserNotFound, InvalidInput.
        """
        require(actor, Action.CHANGE_OWN_ACCOUNT)
        if owner_id and actor.via != "local":
            raise Forbidden("a key of somebody else can only be made on the machine itself")
        chosen = _checked(name, scopes, days)
        prefix, random = secrets.token_hex(4), secrets.token_urlsafe(32)
        key = ApiKey(
            user_id=owner_id or actor.id,
            name=name.strip(),
            prefix=prefix,
            secret_hash=hash_secret(random),
            scopes=chosen,
            expires_at=utc_now() + timedelta(days=days) if days else None,
        )
        with self._database.write() as session:
            _refuse_useless(chosen, Role(users.by_id(session, key.user_id).role))
            one_at_a_time(session.connection(), f"keys:{key.user_id}")  # or keys made at once pass the count together
            if len(_of(session, key.user_id)) >= MOST_PER_USER:
                raise InvalidInput(f"an account has at most {MOST_PER_USER} keys", hint="Revoke one first.")
            session.add(key)
            _trace(session, actor, "key.make", key, scopes=chosen)
        return NewKey(key, f"{MARK}{prefix}_{random}")

    def list(self, actor: Actor) -> Sequence[ApiKey]:
        """The actor's keys, newest first."""
        require(actor, Action.SEE_OWN_ACCOUNT)
        with self._database.read() as session:
            return _of(session, actor.id)

    def of(self, actor: Actor, user_id: str) -> Sequence[ApiKey]:
        """Somebody's keys, for an administrator, newest first. Raises Forbidden, UserNotFound."""
        require(actor, Action.MANAGE_USERS)
        with self._database.read() as session:
            users.by_id(session, user_id)
            return _of(session, user_id)

    def revoke(self, actor: Actor, key_id: str, *, owner_id: str = "") -> None:
        """End one of the actor's keys, or, for an administrator, of the owner's.

        Raises Forbidden, KeyNotFound.
        """
        require(actor, Action.CHANGE_OWN_ACCOUNT)
        if owner_id:
            require(actor, Action.MANAGE_USERS)
        with self._database.write() as session:
            key = session.get(ApiKey, key_id)
            if key is None or key.user_id != (owner_id or actor.id):
                whose = "the account has" if owner_id else "you have"
                raise KeyNotFound(f"{whose} no API key with the id {key_id[:32]!r}")
            session.delete(key)
            _trace(session, actor, "key.revoke", key)
        self._recent.clear()

    def actor(self, presented: str) -> Actor:
        """Who a key speaks for; a revocation is seen within a second. Raises NotSignedIn, SessionExpired."""
        known = self.remembered(presented)
        if known is not None:
            return known
        mark, _, rest = presented[: _LONGEST + 1].partition("_")
        prefix, _, random = rest.partition("_")
        if f"{mark}_" != MARK or len(presented) > _LONGEST or not random:
            raise NotSignedIn("this is not an API key")
        return self._recent.put(hash_secret(presented), self._look_up(prefix, random))

    def remembered(self, presented: str) -> Actor | None:
        """Who the key spoke for within the last second, without asking the database; None is no verdict."""
        known = self._recent.get(hash_secret(presented))
        return known[0] if known else None

    def _look_up(self, prefix: str, random: str) -> Actor:
        now = utc_now()
        with self._database.read() as session:
            key = session.exec(select(ApiKey).where(ApiKey.prefix == prefix)).first()
            right = secrets.compare_digest(key.secret_hash if key else hash_secret(""), hash_secret(random))
            user = session.get(User, key.user_id) if key and right else None
        if key is None or user is None or not user.active:
            raise NotSignedIn("this API key is not known, or was revoked")
        if key.expires_at is not None and key.expires_at < now:
            raise SessionExpired("this API key has expired", hint="Make a new one on the Account page.")
        if key.last_used_at is None or key.last_used_at + _USED_EVERY < now:
            self._note_use(key.id)
        return replace(of_user(user, "key"), scopes=frozenset(key.scopes), credential=key.id)

    def _note_use(self, key_id: str) -> None:
        with self._database.write() as session:
            key = session.get(ApiKey, key_id)
            if key is not None:
                key.last_used_at = utc_now()


def _checked(name: str, scopes: Iterable[str], days: int | None) -> list[str]:
    if not 1 <= len(name.strip()) <= 80 or not name.strip().isprintable():
        raise InvalidInput("a key has a name of 1 to 80 printable characters")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise InvalidInput(f"a key is valid for 1 to {LONGEST_DAYS} days, not {days}")
    chosen = sorted(set(scopes))
    unknown = [scope for scope in chosen if scope not in set(Scope)]
    if unknown or not chosen:
        known = ", ".join(Scope)
        raise InvalidInput(
            f"{unknown[0][:40]!r} is not a scope" if unknown else "a key needs a scope", hint=f"One of: {known}."
        )
    return chosen


def _refuse_useless(scopes: Sequence[str], role: Role) -> None:
    """A scope that comes to life with another role would be a surprise then. Raises InvalidInput."""
    useful = scopes_of(role)
    useless = [scope for scope in scopes if scope not in useful]
    if useless:
        raise InvalidInput(
            f"a key of the role {role} has no use for the scope {useless[0]}", hint=f"One of: {', '.join(useful)}."
        )


def _of(session: Session, user_id: str) -> Sequence[ApiKey]:
    mine = select(ApiKey).where(ApiKey.user_id == user_id)
    return session.exec(mine.order_by(col(ApiKey.created_at).desc(), ApiKey.id)).all()


def _trace(session: Session, actor: Actor, action: str, key: ApiKey, **details: object) -> None:
    trace(session, actor, action, f"key:{key.id}", {"name": key.name, "prefix": key.prefix, **details})
