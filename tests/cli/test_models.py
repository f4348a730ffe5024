"""`nexusai models push` and `rollback`, on records and an MLflow of their own."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from registry.access import Actor
from registry.models.files import sha256_of
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.tags import TUNED
from registry.records import open_database
from registry.runtime.machine import host_key
from registry.settings import Settings
from registry.testing.onnx_models import BLOB_CARD, blob_detector
from registry.testing.prompt_models import PROMPT_CARD, colour_decoder, colour_encoder
from tests.cli.here import here


@pytest.fixture(scope="module", autouse=True)
def upgraded(mlflow_home: Settings) -> None:
    """The records of the home that every command here looks into."""
    database = open_database(mlflow_home.records_url)
    database.upgrade()
    database.close()


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "spots.bin"  # a name says nothing
    path.write_bytes(blob_detector())
    return str(path)


def test_a_file_is_pushed_with_its_steps_shown(
    mlflow_home: Settings, models: ModelRegistry, admin: Actor, unique: str, file: str
) -> None:
    about = ("--description", "light spots", "--access-level", "private")
    done = here(mlflow_home, "models", "push", file, "--name", unique, *about)
    assert done.returncode == 0, done.stderr
    for step in ("receive  done", "scan     done", "convert  skipped", "verify   done", "register done     version 1"):
        assert step in done.stdout
    assert f"{unique} version 1 (detect)" in done.stdout
    model = models.get(admin, unique)
    assert (model.description, model.access_level, model.aliases) == ("light spots", "private", {"champion": 1})


def test_a_script_is_told_the_version_with_its_card_parent_and_alias(
    mlflow_home: Settings, models: ModelRegistry, admin: Actor, unique: str, file: str, tmp_path: Path
) -> None:
    here(mlflow_home, "models", "push", file, "--name", unique, "--alias", "")
    assert models.get(admin, unique).aliases == {}
    card = tmp_path / "card.json"
    card.write_text(BLOB_CARD.model_copy(update={"labels": ("rot", "gelb", "blau")}).model_dump_json())
    further = ("--card", str(card), "--alias", "canary", "--parent", f"{unique}/1", "--json")
    made = json.loads(here(mlflow_home, "models", "push", file, "--name", unique, *further).stdout)
    assert (made["version"], made["aliases"], made["lineage"]["parent"]) == (2, ["canary"], f"{unique}/1")
    assert made["card"]["labels"] == ["rot", "gelb", "blau"]
    assert models.get(admin, unique).aliases == {"canary": 2}


def test_a_folder_is_packed_and_pushed(mlflow_home: Settings, unique: str, tmp_path: Path) -> None:
    folder = tmp_path / "pair"
    folder.mkdir()
    (folder / "encoder.onnx").write_bytes(colour_encoder())
    (folder / "decoder.onnx").write_bytes(colour_decoder())
    card = tmp_path / "card.json"
    card.write_text(PROMPT_CARD.model_dump_json())
    done = here(mlflow_home, "models", "push", str(folder), "--name", unique, "--card", str(card), "--json")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["files"]) == {"encoder.onnx", "decoder.onnx"}


def test_what_is_no_model_is_refused_and_registers_nothing(
    mlflow_home: Settings, models: ModelRegistry, admin: Actor, unique: str, file: str, tmp_path: Path
) -> None:
    (tmp_path / "evil").write_bytes(b"\x80\x02cos\nsystem\n)R.")
    (tmp_path / "empty").mkdir()
    push = ("models", "push")
    for arguments, code in (
        ((str(tmp_path / "evil"), "--name", unique), "model_invalid"),
        ((str(tmp_path / "empty"), "--name", unique), "model_invalid"),
        ((str(tmp_path / "none"), "--name", unique), "model_invalid"),
        ((file, "--name", "no name"), "invalid_input"),
        ((file, "--name", unique, "--alias", "No"), "invalid_input"),
        ((file, "--name", unique, "--parent", "nobody/1"), "model_not_found"),
    ):
        done = here(mlflow_home, *push, *arguments)
        assert done.returncode == 1
        assert json.loads(done.stderr.strip().splitlines()[-1])["error"]["code"] == code, arguments
    for usage in (("--access-level", "everybody"), ("--card", str(tmp_path / "none.json"))):
        assert here(mlflow_home, *push, file, "--name", unique, *usage).returncode == 2
    assert models.list(admin, search=unique)[1] == 0


def test_a_version_whose_alias_cannot_be_moved_is_registered_and_ends_with_1(
    mlflow_home: Settings, models: ModelRegistry, admin: Actor, unique: str, tmp_path: Path
) -> None:
    data = blob_detector(metadata={"made-for": unique})
    (tmp_path / "spots.onnx").write_bytes(data)
    push = ("models", "push", str(tmp_path / "spots.onnx"), "--name", unique)
    before = set(mlflow_home.prepared_graphs.glob("*/*"))
    assert here(mlflow_home, *push).returncode == 0
    (prepared,) = set(mlflow_home.prepared_graphs.glob("*/*")) - before
    shutil.rmtree(prepared)
    prepared.write_bytes(b"")  # where its graph would be prepared to be loaded, something else is in the way,
    kept = mlflow_home.home / "cache" / "models" / sha256_of(data)[:2] / sha256_of(data)
    kept.mkdir(parents=True)  # and where its file would be kept
    done = here(mlflow_home, *push)
    assert done.returncode == 1
    assert f"{unique} version 2 (detect)" in done.stdout
    assert "champion stays where it is" in done.stderr
    assert models.get(admin, unique).aliases == {"champion": 1}


def test_an_alias_is_rolled_back_to_the_version_it_named_before(
    mlflow_home: Settings, models: ModelRegistry, admin: Actor, unique: str, file: str
) -> None:
    for _ in range(2):
        here(mlflow_home, "models", "push", file, "--name", unique)
    assert models.get(admin, unique).aliases == {"champion": 2}
    done = here(mlflow_home, "models", "rollback", unique)
    assert (done.returncode, done.stdout) == (0, f"champion of {unique} is version 1 again.\n")
    assert models.get(admin, unique).aliases == {"champion": 1}
    assert "named no other version before" in here(mlflow_home, "models", "rollback", unique).stderr


def test_what_is_logged_on_the_way_is_not_in_the_answer_of_a_script(
    mlflow_home: Settings, models: ModelRegistry, admin: Actor, unique: str, tmp_path: Path
) -> None:
    models.publish(admin, Draft(unique, {"model.onnx": blob_detector()}, BLOB_CARD, alias="champion"))
    (tmp_path / "black.png").write_bytes(cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes())
    with models.connected() as client:
        client.set_model_version_tag(unique, "1", f"{TUNED}{host_key()}", "no choice")
    done = here(mlflow_home, "predict", str(tmp_path / "black.png"), "--model", unique, "--json")
    assert json.loads(done.stdout)["detections"] == []
    assert "choice_unreadable" in done.stderr
