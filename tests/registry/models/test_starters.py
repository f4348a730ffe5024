"""The starters' way in at the start: the first version is the champion, a changed one only once it is proven."""

from pathlib import Path

import pytest
import yaml

from registry.access import Actor
from registry.errors import InvalidModel
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.starters import publish_starters
from registry.records import Database
from registry.runtime.card import MODEL_FILE, ModelCard
from registry.testing.onnx_models import BLOB_CARD, blob_detector


@pytest.fixture
def starter(models: ModelRegistry, sqlite: Database, unique: str, tmp_path: Path) -> ModelRegistry:
    """A registry whose catalogue has one starter, in the folder `starter`."""
    (tmp_path / "starter").mkdir()
    _write(tmp_path, BLOB_CARD)
    file = tmp_path / "mlflow.yaml"
    entry = {"name": unique, "source": str(tmp_path / "starter"), "starter": True}
    file.write_text(yaml.safe_dump({"catalogue": [entry]}), encoding="utf-8")
    return ModelRegistry(models.settings.model_copy(update={"mlflow_file": file}), sqlite)


def _write(folder: Path, card: ModelCard) -> None:
    (folder / "starter" / MODEL_FILE).write_bytes(blob_detector())
    (folder / "starter" / "card.json").write_text(card.model_dump_json(), encoding="utf-8")


def _refuse(*_: object) -> None:
    raise InvalidModel("it cannot be served")


def test_the_first_version_is_the_champion_and_nothing_is_loaded_for_it(
    starter: ModelRegistry, admin: Actor, unique: str
) -> None:
    (made,) = publish_starters(starter, admin, _refuse)
    assert (made.version, made.aliases) == (1, ("champion",))
    assert publish_starters(starter, admin, _refuse) == []


def test_a_changed_starter_is_the_champion_once_it_is_proven(
    starter: ModelRegistry, admin: Actor, unique: str, tmp_path: Path
) -> None:
    serving = Serving(starter, starter.settings)
    publish_starters(starter, admin, serving.move_alias)
    _write(tmp_path, BLOB_CARD.model_copy(update={"labels": ("rot", "gelb", "blau")}))
    (made,) = publish_starters(starter, admin, serving.move_alias)
    assert (made.version, made.aliases) == (2, ("champion",))
    assert serving._loaded.at_hand(made), "it was loaded before it was named"


def test_a_changed_starter_that_cannot_be_served_leaves_the_champion_where_it_is(
    starter: ModelRegistry, admin: Actor, unique: str, tmp_path: Path
) -> None:
    publish_starters(starter, admin)
    _write(tmp_path, BLOB_CARD.model_copy(update={"labels": ("rot", "gelb", "blau")}))
    (made,) = publish_starters(starter, admin, _refuse)
    assert (made.version, made.aliases) == (2, ())
    assert starter.get(admin, unique).aliases == {"champion": 1}
