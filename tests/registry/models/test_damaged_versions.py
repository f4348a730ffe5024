"""A version that is not what was registered is told of, and stands in nobody else's way."""

import shutil

import numpy as np
import pytest

from registry.access import Actor
from registry.errors import IntegrityError, VersionNotFound
from registry.models.changes import ModelChanges
from registry.models.intake import take_in
from registry.models.promotion import rollback, ways_back
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.types import CHAMPION
from registry.records import Database
from registry.testing.onnx_models import blob_detector


@pytest.fixture
def three(models: ModelRegistry, engineer: Actor, unique: str) -> str:
    """A model whose champion went from its first version to its third."""
    blob = blob_detector()
    for _ in range(3):
        take_in(models, engineer, blob, unique)
    for version in (1, 2, 3):
        models.set_alias(engineer, unique, CHAMPION, version)
    return unique


def _tamper(models: ModelRegistry, name: str, version: int) -> None:
    with models.connected() as client:
        client.set_model_version_tag(name, str(version), "nexusai.files", "[1")


def test_the_other_versions_are_listed_and_the_damaged_one_is_named(
    models: ModelRegistry, engineer: Actor, three: str
) -> None:
    _tamper(models, three, 2)
    found = models.survey(engineer, three)
    assert [each.version for each in found.versions] == [3, 1]
    assert [each.version for each in found.damaged] == [2]
    assert "nexusai.files" in found.damaged[0].detail
    assert [each.version for each in models.versions(engineer, three)] == [3, 1]
    assert list(models.numbers(engineer, three)) == [3, 2, 1]
    with pytest.raises(IntegrityError):
        models.version(engineer, three, 2)


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("nexusai.sha256", "0" * 64),  # answers would tell a hash that no file has
        ("nexusai.files", f'{{"model.onnx": "{"0" * 64}"}}'),
    ],
)
def test_a_version_whose_hashes_disagree_is_damaged(
    models: ModelRegistry, serving: Serving, engineer: Actor, three: str, tag: str, value: str
) -> None:
    with models.connected() as client:
        client.set_model_version_tag(three, "3", tag, value)
    found = models.survey(engineer, three)
    assert [each.version for each in found.versions] == [2, 1]
    assert [each.version for each in found.damaged] == [3]
    assert tag in found.damaged[0].detail
    with pytest.raises(IntegrityError, match="do not agree"):
        serving.predict(engineer, np.zeros((32, 32, 3), np.uint8), model=three)


def test_a_rollback_passes_it_over(models: ModelRegistry, engineer: Actor, three: str) -> None:
    _tamper(models, three, 2)
    assert ways_back(models, engineer, three)[CHAMPION] == 1
    assert rollback(models, engineer, three).version == 1


def test_a_damaged_champion_can_be_left(models: ModelRegistry, serving: Serving, engineer: Actor, three: str) -> None:
    _tamper(models, three, 3)
    with pytest.raises(IntegrityError):
        models.resolve(engineer, three)
    assert rollback(models, engineer, three, move=serving.move_alias).version == 2
    assert models.resolve(engineer, three).version == 2


def test_it_can_be_deleted(models: ModelRegistry, sqlite: Database, admin: Actor, three: str) -> None:
    _tamper(models, three, 2)
    ModelChanges(models, sqlite).delete_version(admin, three, 2)
    assert list(models.numbers(admin, three)) == [3, 1]
    with pytest.raises(VersionNotFound):
        ModelChanges(models, sqlite).delete_version(admin, three, 2)


def test_what_is_gone_from_the_store_is_damage(models: ModelRegistry, engineer: Actor, three: str) -> None:
    for each in models.versions(engineer, three):
        shutil.rmtree(next((models.settings.home / "mlflow-artifacts").rglob(f"{each.run_id}/artifacts/model")))
    shutil.rmtree(models.settings.home / "cache" / "models")
    found = models.survey(engineer, three)
    assert found.versions == []
    assert [each.version for each in found.damaged] == [3, 2, 1]
    assert all("card.json" in each.detail for each in found.damaged)
