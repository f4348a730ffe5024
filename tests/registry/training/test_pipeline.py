"""dvc.yaml, params.yaml, dvc.lock and the committed files tell one story."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.stages import stages
from registry.training.params import TrainingParams


@pytest.fixture(scope="session")
def pipeline(root: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((root / "dvc.yaml").read_text())["stages"])


@pytest.fixture(scope="session")
def lock(root: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((root / "dvc.lock").read_text())["stages"])


def test_every_stage_runs_the_command_of_its_name(pipeline: dict[str, Any]) -> None:
    for name, stage in pipeline.items():
        assert stage["cmd"] == f"python -m flows.stages {name}"
    commands = {command.name or command.callback.__name__.replace("_", "-") for command in stages.registered_commands}
    assert commands == set(pipeline)


def test_every_stage_but_publish_has_run(pipeline: dict[str, Any], lock: dict[str, Any]) -> None:
    assert set(pipeline) - set(lock) <= {"publish"}


def test_the_lock_is_of_these_files(root: Path, lock: dict[str, Any]) -> None:
    """After an edit of training code: `dvc repro evaluate samples`."""
    for name, stage in lock.items():
        for entry in stage.get("deps", []) + stage.get("outs", []):
            path = root / entry["path"]
            if path.is_file():
                assert hashlib.md5(path.read_bytes()).hexdigest() == entry["md5"], f"{name}: {entry['path']}"


def test_the_lock_is_of_these_parameters(lock: dict[str, Any], params: TrainingParams) -> None:
    ours = json.loads(params.model_dump_json())
    for name, stage in lock.items():
        for key, value in stage.get("params", {}).get("params.yaml", {}).items():
            expected = ours
            for part in key.split("."):
                expected = expected[part]
            assert value == expected, f"{name}: {key}"


def test_the_metrics_are_of_these_parameters(root: Path, params: TrainingParams) -> None:
    metrics = json.loads((root / "data/starter/digit-detector/metrics.json").read_text())
    assert metrics["scenes"] == params.dataset.held_out_scenes
