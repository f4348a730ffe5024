"""The HTTP contract, over real processes."""

import io
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from registry.models.intake import take_in
from registry.models.registry import ModelRegistry
from registry.records import open_database
from registry.testing.onnx_models import BLOB_CARD, COLOUR_CARD, blob_detector, colour_classifier
from registry.testing.platform import Running
from tests.contract.conftest import refusal

BLOB, COLOUR = "contract-blob", "contract-colour"


@pytest.fixture(scope="session", autouse=True)
def _published(platform: Running) -> Iterator[None]:
    from registry.access.actor import local_actor

    database = open_database(platform.settings.records_url)
    models = ModelRegistry(platform.settings, database)
    take_in(models, local_actor(), blob_detector(), BLOB, card=BLOB_CARD, description="light spots")
    take_in(models, local_actor(), colour_classifier(), COLOUR, card=COLOUR_CARD, access_level="private")
    yield
    database.close()


def _png(width: int = 64, height: int = 64) -> bytes:
    """Black, with one red 8x8 cell at (8, 16)."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[16:24, 8:16, 0] = 255
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _flat_png(width: int, height: int) -> bytes:
    """A grey PNG of any size that compresses to almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + width)) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _stuffed_png() -> bytes:
    """A small PNG whose pixels go on for a gigabyte after the last row."""
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
    small = _flat_png(16, 16)
    at = small.index(b"IDAT") - 4
    chunk = b"IDAT" + rows
    return small[:at] + struct.pack(">I", len(rows)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + small[-12:]


def _predict(api: httpx.Client, image: bytes, model: str = BLOB, **fields: object) -> httpx.Response:
    return api.post("/api/v1/inference/predict", files={"file": ("x.png", image)}, data={"model": model, **fields})


def test_a_prediction_has_the_shape_of_the_contract(api: httpx.Client) -> None:
    body = _predict(api, _png()).raise_for_status().json()
    assert set(body) == {"model", "image", "detections", "timing_ms"}
    assert set(body["model"]) == {"name", "version", "task", "sha256"}
    assert body["image"] == {"width": 64, "height": 64}
    assert body["detections"] == [{"box": [8.0, 16.0, 16.0, 24.0], "class_id": 0, "label": "red", "score": 1.0}]
    assert set(body["timing_ms"]) == {"decode", "preprocess", "inference", "postprocess", "queue", "total"}
    parts = sum(value for name, value in body["timing_ms"].items() if name != "total")
    assert parts <= body["timing_ms"]["total"] * 1.01 + 0.1


def test_a_classification_answers_classes(api: httpx.Client) -> None:
    body = _predict(api, _png(), model=COLOUR).raise_for_status().json()
    assert {each["label"] for each in body["classes"]} <= {"red", "green", "blue"}
    assert "detections" not in body


def test_thresholds_version_alias_and_drawing_are_taken(api: httpx.Client) -> None:
    assert _predict(api, _png(), confidence=0.9, version=1).json()["detections"]
    assert _predict(api, _png(), alias="champion", max_detections=1).json()["detections"]
    drawn = _predict(api, _png(), annotate=True).json()["annotated_image"]
    assert drawn.startswith("data:image/jpeg;base64,/9j/")


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"model": "no-such"}, 404, "model_not_found"),
        ({"model": "../etc"}, 422, "invalid_input"),
        ({"version": 99}, 404, "version_not_found"),
        ({"alias": "challenger"}, 404, "alias_not_found"),
        ({"alias": "champion", "version": 1}, 422, "invalid_input"),  # both
        ({"version": 0}, 422, "invalid_input"),
        ({"version": 10**30}, 422, "invalid_input"),
        ({"confidence": 1.5}, 422, "invalid_input"),
        ({"confidence": "nan"}, 422, "invalid_input"),
        ({"iou": -0.1}, 422, "invalid_input"),
        ({"max_detections": 0}, 422, "invalid_input"),
        ({"annotate": "perhaps"}, 422, "invalid_input"),
    ],
)
def test_a_wrong_field_is_named(api: httpx.Client, fields: dict[str, object], status: int, code: str) -> None:
    refusal(_predict(api, _png(), **({"model": BLOB} | fields)), status, code)  # type: ignore[arg-type]
    assert _predict(api, _png()).status_code == 200


_BAD_IMAGES: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "empty": (bytes, 422, "image_unreadable"),
    "text": (lambda: b"no image at all", 422, "image_unreadable"),
    "a ZIP file called .png": (lambda: b"PK\x03\x04" + bytes(200), 422, "image_unreadable"),
    "truncated": (lambda: _png()[:-20], 422, "image_unreadable"),
    "16,000 x 16,000 in 31 kB": (lambda: _flat_png(16_000, 16_000), 413, "image_too_large"),
    "1 x 65,535": (lambda: _flat_png(1, 65_535), 413, "image_too_large"),
    "16 x 16 with a megabyte of pixels": (_stuffed_png, 422, "image_unreadable"),
    "65,535 x 1": (lambda: _flat_png(65_535, 1), 413, "image_too_large"),
}


@pytest.mark.parametrize("case", list(_BAD_IMAGES))
def test_a_bad_image_is_refused_cheaply_and_the_next_good_one_is_answered(
    api: httpx.Client, platform: Running, case: str
) -> None:
    made, status, code = _BAD_IMAGES[case]
    image = made()
    _predict(api, _png()).raise_for_status()
    before = _app_memory(platform)
    refusal(_predict(api, image), status, code)
    assert _app_memory(platform) - before < 100 << 20
    assert _predict(api, _png()).status_code == 200


def _app_memory(platform: Running) -> int:
    """Bytes resident in the app's process, peaks included as far as they stay."""
    children = psutil.Process(platform.process.pid).children(recursive=True)
    return sum(child.memory_info().rss for child in children if child.cmdline()[-1:] == ["app"])


def test_an_image_above_the_upload_limit_is_cut_off(api: httpx.Client, platform: Running) -> None:
    image = bytes((platform.settings.image_max_mb << 20) + (3 << 20))
    refusal(_predict(api, image), 413, "upload_too_large")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"{}", "application/json"),
        (b"x" * 1000, "multipart/form-data"),
        (b"--x--\r\n", "multipart/form-data; boundary=x"),
    ],
)
def test_a_broken_form_is_refused(api: httpx.Client, content: bytes, kind: str) -> None:
    response = api.post("/api/v1/inference/predict", content=content, headers={"content-type": kind})
    assert response.status_code == 422
    assert "error" in response.json()


def test_an_image_a_little_too_large_is_told_its_size(api: httpx.Client, platform: Running) -> None:
    most = platform.settings.image_max_mb
    error = refusal(_predict(api, bytes((most << 20) + 1)), 413, "upload_too_large")
    assert f"the limit is {most} MiB" in str(error["message"])
    assert _predict(api, _png()).status_code == 200


def test_fields_that_are_empty_were_not_filled_in_and_wrong_ones_are_named(api: httpx.Client) -> None:
    def predict(files: object, **fields: str) -> httpx.Response:
        return api.post("/api/v1/inference/predict", files=files, data=fields)

    image = ("x.png", _png())
    empty = predict({"file": image}, model=BLOB, version="", alias="", confidence="", points="")
    assert empty.raise_for_status().json()["detections"] == _predict(api, _png()).json()["detections"]
    told = refusal(predict({"file": image}, model=BLOB, confidence="2", iou="x"), 422, "invalid_input")
    assert {each["field"] for each in told["details"]["fields"]} == {"body.confidence", "body.iou"}  # type: ignore[index]
    told = refusal(predict({"file": image}, model=""), 422, "invalid_input")
    assert told["details"]["fields"][0]["field"] == "body.model"  # type: ignore[index]
    told = refusal(predict({"file": image}, model=BLOB, annotated="1"), 422, "invalid_input")
    assert told["details"]["fields"][0]["field"] == "body.annotated"  # type: ignore[index]
    two = refusal(predict([("file", image), ("file", image)], model=BLOB), 422, "invalid_input")
    assert "two files" in str(two["message"])
    many = {f"field{number}": "1" for number in range(40)}
    refusal(predict({"file": image}, model=BLOB, **many), 422, "invalid_input")


def test_models_are_listed_in_pages(api: httpx.Client) -> None:
    body = api.get("/api/v1/models", params={"search": "contract-", "size": 1, "page": 2}).raise_for_status().json()
    assert (body["total"], body["page"], body["size"]) == (2, 2, 1)
    assert [item["id"] for item in body["items"]] == [COLOUR]
    for wrong in ({"page": 0}, {"size": 0}, {"size": 10_000}, {"page": "x"}):
        refusal(api.get("/api/v1/models", params=wrong), 422, "invalid_input")


def test_a_model_shows_its_versions_and_cards(api: httpx.Client) -> None:
    body = api.get(f"/api/v1/models/{BLOB}").raise_for_status().json()
    assert body["description"] == "light spots"
    assert body["versions"][0]["card"]["labels"] == ["red", "green", "blue"]
    page = api.get(f"/api/v1/models/{BLOB}/versions").raise_for_status().json()
    assert page["items"] == body["versions"]
    refusal(api.get("/api/v1/models/no-such"), 404, "model_not_found")


def test_an_alias_is_moved(api: httpx.Client) -> None:
    moved = api.put(f"/api/v1/models/{BLOB}/aliases/tested", json={"version": 1}).raise_for_status().json()
    assert moved["aliases"]["tested"] == 1
    refusal(api.put(f"/api/v1/models/{BLOB}/aliases/tested", json={"version": 7}), 404, "version_not_found")
    refusal(api.put(f"/api/v1/models/{BLOB}/aliases/Not An Alias", json={"version": 1}), 422, "invalid_input")
    refusal(api.put(f"/api/v1/models/{BLOB}/aliases/tested", content=b"{"), 422, "invalid_input")


def test_mlflows_own_client_works_through_the_gate_with_an_api_key(
    api: httpx.Client, platform: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    made = api.post("/api/v1/auth/api-key/generate", json={"name": "mlflow", "scopes": ["models"]}).json()
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", made["key"])
    client = MlflowClient(f"{platform.url}/mlflow", f"{platform.url}/mlflow")
    assert BLOB in {model.name for model in client.search_registered_models()}
    run = client.create_run(client.create_experiment("through-the-gate"))
    client.log_metric(run.info.run_id, "loss", 0.5)
    client.log_text(run.info.run_id, "hello", "note.txt")
    assert client.get_run(run.info.run_id).data.metrics == {"loss": 0.5}


def test_an_engineer_reads_mlflow_but_cannot_rewrite_owners_there(
    api: httpx.Client, anonymous: httpx.Client, platform: Running
) -> None:
    made = {"username": "enno", "password": platform.password, "role": "engineer"}
    api.post("/api/v1/users", json=made).raise_for_status()
    given = {"username": "enno", "password": platform.password}
    token = anonymous.post("/api/v1/auth/login", json=given).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    base = "/mlflow/api/2.0/mlflow"
    assert anonymous.get(f"{base}/registered-models/get", params={"name": BLOB}, headers=bearer).status_code == 200
    tag = {"name": BLOB, "key": "nexusai.owner_id", "value": "enno"}
    for path in (base, "/mlflow/ajax-api/2.0/mlflow", "/mlflow//api/2.0/mlflow", "/mlflow/api/2.0/mlflow/."):
        refused = anonymous.post(f"{path}/registered-models/set-tag", json=tag, headers=bearer)
        assert refused.status_code in {403, 404}, path
    gone = anonymous.request("DELETE", f"{base}/model-versions/delete", json={"name": BLOB}, headers=bearer)
    refusal(gone, 403, "forbidden")
    assert anonymous.post(f"{base}/experiments/create", json={"name": "ennos"}, headers=bearer).status_code == 200


def test_unknown_paths_and_methods_have_the_one_shape(api: httpx.Client) -> None:
    for response, status in ((api.get("/api/v1/nothing"), 404), (api.delete("/api/v1/models"), 405)):
        assert response.status_code == status
        assert set(response.json()["error"]) == {"code", "message", "hint", "details", "request_id"}


def test_health_is_open_and_ready_tells_each_part(anonymous: httpx.Client) -> None:
    assert anonymous.get("/health").json() == {"status": "ok"}
    body = anonymous.get("/health/ready").raise_for_status().json()
    assert body == {"ready": True, "checks": {"database": "ok", "storage": "ok", "mlflow": "ok"}}


def test_large_answers_are_compressed(api: httpx.Client) -> None:
    response = api.get("/api/v1/openapi.json", headers={"accept-encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"


def test_the_mlflow_interface_is_behind_the_same_sign_in(api: httpx.Client, anonymous: httpx.Client) -> None:
    assert anonymous.get("/mlflow/api/2.0/mlflow/registered-models/search").status_code == 401
    found = api.get("/mlflow/api/2.0/mlflow/registered-models/search").raise_for_status().json()
    assert BLOB in {model["name"] for model in found["registered_models"]}
    assert "<title>MLflow</title>" in api.get("/mlflow/").raise_for_status().text


def test_the_openapi_document_names_every_schema_it_uses(api: httpx.Client) -> None:
    document = api.get("/api/v1/openapi.json").json()
    used = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert used <= set(document["components"]["schemas"])


def test_an_engineer_cannot_reach_a_private_model_of_another(platform: Running, anonymous: httpx.Client) -> None:
    from registry.access.accounts import Accounts
    from registry.access.actor import local_actor
    from registry.records import Role

    database = open_database(platform.settings.records_url)
    Accounts(database, platform.settings).create(local_actor(), "eve", platform.password, Role.USER)
    database.close()
    given = {"username": "eve", "password": platform.password}
    token = anonymous.post("/api/v1/auth/login", json=given).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    refusal(anonymous.get(f"/api/v1/models/{COLOUR}", headers=bearer), 404, "model_not_found")
    assert anonymous.get(f"/api/v1/models/{BLOB}", headers=bearer).status_code == 200
    moved = anonymous.put(f"/api/v1/models/{BLOB}/aliases/x", json={"version": 1}, headers=bearer)
    refusal(moved, 403, "forbidden")
    assert anonymous.get("/mlflow/", headers=bearer).status_code == 403


def test_metrics_are_for_administrators(api: httpx.Client, anonymous: httpx.Client) -> None:
    assert anonymous.get("/metrics").status_code == 401
    said = api.get("/metrics")
    assert said.headers["content-type"].startswith("text/plain")
    assert "nexusai_engine_running" in said.text
