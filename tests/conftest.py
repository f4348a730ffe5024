"""What every test may ask for: a home, a fresh database on SQLite and PostgreSQL, an MLflow server."""

import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from sqlalchemy import create_engine, text
from starlette.types import ASGIApp

from registry.access import Actor
from registry.libraries import prepare_libraries
from registry.models.process import running_mlflow
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.records import Database, Role, open_database
from registry.settings import Settings, load_settings
from registry.testing.platform import Running, lift_limits, signed_in
from registry.testing.requirements import require_port
from tests.prepared_platform import prepared_platform

prepare_libraries()

POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = load_settings(home=tmp_path / "home")
    made.prepare_home()
    return made


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file made by the real migrations; each test gets a copy."""
    path = tmp_path_factory.mktemp("template") / "records.db"
    database = open_database(f"sqlite:///{path}")
    database.upgrade()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    """A PostgreSQL database made by the real migrations; each test gets a copy."""
    require_port("127.0.0.1", 5432, "PostgreSQL")
    name = f"nexusai_template_{uuid.uuid4().hex[:8]}"
    _postgres(f"CREATE DATABASE {name}")
    database = open_database(f"{POSTGRES}/{name}")
    database.upgrade()
    database.close()
    yield name
    _postgres(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite(sqlite_template: Path, settings: Settings) -> Iterator[Database]:
    (settings.home / "nexusai.db").write_bytes(sqlite_template.read_bytes())
    database = open_database(settings.records_url)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A fresh, migrated database: the test runs once on each kind."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite")
        return
    with copied_postgres(request.getfixturevalue("postgres_template")) as url:
        database = open_database(url)
        yield database
        database.close()


@contextmanager
def copied_postgres(template: str) -> Iterator[str]:
    """The URL of a copy of a PostgreSQL database, for as long as the block lasts."""
    name = f"nexusai_test_{uuid.uuid4().hex[:12]}"
    _postgres(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield f"{POSTGRES}/{name}"
    finally:
        _postgres(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def copy_postgres(request: pytest.FixtureRequest) -> Callable[[], AbstractContextManager[str]]:
    """A context manager that gives the URL of a fresh, migrated PostgreSQL database."""
    return lambda: copied_postgres(request.getfixturevalue("postgres_template"))


@pytest.fixture(scope="session")
def mlflow_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a home whose MLflow server runs for the whole session; use names of your own in it."""
    made = load_settings(home=tmp_path_factory.mktemp("mlflow") / "home")
    with running_mlflow(made):
        yield made


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The whole platform with its starters in real processes, for the session; use names of your own in it."""
    with prepared_platform(tmp_path_factory.mktemp("platform") / "home", demo=True) as running:
        lift_limits(running)
        yield running


@pytest.fixture(scope="session")
def anonymous(platform: Running) -> Iterator[httpx.Client]:
    """An HTTP client nobody signed in with."""
    with httpx.Client(base_url=platform.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def api(platform: Running) -> Iterator[httpx.Client]:
    """An HTTP client with the administrator's access token."""
    with signed_in(platform) as client:
        yield client


@pytest.fixture
def models(mlflow_home: Settings, sqlite: Database) -> ModelRegistry:
    return ModelRegistry(mlflow_home, sqlite)


@pytest.fixture
def serving(models: ModelRegistry) -> Serving:
    return Serving(models, models.settings)


@pytest.fixture
def unique() -> str:
    """A name nobody else uses on the shared MLflow server."""
    return f"m-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def admin() -> Actor:
    return Actor("a" * 32, "ada", Role.ADMIN)


@pytest.fixture
def engineer() -> Actor:
    return Actor("e" * 32, "eve", Role.ENGINEER)


@pytest.fixture
def user() -> Actor:
    return Actor("f" * 32, "fay", Role.USER)


@pytest.fixture(scope="session")
def serve() -> Callable[[ASGIApp], AbstractContextManager[str]]:
    """A context manager that serves an application on a free port; gives host:port."""
    return _serving


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], bool]], bool]:
    """Whether something comes true before a deadline."""
    return _until


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


def _until(holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether something comes true before the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return holds()


def _postgres(statement: str) -> None:
    engine = create_engine(f"{POSTGRES}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
