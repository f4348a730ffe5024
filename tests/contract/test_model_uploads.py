"""A model's way in over HTTP, over real processes."""

import time
from typing import Any

import httpx

from registry.testing.onnx_models import blob_detector

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
