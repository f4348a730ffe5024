"""Accounts: the first administrator, new users, and the proof of a name and password."""

import secrets
from datetime import timedelta

from sqlmodel import Session

from registry.access import passwords
from registry.access.actor import ANONYMOUS, Actor, of_user
from registry.access.permissions import Action, require
from registry.access.secret_files import read_or_make
from registry.access.sessions import hash_secret, new_code
from registry.access.trail import trace
from registry.errors import InvalidCredentials, InvalidInput, SetupDone, TooManyAttempts
from registry.records import Database, LoginThrottle, Role, User, audit, one_at_a_time, users, utc_now
from registry.settings import Settings

FREE_FAILURES = 5
LONGEST_DELAY_S = 900
_FORGET_AFTER = timedelta(hours=24)


class Accounts:
    """The people of one platform."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._setup_file = settings.secrets_dir / "setup-token"

    def setup_token(self) -> str | None:
        """The one-time token that makes the first administrator; None once there is one."""
        with self._database.read() as session:
            if users.count(session, role=Role.ADMIN):
                self._setup_file.unlink(missing_ok=True)
                return None
        return read_or_make(self._setup_file).hex()[:32]

    def needs_setup(self) -> bool:
        """Whether there is no administrator yet."""
        return self.setup_token() is not None

    def set_up(self, token: str, username: str, password: str, address: str = "") -> User:
        """Make the first administrator. Raises SetupDone, InvalidCredentials, InvalidInput."""
        expected = self.setup_token()
        if expected is None:
            raise SetupDone("this platform has an administrator already")
        if not secrets.compare_digest(hash_secret(expected), hash_secret(token.strip())):
            raise InvalidCredentials(
                "this is not the setup token", hint="`nexusai up` prints it, as does `nexusai admin setup-token`."
            )
        user = _new_user(username, password, Role.ADMIN)
        with self._database.write() as session:
            one_at_a_time(session.connection(), "setup")
            if users.count(session, role=Role.ADMIN):
                raise SetupDone("this platform has an administrator already")
            users.add(session, user)
            _trace(session, of_user(user, "session", address), "account.setup", user)
        self._setup_file.unlink(missing_ok=True)
        return user

    def create(self, actor: Actor, username: str, password: str, role: Role, *, email: str = "") -> User:
        """Make a user. Raises Forbidden, NameTaken, InvalidInput."""
        require(actor, Action.MANAGE_USERS)
        user = _new_user(username, password, role, email)
        with self._database.write() as session:
            users.add(session, user)
            _trace(session, actor, "user.create", user, role=str(role))
        return user

    def prove(self, username: str, password: str, address: str = "") -> User:
        """The user of that name and password. Raises InvalidCredentials, TooManyAttempts.

        Unknown names take as long as known ones and answer the same.
        """
        keys = [f"name:{users.username_key(username[:64])}", f"address:{address}"]
        with self._database.read() as session:
            for key in keys:
                _refuse_if_blocked(session, key)
            user = users.by_name(session, username[:64])
        proven = passwords.matches(user.password_hash if user else None, password) and user is not None and user.active
        with self._database.write() as session:
            if proven and user is not None:
                _forget_failures(session, keys[0])
                _trace(session, of_user(user, "session", address), "account.sign_in", user)
                return user
            for key, free in zip(keys, (FREE_FAILURES, 4 * FREE_FAILURES), strict=True):
                _count_failure(session, key, free)
            audit.append(
                session,
                actor_id=ANONYMOUS.id,
                actor_name=username[:64],
                action="account.sign_in",
                outcome="refused",
                address=address,
            )
        raise InvalidCredentials("the user name or the password is wrong")

    def code_for(self, user: User) -> str:
        """A one-time code for a user who just proved a password."""
        with self._database.write() as session:
            return new_code(session, user)

    def get(self, user_id: str) -> User:
        """The user of that id. Raises UserNotFound."""
        with self._database.read() as session:
            return users.by_id(session, user_id)


def _new_user(username: str, password: str, role: Role, email: str = "") -> User:
    name = username.strip()
    if not 1 <= len(name) <= 64 or not name.isprintable():
        raise InvalidInput("a user name has 1 to 64 printable characters")
    passwords.check_new(password, name)
    return User(username=name, username_key="", email=email, role=role, password_hash=passwords.hash_password(password))


def _trace(session: Session, actor: Actor, action: str, user: User, **details: str) -> None:
    trace(session, actor, action, f"user:{user.id}", {"username": user.username, **details})


def _refuse_if_blocked(session: Session, key: str) -> None:
    throttle = session.get(LoginThrottle, key)
    now = utc_now()
    if throttle and throttle.blocked_until and throttle.blocked_until > now:
        seconds = int((throttle.blocked_until - now).total_seconds()) + 1
        raise TooManyAttempts(f"too many failed sign-ins: try again in {seconds} s", details={"retry_after_s": seconds})


def _count_failure(session: Session, key: str, free: int) -> None:
    now = utc_now()
    one_at_a_time(session.connection(), key)
    throttle = session.get(LoginThrottle, key) or LoginThrottle(key=key)
    if throttle.last_failure_at + _FORGET_AFTER < now:
        throttle.failures = 0
    throttle.failures += 1
    throttle.last_failure_at = now
    if throttle.failures > free:
        delay_s = min(2 ** min(throttle.failures - free, 20), LONGEST_DELAY_S)
        throttle.blocked_until = now + timedelta(seconds=delay_s)
    session.add(throttle)


def _forget_failures(session: Session, key: str) -> None:
    throttle = session.get(LoginThrottle, key)
    if throttle:
        session.delete(throttle)
