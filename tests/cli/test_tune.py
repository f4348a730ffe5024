"""`nexusai models tune` as a person and as a script run it."""

import json
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from registry.access import Actor
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.tuning_table import TuningTable
from registry.records import open_database
from registry.settings import Settings, child_environment
from registry.testing.onnx_models import COLOUR_CARD, COLOURS, colour_classifier
from registry.testing.platform import nexusai
from tests.cli.here import here


@pytest.fixture(scope="module", autouse=True)
def upgraded(mlflow_home: Settings) -> None:
    """The records of the home that every command here looks into."""
    database = open_database(mlflow_home.records_url)
    database.upgrade()
    database.close()


@pytest.fixture
def name(models: ModelRegistry, engineer: Actor, unique: str) -> str:
    files = {"model.onnx": colour_classifier()}
    return models.publish(engineer, Draft(unique, files, COLOUR_CARD, alias="champion")).name


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for split in ("train", "val"):
        for label, colour in enumerate(COLOURS):
            folder = tmp_path / "pictures" / split / colour
            folder.mkdir(parents=True)
            image = np.zeros((40, 40, 3), np.uint8)
            image[..., 2 - label] = 200
            cv2.imwrite(str(folder / "0.png"), image)
    return tmp_path / "pictures"


def _tune(home: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = child_environment(home, COLUMNS="200")
    line = nexusai("models", "tune", *arguments)
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=240, check=False)


def test_a_script_gets_the_table_and_what_was_chosen(mlflow_home: Settings, name: str, pictures: Path) -> None:
    done = _tune(mlflow_home, name, "--dataset", str(pictures), "--minutes", "0.1", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    table = TuningTable.model_validate(said)
    assert (said["version"], table.metric, table.default_accuracy) == (1, "top-1", 1.0)
    assert table.rows[0].alone
    assert table.verdict
    assert "choice" in said


def test_a_person_gets_the_table_and_a_verdict(mlflow_home: Settings, name: str, pictures: Path) -> None:
    done = here(mlflow_home, "models", "tune", name, "--version", "1", "--dataset", str(pictures), "--minutes", "0.1")
    assert done.returncode == 0, done.stderr
    assert "fp32 32×32, onnxruntime-cpu" in done.stdout
    assert "top-1" in done.stdout
    assert "Version 1 runs here by" in done.stdout
    assert "accuracy of the default" in done.stderr, "progress goes to standard error"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), "invalid_input", "labelled pictures"),
        (("--dataset", "nowhere"), "invalid_input", "not a folder"),
        (("--dataset", "starter"), "invalid_input", "other labels"),
        (("--dataset", "starter", "--goal", "beauty"), "invalid_input", "latency or throughput"),
        (("--dataset", "starter", "--bound", "7"), "invalid_input", "share from 0 to 1"),
        (("--dataset", "starter", "--version", "9"), "version_not_found", "no version 9"),
    ],
)
def test_what_cannot_be_tuned_is_told(
    mlflow_home: Settings, name: str, arguments: tuple[str, ...], code: str, said: str
) -> None:
    done = here(mlflow_home, "models", "tune", name, *arguments)
    assert done.returncode == 1
    error = json.loads(done.stderr.strip().splitlines()[-1])["error"]
    assert (error["code"], said in error["message"]) == (code, True), error
