"""The proof of a name and password: in equal time for every name, slowed down for whoever guesses."""

from sqlmodel import Session

from registry.access import passwords
from registry.access.actor import ANONYMOUS, Actor, of_user
from registry.access.browsers import is_known
from registry.access.live import Live
from registry.access.names import as_typed
from registry.access.networks import network_of
from registry.access.throttle import Counted, Throttle, forget_failures, refuse_if_blocked
from registry.access.trail import trace
from registry.errors import AccountPending, InvalidCredentials
from registry.records import Database, User, audit, users


class Proof:
    """Evaluates passwords of one platform."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live
        self._throttle = Throttle()

    def of_sign_in(self, username: str, password: str, address: str = "", browser: str = "") -> User:
        """The user of that name and password; `browser` is the hash of the browser's cookie, if it has one.

        An unknown name and an account that is switched off answer as a wrong password does, after the same work.
        Raises InvalidCredentials, TooManyAttempts, AccountPending.
        """
        name = as_typed(username)
        _, counted = self._admitted(name, address, browser)
        with self._throttle.turn(counted[0]):
            user, counted = self._admitted(name, address, browser)  # others may have failed while this one waited
            right = passwords.matches(user.password_hash if user else None, password)
            with self._database.write() as session:
                if right and user is not None and user.active:
                    forget_failures(session, counted[0])
                    trace(
                        session,
                        of_user(user, "session", address),
                        "account.sign_in",
                        f"user:{user.id}",
                        {"username": user.username},
                    )
                    return user
                pending = right and user is not None and not user.approved
                if not pending:
                    self._throttle.count_failure(session, counted)
                _refused(session, "account.sign_in", ANONYMOUS.id, user.username if user else _hint(name), address)
        if pending:
            raise AccountPending("this account waits for an administrator's approval")
        raise InvalidCredentials("the user name or the password is wrong")

    def of_own_password(self, actor: Actor, password: str) -> None:
        """Pass if it is the actor's own. Raises InvalidCredentials, TooManyAttempts, UserNotFound."""
        counted = Counted(f"password:{actor.id}", self._live.current().free_failures_per_account)
        with self._throttle.turn(counted):
            with self._database.read() as session:
                refuse_if_blocked(session, [counted])
                user = users.by_id(session, actor.id)
            right = passwords.matches(user.password_hash, password)
            with self._database.write() as session:
                if right:
                    forget_failures(session, counted)
                    return
                self._throttle.count_failure(session, [counted])
                _refused(session, "account.password", actor.id, actor.name, actor.address)
        raise InvalidCredentials("the current password is wrong", hint="Type the password you signed in with.")

    def _admitted(self, name: str, address: str, browser: str) -> tuple[User | None, list[Counted]]:
        """The user of that name, if any, and what a failure counts for. Raises TooManyAttempts."""
        live = self._live.current()
        with self._database.read() as session:
            user = users.by_name(session, name)
            user_id = user.id if user else ""
            if browser and is_known(session, browser, user_id):
                counted = [Counted(f"browser:{browser}:{user_id}", live.free_failures_per_account)]
            else:
                counted = [
                    Counted(f"name:{users.username_key(name)[:256]}", live.free_failures_per_account),
                    Counted(f"address:{network_of(address)}", live.free_failures_per_address),
                ]
            refuse_if_blocked(session, counted)
        return user, counted


def _refused(session: Session, action: str, actor_id: str, actor_name: str, address: str) -> None:
    audit.append(session, actor_id=actor_id, actor_name=actor_name, action=action, outcome="refused", address=address)


def _hint(name: str) -> str:
    """What is kept of a name that nobody has: it may be a password that was typed into the wrong field."""
    return f"{name[:2]}… ({many} characters, nobody's name)" if (many := len(name)) else "nobody's name"
