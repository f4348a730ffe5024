"""Masks, poses, prompts and the gallery over HTTP."""

import io
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from PIL import Image

from registry.access.actor import local_actor
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.records import open_database
from registry.testing import onnx_models as tiny
from registry.testing.platform import Running
from registry.testing.prompt_models import PROMPT_CARD, colour_decoder, colour_encoder

SEGMENTER, POSER, EMBEDDER, PROMPTED = "tasks-segmenter", "tasks-poser", "tasks-embedder", "tasks-prompted"


@pytest.fixture(scope="module", autouse=True)
def _published(platform: Running) -> Iterator[None]:
    database = open_database(platform.settings.records_url)
    models = ModelRegistry(platform.settings, database)
    pair = {"encoder.onnx": colour_encoder(), "decoder.onnx": colour_decoder()}
    for draft in (
        Draft(SEGMENTER, {"model.onnx": tiny.blob_segmenter()}, tiny.BLOB_SEGMENT_CARD),
        Draft(POSER, {"model.onnx": tiny.blob_poser()}, tiny.BLOB_POSE_CARD),
        Draft(EMBEDDER, {"model.onnx": tiny.colour_embedder()}, tiny.COLOUR_EMBED_CARD),
        Draft(PROMPTED, pair, PROMPT_CARD),
    ):
        models.publish(local_actor(), draft)
    yield
    database.close()


def _png(rgb: tuple[int, int, int]) -> bytes:
    """Black 64 x 64, with one cell of that colour at (8, 16)."""
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[16:24, 8:16] = rgb
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _post(api: httpx.Client, call: str, rgb: tuple[int, int, int], **form: str) -> httpx.Response:
    return api.post(f"/api/v1/inference/{call}", files={"file": _png(rgb)}, data=form)


def test_masks_and_prompts_are_answered_in_the_same_shape(api: httpx.Client) -> None:
    segmented = _post(api, "predict", (255, 0, 0), model=SEGMENTER, annotate="true").raise_for_status().json()
    prompted = _post(api, "predict", (255, 0, 0), model=PROMPTED, points="[[12, 20]]").raise_for_status().json()
    for answer in (segmented, prompted):
        (row,) = answer["detections"]
        assert row["box"] == [8, 16, 16, 24]
        assert row["mask"]["size"] == [64, 64]
    assert sum(segmented["detections"][0]["mask"]["counts"][1::2]) == 64
    assert segmented["annotated_image"].startswith("data:image/jpeg;base64,")


def test_a_pose_is_answered_with_its_points_in_source_pixels(api: httpx.Client) -> None:
    answer = _post(api, "predict", (0, 255, 0), model=POSER, annotate="true").raise_for_status().json()
    assert answer["model"]["task"] == "pose"
    (row,) = answer["detections"]
    assert (row["label"], row["box"]) == ("green", [8, 16, 16, 24])
    assert row["keypoints"] == [[8, 16, 1], [16, 24, 1]]
    assert "mask" not in row
    assert answer["annotated_image"].startswith("data:image/jpeg;base64,")
    nobody = _post(api, "predict", (0, 0, 0), model=POSER).raise_for_status().json()
    assert nobody["detections"] == []


@pytest.mark.parametrize("points", ["[[1]]", "12", "[[", '[["x", 2]]', "[]", "[[1e999, 2]]"])
def test_points_that_are_none_are_refused(api: httpx.Client, points: str) -> None:
    answer = _post(api, "predict", (255, 0, 0), model=PROMPTED, points=points)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_input")


def test_what_is_enrolled_is_identified_listed_and_forgotten(api: httpx.Client) -> None:
    for label, rgb in (("red", (255, 0, 0)), ("green", (0, 255, 0))):
        made = _post(api, "enrol", rgb, model=EMBEDDER, label=label, gallery="http")
        assert made.status_code == 201
    found = _post(api, "identify", (200, 20, 0), model=EMBEDDER, gallery="http").raise_for_status().json()
    assert [match["label"] for match in found["matches"]] == ["red", "green"]
    assert found["model"]["task"] == "embed"
    listed = api.get("/api/v1/inference/gallery", params={"gallery": "http"}).raise_for_status().json()
    assert ([entry["label"] for entry in listed["items"]], listed["total"]) == (["green", "red"], 2)
    for entry in listed["items"]:
        assert api.delete(f"/api/v1/inference/gallery/{entry['id']}").status_code == 204
        assert api.delete(f"/api/v1/inference/gallery/{entry['id']}").status_code == 404


def test_a_label_that_cannot_be_seen_or_a_field_that_means_nothing_is_refused(api: httpx.Client) -> None:
    for wrong in ({"label": "a\x00b"}, {"label": "a\u202eb"}, {"label": "Ada", "galery": "staff"}):
        answer = _post(api, "enrol", (255, 0, 0), model=EMBEDDER, **wrong)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_input"), wrong
    answer = _post(api, "identify", (255, 0, 0), model=EMBEDDER, galery="staff")
    assert (answer.status_code, "galery" in answer.text) == (422, True)
    assert api.get("/api/v1/inference/gallery").json()["total"] == 0


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_threshold_that_is_no_number_is_called_that(api: httpx.Client, value: str) -> None:
    answer = _post(api, "predict", (255, 0, 0), model=SEGMENTER, confidence=value)
    assert answer.status_code == 422
    assert "finite number" in answer.json()["error"]["message"]
