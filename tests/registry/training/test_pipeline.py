"""dvc.yaml, params.yaml, dvc.lock and the committed files tell one story."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
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
    assert set(pipeline) - set(lock) <= {"publish", "tune-publish"}


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
            if isinstance(value, dict):
                expected = {part: expected[part] for part in value}
            assert value == expected, f"{name}: {key}"


def test_the_metrics_are_of_these_parameters(root: Path, params: TrainingParams) -> None:
    metrics = json.loads((root / "data/starter/digit-detector/metrics.json").read_text())
    assert metrics["scenes"] == params.dataset.held_out_scenes


TUNE = ("tune-data", "tune-train", "tune-export", "tune-evaluate", "tune-publish")


def _dvc(folder: Path, *words: str) -> str:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"
    environment = {
        "PATH": programs,
        "HOME": str(folder),
        "PYTHONPATH": str(folder),
        "NEXUSAI_HOME": str(folder / "home"),
        "DVC_NO_ANALYTICS": "1",
    }
    line = [sys.executable, "-m", "dvc", *words]
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def clone(root: Path, tmp_path: Path) -> Path:
    """The code, the pipeline and the starters, as somebody who has cloned the repository has them."""
    for name in ("app", "flows", "registry", "data/starter", "data/samples"):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", "dvc.lock", "params.yaml", "mlflow.yaml"):
        shutil.copyfile(root / name, tmp_path / name)
    _dvc(tmp_path, "init", "--no-scm", "--quiet")
    return tmp_path


def test_dvc_reads_the_pipeline_in_a_clone(clone: Path) -> None:
    edges = _dvc(clone, "dag", "--dot")
    for before, after in pairwise(TUNE):
        assert f'"{before}" -> "{after}"' in edges
    told = json.loads(_dvc(clone, "status", "--json", "tune-data"))
    assert set(told) <= {"tune-data"}, told
    [about] = told["tune-data"]
    assert set(about) == {"changed outs"}, "code and parameters are those of the lock; only its pictures are not in git"


@pytest.mark.slow
def test_dvc_repro_trains_evaluates_exports_and_publishes_in_a_clone(clone: Path) -> None:
    given = yaml.safe_load((clone / "params.yaml").read_text())
    given["tune"]["counts"] = {"train": 16, "val": 6, "test": 6}
    given["tune"]["size_px"] = 64
    given["tune"]["recipe"] |= {"epochs": 1, "batch": 8}
    (clone / "params.yaml").write_text(yaml.safe_dump(given))
    _dvc(clone, "repro", "--downstream", "tune-data")
    metrics = json.loads((clone / "data/work/tune/metrics.json").read_text())
    assert 0 < metrics["mAP50"] <= 1
    assert {"confusion.png", "evaluation.json"} <= {each.name for each in (clone / "data/work/tune/report").iterdir()}
    again = _dvc(clone, "repro", "--downstream", "tune-data")
    assert "didn't change, skipping" in again
    assert "Running stage" not in again
