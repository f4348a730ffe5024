"""A real server on a free port, real records in a temporary home."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from starlette.types import ASGIApp

from app.gate_visit import cookie_name
from registry.access.accounts import Accounts
from registry.access.actor import local_actor
from registry.access.sessions import Sessions
from registry.access.tokens import Tokens
from registry.records import Database, Role, User, open_database
from registry.settings import Settings

PASSWORD = "engine-of-analysis"
DEADLINE_S = 20.0


def _until(holds: Callable[[], bool], seconds: float = DEADLINE_S) -> bool:
    """Whether something comes true before the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return holds()


@dataclass(frozen=True)
class People:
    """Accounts, sessions and tokens over one temporary database."""

    settings: Settings
    database: Database
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens

    @classmethod
    def at(cls, home: Path, **settings: object) -> "People":
        made = Settings(home=home, **settings)  # type: ignore[arg-type]
        made.prepare_home()
        database = open_database(made.records_url)
        database.upgrade()
        return cls(made, database, Accounts(database, made), Sessions(database, made), Tokens(database, made))

    def user(self, name: str, role: Role) -> User:
        return self.accounts.create(local_actor(), name, PASSWORD, role)

    def session(self, user: User) -> str:
        """The cookie's value of a new browser session."""
        return self.sessions.exchange(self.accounts.code_for(user))

    def cookie(self, user: User) -> dict[str, str]:
        return {"cookie": f"{cookie_name(self.settings)}={self.session(user)}"}


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    made = People.at(tmp_path / "home")
    yield made
    made.database.close()


@pytest.fixture
def serve() -> Callable[[ASGIApp], AbstractContextManager[str]]:
    """A context manager that serves an application on a free port; gives host:port."""
    return _serving


@contextmanager
def _serving(app: ASGIApp) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        assert _until(lambda: server.started), "the server did not start"
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
