"""Segmenters and classifiers, from nothing; and the search. Slow: each is a training of its own."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from registry.jobs.train_parameters import Architecture, Recipe
from registry.models.registering import register
from registry.records import JobState
from registry.vision.encoding import encode_png

if TYPE_CHECKING:
    from tests.registry.training.finetune.conftest import School

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]
_SIZE = 64
_SPLITS = {"train": 24, "val": 8, "test": 8}
SCRATCH = Recipe(epochs=2, batch=8, image_size=_SIZE, learning_rate=0.004, architecture=Architecture())


def _shape(seed: int, kind: int) -> tuple[np.ndarray[Any, Any], list[float]]:
    """A bright square or a wide bar on noise, and its outline in shares of the picture."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 60, (_SIZE, _SIZE, 3), np.uint8)
    width, height = (24, 24) if kind == 0 else (40, 12)
    x, y = int(rng.integers(2, _SIZE - width - 2)), int(rng.integers(2, _SIZE - height - 2))
    picture[y : y + height, x : x + width] = (240, 200, 60) if kind == 0 else (60, 200, 240)
    x1, y1, x2, y2 = (value / _SIZE for value in (x, y, x + width, y + height))
    return picture, [x1, y1, x2, y1, x2, y2, x1, y2]


def _outlines(folder: Path) -> Path:
    for split, count in _SPLITS.items():
        for part in ("images", "labels"):
            (folder / part / split).mkdir(parents=True)
        for number in range(count):
            picture, ring = _shape(len(split) * 1_000 + number, number % 2)
            (folder / f"images/{split}/{number}.png").write_bytes(encode_png(picture))
            line = " ".join(f"{value:.6f}" for value in ring)
            (folder / f"labels/{split}/{number}.txt").write_text(f"{number % 2} {line}\n")
    spec = {split: f"images/{split}" for split in _SPLITS} | {"names": ["square", "bar"]}
    (folder / "data.yaml").write_text(yaml.safe_dump(spec))
    return folder


def _folders(folder: Path) -> Path:
    for split, count in _SPLITS.items():
        for number in range(count):
            picture, _ = _shape(len(split) * 2_000 + number, number % 2)
            place = folder / split / ("square", "bar")[number % 2]
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{number}.png").write_bytes(encode_png(picture))
    return folder


@pytest.mark.parametrize(("task", "write"), [("segment", _outlines), ("classify", _folders)], ids=str)
def test_a_network_is_trained_from_nothing_and_then_further(
    school: "School", tmp_path: Path, task: str, write: Any
) -> None:
    name = f"{school.model}-{task}"
    register(school.rooms.models, school.actor, name, task=task)
    school.add(write(tmp_path / "set"), name)
    asked = school.asked(model=name, dataset=name, recipe=SCRATCH)
    first = school.run(school.trainings.start(school.actor, asked))
    assert first.state == JobState.SUCCEEDED, first.error
    result = first.result or {}
    assert result["parent"] == ""
    expected = {"mask mAP50", "mask mAP50-95"} if task == "segment" else {"accuracy", "macro F1"}
    assert expected <= set(result["figures"])
    further = SCRATCH.model_copy(update={"architecture": None, "epochs": 1})
    second = school.run(school.trainings.start(school.actor, school.asked(model=name, dataset=name, recipe=further)))
    assert second.state == JobState.SUCCEEDED, second.error
    told = second.result or {}
    assert (told["parent"], told["model"]["version"]) == (f"{name}/1", 2)
    assert set(told["figures"]) == set(told["parent_figures"])
    version = school.rooms.models.version(school.actor, name, 2)
    assert (str(version.card.task), set(version.card.labels)) == (task, {"square", "bar"})


def test_a_search_tries_several_settings_and_trains_with_the_best(school: "School") -> None:
    recipe = Recipe(epochs=2, batch=8, image_size=_SIZE, augment="none", search_minutes=30, search_trials=3, seed=3)
    ended = school.run(school.trainings.start(school.actor, school.asked(recipe=recipe)))
    assert ended.state == JobState.SUCCEEDED, ended.error
    trials = (ended.result or {})["trials"]
    assert [each["number"] for each in trials] == [0, 1, 2]
    assert trials[0]["parameters"]["learning_rate"] == recipe.learning_rate
    assert json.dumps(trials[1]["parameters"]) != json.dumps(trials[0]["parameters"])
    assert all(each["epochs"] for each in trials)
    with school.rooms.models.connected() as client:
        experiment = client.get_run(ended.mlflow_run_id).info.experiment_id
        below = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{ended.mlflow_run_id}'")
    assert len(below) == 3
