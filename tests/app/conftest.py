"""A real server on a free port, real records in a temporary home."""

import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from sqlmodel import select
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from app.gate_visit import cookie_name
from app.platform import Platform
from app.ui import session
from registry.access.accounts import Accounts
from registry.access.actor import local_actor, of_user
from registry.access.limits import Limits
from registry.access.live import Live, LiveSettings
from registry.access.sessions import Sessions
from registry.access.tokens import Tokens
from registry.models.server import tracking_uri
from registry.records import (
    CameraEvent,
    CameraHistory,
    CameraLease,
    CameraRecord,
    Database,
    RecordingSegment,
    Role,
    SettingValue,
    User,
    WorkerRecord,
    open_database,
)
from registry.settings import Settings, load_settings

PASSWORD = "engine-of-analysis"


@pytest.fixture(scope="session", autouse=True)
def _installed_components() -> Iterator[None]:
    """Streamlit looks through every installed package whenever a page is made: here once for all pages."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@dataclass(frozen=True)
class People:
    """Accounts, sessions and tokens over one temporary database."""

    settings: Settings
    database: Database
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens
    live: Live
    limits: Limits

    @classmethod
    def at(cls, home: Path, **settings: object) -> "People":
        made = Settings(home=home, **settings)  # type: ignore[arg-type]
        made.prepare_home()
        database = open_database(made.records_url)
        database.upgrade()
        live = Live(database, made)
        sessions, tokens = Sessions(database, made, live), Tokens(database, made, live)
        return cls(made, database, Accounts(database, made, live), sessions, tokens, live, Limits(database, made, live))

    def set_live(self, **values: object) -> None:
        """What an administrator does on the Settings page, seen at once."""
        with self.database.write() as session:
            for key, value in values.items():
                assert key in LiveSettings.model_fields
                session.merge(SettingValue(key=key, value=value))
        self.live.refresh()

    def user(self, name: str, role: Role) -> User:
        return self.accounts.create(local_actor(), name, PASSWORD, role)

    def session(self, user: User) -> str:
        """The cookie's value of a new browser session."""
        return self.sessions.exchange(self.accounts.code_for(user))

    def cookie(self, user: User) -> dict[str, str]:
        return {"cookie": f"{cookie_name(self.settings)}={self.session(user)}"}


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """Streamlit makes the page it draws this process's `__main__`, which processes started later would import."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    made = People.at(tmp_path / "home")
    yield made
    made.database.close()


@dataclass(frozen=True)
class Pages:
    """Pages drawn in this process over real rooms and a real MLflow, for people who are really signed in."""

    platform: Platform

    def person(self, role: Role) -> User:
        return self.platform.accounts.create(local_actor(), f"p-{uuid.uuid4().hex[:10]}", PASSWORD, role)

    def draw(self, page: Callable[[], None], user: User | None, **address: str) -> AppTest:
        """The page as this person's browser gets it; nobody's is that of somebody whose session has ended."""
        drawn = AppTest.from_function(page, default_timeout=60)
        drawn.query_params.update(address)
        drawn.user = {"is_logged_in": False}
        if user is not None:
            self.platform.sessions.exchange(self.platform.accounts.code_for(user))
            [signed_in, *_] = self.platform.sign_ins.list(of_user(user, "session"))
            drawn.user = {"is_logged_in": True, "id": user.id, "session": signed_in.id}
        return drawn.run()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, mlflow_home: Settings) -> Iterator[Pages]:
    home = tmp_path_factory.mktemp("pages") / "home"
    platform = Platform.open(load_settings(home=home, mlflow_tracking_uri=tracking_uri(mlflow_home)))
    platform.database.upgrade()
    session.hold(platform)
    yield Pages(platform)
    platform.serving.close()
    platform.database.close()


@pytest.fixture(scope="module")
def roles(pages: Pages) -> dict[Role, User]:
    """One person of every role."""
    return {role: pages.person(role) for role in Role}


@pytest.fixture
def no_cameras(pages: Pages) -> Iterator[None]:
    """The next test begins without cameras."""
    yield
    with pages.platform.database.write() as session:
        for table in (CameraRecord, CameraLease, CameraHistory, CameraEvent, RecordingSegment, WorkerRecord):
            for row in session.exec(select(table)):
                session.delete(row)
