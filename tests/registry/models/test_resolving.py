"""What is remembered of MLflow's answers, on a real server; counted is how often it is asked."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from registry.access import Actor
from registry.errors import ModelNotFound
from registry.models import resolving
from registry.models.changes import ModelChanges
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.resolving import Asked, Resolver
from registry.models.types import CHAMPION, ModelVersion
from registry.records import Database
from registry.settings import Settings
from registry.testing.onnx_models import BLOB_CARD, blob_detector, blob_detector_with_nms


class Counted(ModelRegistry):
    """Counts the questions."""

    asked = 0

    def resolve(self, *arguments: Any, **named: Any) -> ModelVersion:
        """As the registry does."""
        self.asked += 1
        return super().resolve(*arguments, **named)


@pytest.fixture
def counted(mlflow_home: Settings, sqlite: Database) -> Counted:
    return Counted(mlflow_home, sqlite)


@pytest.fixture
def resolver(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    """One to whom everything is old at once, but for what the database's mark says."""
    monkeypatch.setattr(resolving, "RESOLVE_SECONDS", 0.0)
    monkeypatch.setattr(resolving, "STALE_SECONDS", 0.0)
    made = Resolver(counted)
    yield made
    made.close()


@pytest.fixture
def asked(counted: Counted, engineer: Actor, unique: str) -> Asked:
    """For the champion of a model with two versions, the first of which it is."""
    counted.publish(engineer, Draft(unique, {"model.onnx": blob_detector()}, BLOB_CARD, alias=CHAMPION))
    counted.publish(engineer, Draft(unique, {"model.onnx": blob_detector_with_nms()}, BLOB_CARD))
    return Asked(engineer, unique)


def test_while_nothing_is_written_mlflow_is_not_asked_again(resolver: Resolver, counted: Counted, asked: Asked) -> None:
    first, before = resolver.resolve(asked), counted.asked
    for _ in range(20):
        assert resolver.resolve(asked).version == first.version
    assert resolver.resolve(asked).at > first.at, "known to be so by now"
    assert counted.asked == before


def test_an_alias_that_another_process_moved_is_seen(
    resolver: Resolver, counted: Counted, asked: Asked, until: Callable[[Callable[[], bool]], bool]
) -> None:
    assert resolver.resolve(asked).version.version == 1
    with counted.connected() as client:
        client.set_registered_model_alias(asked.model, CHAMPION, "2")
    assert until(lambda: resolver.resolve(asked).version.version == 2)
    questions = counted.asked
    resolver.resolve(asked)
    assert counted.asked == questions


def test_a_right_that_was_taken_away_is_seen(
    resolver: Resolver,
    counted: Counted,
    asked: Asked,
    user: Actor,
    sqlite: Database,
    until: Callable[[Callable[[], bool]], bool],
) -> None:
    theirs, changes = replace(asked, actor=user), ModelChanges(counted, sqlite)
    changes.update(asked.actor, asked.model, access_level="authenticated")
    assert resolver.resolve(theirs).version.version == 1
    changes.update(asked.actor, asked.model, access_level="premium")
    with pytest.raises(ModelNotFound):
        until(lambda: resolver.resolve(theirs) is None)
    assert resolver.resolve(replace(theirs, actor=replace(user, premium=True))).version.version == 1
    with pytest.raises(ModelNotFound):
        resolver.resolve(theirs)
