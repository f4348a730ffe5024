"""Cameras of a platform in this process, on each kind of database."""

import pytest

from registry.access import Actor
from registry.access.live import Live
from registry.cameras.cameras import Cameras
from registry.cameras.events import Events
from registry.models.registry import ModelRegistry
from registry.records import Database, Role
from registry.settings import Settings
from registry.storage import LocalStorage


@pytest.fixture
def operator() -> Actor:
    return Actor("b" * 32, "bob", Role.OPERATOR)


@pytest.fixture
def live(database: Database, settings: Settings) -> Live:
    return Live(database, settings)


@pytest.fixture
def cameras(settings: Settings, mlflow_home: Settings, database: Database, live: Live) -> Cameras:
    return Cameras(settings, database, live, ModelRegistry(mlflow_home, database), loopback=True)


@pytest.fixture
def events(settings: Settings, database: Database, live: Live) -> Events:
    return Events(database, LocalStorage(settings.home / "storage"), live)
