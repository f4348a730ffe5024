"""What an engineer may do through MLflow's own interface, and what is kept from it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import mlflow.onnx
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from onnxruntime import InferenceSession

from registry.testing.platform import Running
from tests.contract.conftest import refusal

BASE = "/mlflow/api/2.0/mlflow"
AJAX = "/mlflow/ajax-api/2.0/mlflow"  # as the browser asks
MODEL = "digit-classifier"
Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def engineer(api: httpx.Client, platform: Running) -> httpx.Client:
    made = {"username": "mlflow-engineer", "password": platform.password, "role": "engineer"}
    api.post("/api/v1/users", json=made).raise_for_status()
    given = {"username": made["username"], "password": made["password"]}
    token = (
        httpx.post(f"{platform.url}/api/v1/auth/login", json=given, timeout=60)
        .raise_for_status()
        .json()["access_token"]
    )
    return httpx.Client(base_url=platform.url, timeout=60, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def api_key(engineer: httpx.Client) -> str:
    """A key of the engineer's, as MLflow's client is given it."""
    asked = {"name": "mlflow", "scopes": ["models"]}
    return str(engineer.post("/api/v1/auth/api-key/generate", json=asked).raise_for_status().json()["key"])


@pytest.fixture(scope="module")
def version(api: httpx.Client) -> dict[str, Any]:
    """A published version as MLflow tells it, with the experiment of its run."""
    found = api.get(f"{BASE}/model-versions/get", params={"name": MODEL, "version": "1"}).raise_for_status().json()
    run = api.get(f"{BASE}/runs/get", params={"run_id": found["model_version"]["run_id"]}).raise_for_status().json()
    return {**found["model_version"], **run["run"]["info"]}


def _json(path: str, named: str, field: str, **further: object) -> Any:
    def ask(client: httpx.Client, version: dict[str, Any]) -> httpx.Response:
        return client.post(f"{BASE}/{path}", json={named: version[field], **further})

    return pytest.param(ask, id=f"{path} by {named}")


def _upload(client: httpx.Client, version: dict[str, Any]) -> httpx.Response:
    where = {"run_uuid": version["run_id"], "path": "model/model.onnx"}
    return client.post("/mlflow/ajax-api/2.0/mlflow/upload-artifact", params=where, content=b"junk")


def _put(client: httpx.Client, version: dict[str, Any]) -> httpx.Response:
    place = f"{version['experiment_id']}/{version['run_id']}/artifacts/model/model.onnx"
    return client.put(f"/mlflow/api/2.0/mlflow-artifacts/artifacts/{place}", content=b"junk")


def _put_beside(client: httpx.Client, version: dict[str, Any]) -> httpx.Response:
    place = f"./{version['experiment_id']}/2.0/mlflow/runs/x"
    return client.put(f"/mlflow/api/2.0/mlflow-artifacts/artifacts/{place}", content=b"junk")


def _packed(client: httpx.Client, version: dict[str, Any]) -> httpx.Response:
    return client.post(f"{BASE}/runs/delete", json=f'{{"run_id": "{version["run_id"]}"}}')


ATTEMPTS = [
    pytest.param(_upload, id="upload-artifact"),
    pytest.param(_put, id="artifact put"),
    pytest.param(_put_beside, id="artifact put that looks like another call"),
    pytest.param(_packed, id="JSON within JSON"),
    _json("runs/delete", "run_id", "run_id"),
    _json("runs/delete", "runId", "run_id"),
    _json("runs/update", "run_uuid", "run_id", status="FAILED"),
    _json("runs/set-tag", "run_id", "run_id", key="mlflow.runName", value="mine"),
    _json("runs/log-metric", "run_id", "run_id", key="map", value=1.0, timestamp=0),
    _json("runs/log-batch", "run_id", "run_id", metrics=[]),
    _json("traces/link", "run_ids", "run_id"),
    _json("runs/create", "experiment_id", "experiment_id"),
    _json("experiments/delete", "experiment_id", "experiment_id"),
    _json("experiments/update", "experiment_id", "experiment_id", new_name="mine"),
]


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_what_published_models_lie_in_is_not_written_by_engineers(
    attempt: Ask, engineer: httpx.Client, api: httpx.Client, version: dict[str, Any]
) -> None:
    refusal(attempt(engineer, version), 403, "forbidden")
    run = api.get(f"{BASE}/runs/get", params={"run_id": version["run_id"]}).raise_for_status().json()["run"]
    assert run["info"]["lifecycle_stage"] == "active"
    artifact = {"run_id": version["run_id"], "path": "model/model.onnx"}
    assert api.get("/mlflow/get-artifact", params=artifact).raise_for_status().content != b"junk"


def _told(api: httpx.Client, call: str, outcome: str) -> bool:
    """Whether the trail has it; the row is written after the answer went out."""
    wanted = {"person": "mlflow-engineer", "action": "mlflow.change", "outcome": outcome}
    found = api.get("/api/v1/audit", params=wanted).json()["items"]
    return any(entry["target"].endswith(call) for entry in found)


def test_refusals_are_in_the_trail(
    engineer: httpx.Client, api: httpx.Client, version: dict[str, Any], until: Callable[[Callable[[], bool]], bool]
) -> None:
    refusal(_upload(engineer, version), 403, "forbidden")
    assert until(lambda: _told(api, "upload-artifact", "refused"))


def test_where_files_are_kept_is_not_chosen_by_engineers(engineer: httpx.Client) -> None:
    for key in ("artifact_location", "artifactLocation"):
        given = {"name": f"elsewhere-{key}", key: "file:///tmp/elsewhere"}
        refusal(engineer.post(f"{BASE}/experiments/create", json=given), 403, "forbidden")
    assert engineer.post(f"{BASE}/experiments/create", json={"name": "here"}).status_code == 200


def test_the_default_experiment_stays(engineer: httpx.Client) -> None:
    refusal(engineer.post(f"{BASE}/experiments/delete", json={"experiment_id": "0"}), 403, "forbidden")


@pytest.mark.parametrize("path", ["gateway/secrets/create", "webhooks/create", "jobs/create", ".", "runs/../runs"])
def test_parts_that_nobody_thought_of_are_closed(engineer: httpx.Client, path: str) -> None:
    assert engineer.post(f"{BASE}/{path}", json={}).status_code in {403, 404}


def test_a_body_that_is_no_json_or_too_long_is_told(engineer: httpx.Client) -> None:
    refusal(engineer.post(f"{BASE}/runs/set-tag", content=b"{"), 422, "invalid_input")
    refusal(engineer.post(f"{BASE}/runs/set-tag", content=b"[" * 100_000), 422, "invalid_input")
    refusal(engineer.post(f"{BASE}/runs/log-batch", content=b" " * (5 << 20)), 413, "upload_too_large")


def test_an_engineers_own_runs_are_written_with_mlflows_client(
    api_key: str,
    api: httpx.Client,
    platform: Running,
    monkeypatch: pytest.MonkeyPatch,
    until: Callable[[Callable[[], bool]], bool],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", api_key)
    client = MlflowClient(f"{platform.url}/mlflow", f"{platform.url}/mlflow")
    run = client.create_run(client.create_experiment("own-work")).info.run_id
    client.log_metric(run, "loss", 0.5)
    client.log_text(run, "hello", "notes/note.txt")
    client.set_terminated(run)
    assert client.get_run(run).info.status == "FINISHED"
    client.delete_run(run)
    assert until(lambda: _told(api, "runs/delete", "ok"))


def test_a_version_is_read_and_its_files_downloaded_with_an_api_key(
    api_key: str, platform: Running, version: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", api_key)
    client = MlflowClient(f"{platform.url}/mlflow", f"{platform.url}/mlflow")
    found = client.get_model_version_by_alias(MODEL, "champion")
    assert (found.name, found.version, found.run_id) == (MODEL, version["version"], version["run_id"])
    assert found.tags["nexusai.task"] == "classify"
    assert {each.path for each in client.list_artifacts(found.run_id, "model")} >= {
        "model/MLmodel", "model/card.json", "model/model.onnx",
    }  # fmt: skip
    file = Path(client.download_artifacts(found.run_id, "model/model.onnx", str(tmp_path)))
    assert hashlib.sha256(file.read_bytes()).hexdigest() == json.loads(found.tags["nexusai.files"])["model.onnx"]


def test_a_champion_is_loaded_by_mlflows_onnx_flavour_with_an_api_key(
    api_key: str, platform: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", api_key)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{platform.url}/mlflow")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"{platform.url}/mlflow")
    network = mlflow.onnx.load_model(f"models:/{MODEL}@champion", dst_path=str(tmp_path))
    session = InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    [given] = session.get_inputs()
    shape = [side if isinstance(side, int) else 1 for side in given.shape]
    [answer, *_] = session.run(None, {given.name: np.zeros(shape, np.float32)})
    assert answer.shape == (1, 10)


def test_without_a_key_or_with_a_wrong_one_nothing_is_loaded(
    platform: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("", f"nxk_{'0' * 8}_{'x' * 32}"):
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", key)
        client = MlflowClient(f"{platform.url}/mlflow", f"{platform.url}/mlflow")
        with pytest.raises(MlflowException, match=r"401|UNAUTHENTICATED|[Ss]ign in"):
            client.get_model_version_by_alias(MODEL, "champion")


@pytest.mark.parametrize(
    ("call", "asked", "status"),
    [
        ("create", {"name": "Digit-Classifier"}, 409),
        ("rename", {"name": "digit-detector", "new_name": "DIGIT-classifier"}, 409),
        ("create", {"name": "\uff24igits"}, 422),  # a full-width letter, which no address of ours takes
        ("create", {"name": "uploads"}, 422),
        ("rename", {"name": "digit-detector", "new_name": ""}, 422),
    ],
)
def test_administrators_give_no_model_a_name_that_is_anothers_or_none(
    api: httpx.Client, call: str, asked: dict[str, str], status: int
) -> None:
    answer = api.post(f"{AJAX}/registered-models/{call}", json=asked)
    refusal(answer, status, "name_taken" if status == 409 else "invalid_input")


def test_an_administrator_creates_and_renames_models_still(api: httpx.Client) -> None:
    api.post(f"{AJAX}/registered-models/create", json={"name": "Made-There"}).raise_for_status()
    renamed = {"name": "Made-There", "new_name": "made-there"}
    api.post(f"{AJAX}/registered-models/rename", json=renamed).raise_for_status()
    assert api.get("/api/v1/models/made-there").json()["name"] == "made-there"
    api.delete("/api/v1/models/made-there").raise_for_status()


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("model-versions/get-artifact", {"name": MODEL, "version": "1", "path": "no-such-file"}),
        ("get-artifact", {"path": "long" * 100}),
    ],
)
def test_a_file_that_mlflow_does_not_have_is_not_found_and_no_place_is_told(
    engineer: httpx.Client, version: dict[str, Any], path: str, asked: dict[str, str], platform: Running
) -> None:
    run = {} if "name" in asked else {"run_id": version["run_id"]}
    answer = engineer.get(f"/mlflow/{path}", params=asked | run)
    refusal(answer, 404, "not_found")
    assert "sqlite" not in answer.text
    assert str(platform.settings.home) not in answer.text
