"""The registry on a real MLflow server."""

import hashlib
import json
import shutil
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from sqlmodel import select

from registry.access import Actor
from registry.access.actor import ANONYMOUS
from registry.errors import (
    AliasNotFound,
    Forbidden,
    IntegrityError,
    InvalidInput,
    InvalidModel,
    MlflowUnavailable,
    ModelNotFound,
    NotSignedIn,
    UnsupportedOutputs,
    UploadTooLarge,
    VersionNotFound,
)
from registry.models.intake import take_in
from registry.models.process import running_mlflow
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.resolving import STALE_SECONDS
from registry.models.serving import Serving
from registry.models.trial import try_out
from registry.models.types import CHAMPION
from registry.records import AuditEntry, Database
from registry.runtime.card import MODEL_FILE, ModelCard
from registry.settings import Settings, load_settings
from registry.testing.onnx_models import (
    BLOB_CARD,
    COLOUR_LOGITS_CARD,
    blob_detector,
    model_with_outputs,
    runtime_sized,
)


@pytest.fixture(scope="session")
def blob() -> bytes:
    return blob_detector()


def _take_in(models: ModelRegistry, actor: Actor, blob: bytes, name: str, **more: object):  # type: ignore[no-untyped-def]
    return take_in(models, actor, blob, name, **more)  # type: ignore[arg-type]


def test_a_published_model_is_listed_resolved_and_fetched(
    models: ModelRegistry, engineer: Actor, user: Actor, blob: bytes, unique: str
) -> None:
    made = _take_in(models, engineer, blob, unique, description="finds light spots")
    found, total = models.list(user, search=unique.upper())
    assert (total, found[0].name, found[0].owner_name, found[0].task) == (1, unique, "eve", "detect")
    assert found[0].aliases == {CHAMPION: 1}
    resolved = models.resolve(user, unique)
    assert resolved == made
    assert resolved.sha256 == hashlib.sha256(blob).hexdigest()
    assert models.files.proven(resolved)["model.onnx"].read() == blob


def test_the_version_is_a_proper_mlflow_model(models: ModelRegistry, engineer: Actor, blob: bytes, unique: str) -> None:
    import mlflow
    import mlflow.onnx

    made = _take_in(models, engineer, blob, unique)
    with models._mlflow.connected() as client:
        run = client.get_run(made.run_id)
        mlflow.set_tracking_uri(client.tracking_uri)
        loaded = mlflow.onnx.load_model(f"models:/{unique}@{CHAMPION}")
        signature = mlflow.models.get_model_info(f"models:/{unique}@{CHAMPION}").signature
    assert run.data.params["task"] == "detect"
    assert run.info.status == "FINISHED"
    assert isinstance(loaded, onnx.ModelProto)
    assert signature.inputs.inputs[0].type == np.dtype("float32")


def test_a_second_version_takes_the_alias_and_the_first_stays(
    models: ModelRegistry, engineer: Actor, blob: bytes, unique: str
) -> None:
    _take_in(models, engineer, blob, unique)
    card = models.resolve(engineer, unique).card.model_copy(update={"description": "again"})
    _take_in(models, engineer, blob, unique, card=card)
    assert [each.version for each in models.versions(engineer, unique)] == [2, 1]
    assert models.resolve(engineer, unique).version == 2
    models.set_alias(engineer, unique, CHAMPION, 1)
    assert models.resolve(engineer, unique).version == 1
    assert models.resolve(engineer, unique, version=2).card.description == "again"


def test_a_version_without_an_alias_does_not_replace_the_champion(
    models: ModelRegistry, engineer: Actor, blob: bytes, unique: str
) -> None:
    _take_in(models, engineer, blob, unique)
    _take_in(models, engineer, blob, unique, alias="")
    assert models.resolve(engineer, unique).version == 1


def test_what_is_not_there_is_named(models: ModelRegistry, engineer: Actor, blob: bytes, unique: str) -> None:
    _take_in(models, engineer, blob, unique)
    with pytest.raises(ModelNotFound, match="no-such"):
        models.resolve(engineer, "no-such")
    with pytest.raises(VersionNotFound, match="9"):
        models.resolve(engineer, unique, version=9)
    with pytest.raises(AliasNotFound, match="champion"):
        models.resolve(engineer, unique, alias="challenger")
    with pytest.raises(InvalidInput, match="not both"):
        models.resolve(engineer, unique, version=1, alias=CHAMPION)
    with pytest.raises(VersionNotFound):
        models.set_alias(engineer, unique, CHAMPION, 9)


@pytest.mark.parametrize("name", ["", "a b", "../x", "a/b", "-a", "x" * 64, "naïve", "a'b", "a\n"])
def test_a_name_that_is_none_is_refused(models: ModelRegistry, engineer: Actor, blob: bytes, name: str) -> None:
    with pytest.raises(InvalidInput):
        _take_in(models, engineer, blob, name)
    with pytest.raises(InvalidInput):
        models.get(engineer, name)


@pytest.mark.parametrize("alias", ["A", "1", "latest version", "x" * 32, "v1\n", "latest", "v1", "v12"])
def test_an_alias_that_is_none_is_refused(
    models: ModelRegistry, engineer: Actor, blob: bytes, unique: str, alias: str
) -> None:
    with pytest.raises(InvalidInput):
        _take_in(models, engineer, blob, unique, alias=alias)


def test_only_builders_publish_and_only_owners_change(
    models: ModelRegistry, engineer: Actor, user: Actor, admin: Actor, blob: bytes, unique: str
) -> None:
    with pytest.raises(Forbidden):
        _take_in(models, user, blob, unique)
    with pytest.raises(NotSignedIn):
        _take_in(models, ANONYMOUS, blob, unique)
    _take_in(models, engineer, blob, unique)
    other = replace(engineer, id="o" * 32, name="otto")
    with pytest.raises(Forbidden):
        _take_in(models, other, blob, unique)
    with pytest.raises(Forbidden):
        models.set_alias(other, unique, CHAMPION, 1)
    models.set_alias(admin, unique, "approved", 1)


def test_a_private_model_does_not_exist_for_others(
    models: ModelRegistry, engineer: Actor, user: Actor, admin: Actor, blob: bytes, unique: str
) -> None:
    _take_in(models, engineer, blob, unique, access_level="private")
    assert models.list(user, search=unique) == ([], 0)
    with pytest.raises(ModelNotFound, match=unique):
        models.resolve(user, unique)
    assert models.resolve(admin, unique).version == 1


def test_pages_are_sorted_and_complete(models: ModelRegistry, engineer: Actor, blob: bytes, unique: str) -> None:
    for letter in "cab":
        _take_in(models, engineer, blob, f"{unique}-{letter}")
    first, total = models.list(engineer, search=unique, number=1, size=2)
    second, _ = models.list(engineer, search=unique, number=2, size=2)
    assert total == 3
    assert [model.name[-1] for model in (*first, *second)] == ["a", "b", "c"]
    assert models.list(engineer, search=unique, task="ocr") == ([], 0)


def test_every_change_leaves_a_trace(
    models: ModelRegistry, sqlite: Database, engineer: Actor, blob: bytes, unique: str
) -> None:
    _take_in(models, engineer, blob, unique)
    models.set_alias(engineer, unique, "challenger", 1)
    with sqlite.read() as session:
        rows = session.exec(select(AuditEntry).where(AuditEntry.target == f"model:{unique}")).all()
    assert [(row.action, row.actor_name) for row in rows] == [("model.publish", "eve"), ("model.alias", "eve")]


def test_a_file_changed_in_the_store_is_never_served(
    models: ModelRegistry, serving: Serving, engineer: Actor, blob: bytes, unique: str
) -> None:
    made = _take_in(models, engineer, blob, unique)
    artifact = next((models.settings.home / "mlflow-artifacts").rglob(f"{made.run_id}/artifacts/model/model.onnx"))
    for kept in (models.settings.home / "cache" / "models").rglob(made.sha256):
        kept.unlink()
    shutil.rmtree(models.settings.home / "cache" / "prepared", ignore_errors=True)  # another test serves the same bytes
    artifact.write_bytes(blob[:-1] + bytes([blob[-1] ^ 1]))
    with pytest.raises(IntegrityError, match="sha256"):
        serving.predict(engineer, np.zeros((32, 32, 3), np.uint8), model=unique)


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("nexusai.card_sha256", "/etc/passwd"),  # would leave the cache folder
        ("nexusai.card_sha256", "../../secrets/jwt.key"),
        ("nexusai.card_sha256", ""),
        ("nexusai.sha256", "x"),
        ("nexusai.files", "[1"),  # no JSON
        ("nexusai.files", "[]"),  # no mapping
        ("nexusai.files", '{"../x": "' + "0" * 64 + '"}'),  # no file name
        ("nexusai.files", '{"model.onnx": "/etc/passwd"}'),
    ],
)
def test_a_tag_that_somebody_wrote_is_never_followed(
    models: ModelRegistry, engineer: Actor, blob: bytes, unique: str, tag: str, value: str
) -> None:
    _take_in(models, engineer, blob, unique)
    with models._mlflow.connected() as client:
        client.set_model_version_tag(unique, "1", tag, value)
    with pytest.raises(IntegrityError, match=r"nexusai\."):
        models.resolve(engineer, unique)


def test_a_file_changed_in_the_cache_is_fetched_again(
    models: ModelRegistry, engineer: Actor, blob: bytes, unique: str
) -> None:
    made = _take_in(models, engineer, blob, unique)
    kept = models.files.proven(made)["model.onnx"]
    models.files._place(kept.sha256).write_bytes(b"changed")
    assert kept.read() == blob
    assert models.files._place(kept.sha256).read_bytes() == blob


def test_a_model_nobody_published_here_is_for_administrators(
    models: ModelRegistry, engineer: Actor, admin: Actor, unique: str
) -> None:
    with models._mlflow.connected() as client:
        client.create_registered_model(unique, {"nexusai.access_level": "everybody"})
    assert models.list(engineer, search=unique)[1] == 0
    assert models.list(admin, search=unique)[1] == 1


def test_first_versions_published_at_once_become_versions_of_one_model(
    models: ModelRegistry, engineer: Actor, blob: bytes, unique: str
) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: _take_in(models, engineer, blob, unique).version, range(4)))
    assert sorted(made) == [1, 2, 3, 4]


def test_answers_go_on_while_mlflow_is_away(
    mlflow_home: Settings, sqlite: Database, engineer: Actor, blob: bytes, unique: str, tmp_path: Path
) -> None:
    home = load_settings(home=tmp_path / "own")
    image = np.zeros((64, 64, 3), np.uint8)
    with running_mlflow(home):
        models = ModelRegistry(home, sqlite)
        serving = Serving(models, home)
        _take_in(models, engineer, blob, unique)
        serving.predict(engineer, image, model=unique)
    deadline = time.monotonic() + 2 * STALE_SECONDS
    while time.monotonic() < deadline:
        serving.predict(engineer, image, model=unique)
    with pytest.raises(MlflowUnavailable):
        serving.predict(engineer, image, model="another")


def test_a_model_that_wants_too_much_when_it_runs_is_refused(
    models: ModelRegistry, engineer: Actor, unique: str
) -> None:
    greedy = runtime_sized(800_000_000)
    with pytest.raises(InvalidModel, match=r"trial|memory|alloc"):
        take_in(models, engineer, greedy, unique, card=COLOUR_LOGITS_CARD)
    assert models.list(engineer, search=unique) == ([], 0)


def test_a_trial_ends_in_time(blob: bytes) -> None:
    with pytest.raises(InvalidModel, match="longer than"):
        try_out({MODEL_FILE: blob}, BLOB_CARD, run_seconds=0.005, seconds=0.05)


def test_a_refused_model_leaves_nothing(models: ModelRegistry, engineer: Actor, unique: str) -> None:
    for bad in (b"", b"not an onnx file", b"PK\x03\x04" + bytes(100), model_with_outputs((1, 2, 3, 5))):
        with pytest.raises((InvalidModel, UnsupportedOutputs)):
            _take_in(models, engineer, bad, unique)
    assert models.list(engineer, search=unique) == ([], 0)


def test_a_model_with_unknown_outputs_is_told_what_was_found_and_what_fits(
    models: ModelRegistry, engineer: Actor, unique: str
) -> None:
    with pytest.raises(UnsupportedOutputs) as caught:
        _take_in(models, engineer, model_with_outputs((1, 2, 3, 5)), unique)
    said = f"{caught.value.message} {caught.value.hint} {caught.value.details}"
    assert "(1, 2, 3, 5)" in said
    assert "(1, 4 + labels, anchors)" in said


def test_a_file_above_the_cap_is_not_even_read(
    models: ModelRegistry, engineer: Actor, unique: str, tmp_path: Path
) -> None:
    huge = tmp_path / "huge.onnx"
    with huge.open("wb") as file:
        file.truncate((models.settings.upload_max_mb + 1) << 20)
    with pytest.raises(UploadTooLarge, match="MiB"):
        take_in(models, engineer, huge, unique)
    with pytest.raises(InvalidModel, match="not a file"):
        take_in(models, engineer, tmp_path / "none.onnx", unique)


def test_a_failed_publication_is_taken_back(
    models: ModelRegistry, engineer: Actor, blob: bytes, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    def refuse(*_: object, **__: object) -> None:
        raise MlflowUnavailable("gone")

    monkeypatch.setattr(mlflow.MlflowClient, "create_model_version", refuse)
    card = ModelCard.model_validate({"task": "detect", "decoder": "yolo", "labels": ["spot"]})
    with pytest.raises(MlflowUnavailable):
        models.publish(engineer, Draft(unique, {"model.onnx": blob}, card))
    monkeypatch.undo()
    assert models.list(engineer, search=unique) == ([], 0)


def test_an_mlflow_that_is_not_running_is_told(settings: Settings, sqlite: Database, engineer: Actor) -> None:
    with pytest.raises(MlflowUnavailable, match=str(settings.home)) as caught:
        ModelRegistry(settings, sqlite).list(engineer)
    assert "nexusai up" in caught.value.hint


def test_an_mlflow_that_does_not_answer_is_told(settings: Settings, sqlite: Database, engineer: Actor) -> None:
    away = settings.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:9"})
    with pytest.raises(MlflowUnavailable, match="does not answer") as caught:
        ModelRegistry(away, sqlite).list(engineer)
    assert caught.value.details == {"uri": "http://127.0.0.1:9"}


def test_our_tags_are_plain_json_that_mlflow_answers(
    models: ModelRegistry, mlflow_home: Settings, engineer: Actor, blob: bytes, unique: str
) -> None:
    from registry.models.server import tracking_uri

    made = _take_in(models, engineer, blob, unique)
    url = f"{tracking_uri(mlflow_home)}/api/2.0/mlflow/model-versions/get?name={unique}&version=1"
    with urllib.request.urlopen(url) as response:
        tags = {tag["key"]: tag["value"] for tag in json.load(response)["model_version"]["tags"]}
    assert json.loads(tags["nexusai.files"]) == {"model.onnx": made.sha256}
