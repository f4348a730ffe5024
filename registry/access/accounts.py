"""Accounts: how they come to be, and what their owners change about them."""

import secrets

from sqlmodel import Session

from registry.access import passwords, sign_ins
from registry.access.actor import Actor, of_user
from registry.access.fingerprints import hash_secret
from registry.access.live import Live
from registry.access.names import checked_email, checked_full_name, checked_profile, checked_username
from registry.access.permissions import Action, require
from registry.access.present import require_now
from registry.access.proof import Proof
from registry.access.secret_files import read_or_make
from registry.access.sessions import new_code
from registry.access.trail import trace
from registry.errors import Conflict, InvalidCredentials, InvalidInput, RegistrationClosed, SetupDone
from registry.records import Database, Role, User, one_at_a_time, users, utc_now
from registry.settings import Settings


class Accounts:
    """The accounts of one platform."""

    def __init__(self, database: Database, settings: Settings, live: Live | None = None) -> None:
        self._database = database
        self._setup_file = settings.secrets_dir / "setup-token"
        self._live = live or Live(database, settings)
        self._proof = Proof(database, self._live)

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
        user = self._new_user(username, password, Role.ADMIN)
        with self._database.write() as session:
            one_at_a_time(session.connection(), "setup")
            if users.count(session, role=Role.ADMIN):
                raise SetupDone("this platform has an administrator already")
            users.add(session, user)
            _trace(session, of_user(user, "session", address), "account.setup", user)
        self._setup_file.unlink(missing_ok=True)
        return user

    def create(
        self,
        actor: Actor,
        username: str,
        password: str,
        role: Role,
        *,
        email: str = "",
        full_name: str = "",
        premium: bool = False,
    ) -> User:
        """Make a user. Raises Forbidden, NameTaken, InvalidInput."""
        require(actor, Action.MANAGE_USERS)
        user = self._new_user(username, password, role, email=email, full_name=full_name)
        user.premium = premium
        with self._database.write() as session:
            require_now(session, actor, Action.MANAGE_USERS)
            users.add(session, user)
            _trace(session, actor, "user.create", user, role=str(role), premium=premium)
        return user

    def register(
        self, username: str, password: str, *, email: str = "", full_name: str = "", address: str = ""
    ) -> User:
        """Make oneself an account, which works at once or, with approvals on, after an administrator's.

        Raises RegistrationClosed, NameTaken, InvalidInput.
        """
        live = self._live.current()
        if not live.registration_open:
            raise RegistrationClosed("nobody can register by themselves here")
        user = self._new_user(username, password, Role.USER, email=email, full_name=full_name)
        user.active = user.approved = not live.registration_approval
        with self._database.write() as session:
            users.add(session, user)
            _trace(session, of_user(user, "anonymous", address), "account.register", user, active=user.active)
        return user

    def prove(self, username: str, password: str, address: str = "", *, browser: str = "") -> User:
        """The user of that name and password, see `Proof.of_sign_in`.

        Raises InvalidCredentials, TooManyAttempts, AccountPending.
        """
        return self._proof.of_sign_in(username, password, address, browser)

    def code_for(self, user: User) -> str:
        """A one-time code for a user who just proved a password."""
        with self._database.write() as session:
            return new_code(session, user)

    def get(self, user_id: str) -> User:
        """The user of that id. Raises UserNotFound."""
        with self._database.read() as session:
            return users.by_id(session, user_id)

    def update_profile(self, actor: Actor, *, email: str | None = None, full_name: str | None = None) -> User:
        """Change one's own address or full name; None leaves it. Raises Forbidden, InvalidInput."""
        require(actor, Action.CHANGE_OWN_ACCOUNT)
        given = {"email": email, "full_name": full_name}
        changes = checked_profile({name: value for name, value in given.items() if value is not None})
        with self._database.write() as session:
            user = users.by_id(session, actor.id)
            before = {name: getattr(user, name) for name in changes}
            for name, value in changes.items():
                setattr(user, name, value)
            user.updated_at = utc_now()
            _trace(session, actor, "account.update", user, before=before, after=changes)
        return user

    def change_password(self, actor: Actor, old: str, new: str) -> None:
        """Change one's own password; it ends every sign-in but the browser session that asks.

        Raises Forbidden, InvalidCredentials, TooManyAttempts, InvalidInput.
        """
        require(actor, Action.CHANGE_OWN_ACCOUNT)
        self._check_new(new, actor.name)
        self._proof.of_own_password(actor, old)
        if new == old:
            raise InvalidInput("this is the password you have", hint="Choose another one.")
        keep = actor.credential if actor.via == "session" else ""
        self._set_password(actor, Action.CHANGE_OWN_ACCOUNT, actor.id, new, "account.password", keep=keep)

    def reset_password(self, actor: Actor, user_id: str, new: str) -> None:
        """Give somebody else another password; it ends every sign-in of theirs.

        Raises Forbidden, UserNotFound, InvalidInput, Conflict for one's own.
        """
        require(actor, Action.MANAGE_USERS)
        if actor.id == user_id:
            raise Conflict("your own password is changed by who knows it", hint="Change it on the Account page.")
        self._check_new(new, self.get(user_id).username)
        self._set_password(actor, Action.MANAGE_USERS, user_id, new, "user.password")

    def _set_password(self, actor: Actor, needed: Action, user_id: str, new: str, traced: str, keep: str = "") -> None:
        hashed = passwords.hash_password(new)
        with self._database.write() as session:
            require_now(session, actor, needed)
            user = users.by_id(session, user_id)
            user.password_hash = hashed
            user.updated_at = utc_now()
            sign_ins.end_all(session, user_id, keep=keep)
            _trace(session, actor, traced, user)

    def _new_user(self, username: str, password: str, role: Role, *, email: str = "", full_name: str = "") -> User:
        name = checked_username(username)
        email, full_name = checked_email(email), checked_full_name(full_name)
        self._check_new(password, name)
        hashed = passwords.hash_password(password)
        return User(username=name, username_key="", email=email, full_name=full_name, role=role, password_hash=hashed)

    def _check_new(self, password: str, username: str) -> None:
        passwords.check_new(password, username, self._live.current().password_min_length)


def _trace(session: Session, actor: Actor, action: str, user: User, **details: object) -> None:
    trace(session, actor, action, f"user:{user.id}", {"username": user.username, **details})
