"""A model's way in over HTTP, over real processes."""

import io
import time
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from registry.models.packing import packed
from registry.testing.onnx_models import blob_detector
from registry.testing.prompt_models import PROMPT_CARD, colour_decoder, colour_encoder
from tests.contract.conftest import refusal

PATIENCE_S = 180


def _send(api: httpx.Client, data: bytes, **fields: str) -> httpx.Response:
    return api.post("/api/v1/models/upload", files={"file": ("any name.xyz", data)}, data=fields)


def _ended(api: httpx.Client, location: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        upload: dict[str, Any] = api.get(location).raise_for_status().json()["upload"]
        if upload["state"] in ("registered", "rejected"):
            return upload
    raise AssertionError(f"the upload did not end: {upload}")


def test_a_model_is_sent_followed_and_registered(api: httpx.Client) -> None:
    answer = _send(api, blob_detector(), name="sent-over-http", task="detect", description="spots")
    assert answer.status_code == 202
    assert [step["state"] for step in answer.json()["upload"]["steps"]] == ["done", *["waiting"] * 4]
    upload = _ended(api, answer.headers["location"])
    assert (upload["state"], upload["version"], upload["error"]) == ("registered", 1, None)
    assert api.get("/api/v1/models/sent-over-http").json()["description"] == "spots"


@pytest.mark.parametrize("card", [PROMPT_CARD.model_dump_json(), ""])
def test_a_pair_that_segments_by_prompt_is_sent_and_then_asked_with_points_and_boxes(
    api: httpx.Client, card: str
) -> None:
    name = "sent-pair-with-a-card" if card else "sent-pair"
    encoder = colour_encoder(channels_last=not card)  # one that normalises by itself needs no card
    pair = packed({"sam_encoder.onnx": encoder, "sam_decoder.onnx": colour_decoder()}, 16)
    fields = {"card": card} if card else {}
    upload = _ended(api, _send(api, pair, name=name, task="segment-by-prompt", **fields).headers["location"])
    assert (upload["state"], upload["error"]) == ("registered", None)
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[16:24, 8:16], pixels[40:48, 32:52] = (255, 0, 0), (0, 0, 255)
    picture = io.BytesIO()
    Image.fromarray(pixels).save(picture, "PNG")
    marks = {"points": "[[12, 20]]", "boxes": "[[32, 40, 52, 48]]"}
    answer = api.post(
        "/api/v1/inference/predict", files={"file": picture.getvalue()}, data={"model": name, **marks}
    ).raise_for_status()
    found = answer.json()["detections"]
    assert [row["box"] for row in found] == [[32, 40, 52, 48], [8, 16, 16, 24]]
    areas = [sum(row["mask"]["counts"][1::2]) for row in found]
    assert areas == [20 * 8 - 4, 8 * 8 - 4], "the pair is bilinear between cells, which costs each corner its pixel"


def test_half_a_pair_is_rejected_with_the_reason(api: httpx.Client) -> None:
    half = packed({"encoder.onnx": colour_encoder()}, 16)
    upload = _ended(api, _send(api, half, name="half-a-pair").headers["location"])
    assert (upload["state"], upload["error"]["code"]) == ("rejected", "model_invalid")


def test_a_file_that_is_no_model_is_rejected_with_the_reason(api: httpx.Client) -> None:
    upload = _ended(api, _send(api, b"\x80\x02cos\nsystem\n)R.", name="evil").headers["location"])
    assert upload["state"] == "rejected"
    assert upload["error"]["code"] == "model_invalid"
    assert api.get("/api/v1/models/evil").status_code == 404


def test_nobody_else_learns_of_an_upload(api: httpx.Client, anonymous: httpx.Client) -> None:
    location = _send(api, b"no model", name="secret").headers["location"]
    assert anonymous.get(location).status_code == 401
    assert anonymous.post("/api/v1/models/upload", files={"file": b"x"}, data={"name": "x"}).status_code == 401
    assert api.get(f"/api/v1/models/uploads/{'0' * 32}").status_code == 404


def test_a_field_that_means_nothing_or_comes_twice_is_refused_and_nothing_is_kept(api: httpx.Client) -> None:
    mistyped = _send(api, blob_detector(), name="mistyped", acces_level="private")
    error = refusal(mistyped, 422, "invalid_input")
    assert "acces_level" in str(error)
    twice = api.post(
        "/api/v1/models/upload",
        files=[("name", (None, "first")), ("name", (None, "second")), ("file", ("m.onnx", blob_detector()))],
    )
    assert "'name' twice" in refusal(twice, 422, "invalid_input")["message"]
    for name in ("mistyped", "first", "second"):
        assert api.get(f"/api/v1/models/{name}").status_code == 404
