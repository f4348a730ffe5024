"""The settings over HTTP, on a running platform."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from registry.access.live import LiveSettings
from registry.testing.platform import Running
from tests.contract.conftest import refusal

BASE = "/api/v1/settings"
FIELDS = {
    *("key", "value", "default", "category", "title", "description", "type", "unit", "minimum", "maximum"),
    *("max_length", "restart", "editors", "custom", "source", "revision", "updated_at", "updated_by"),
}
DEADLINE_S = 2.0


@pytest.fixture(autouse=True)
def _left_as_it_was(api: httpx.Client) -> Iterator[None]:
    before = {each["key"] for each in _changed(api)}
    yield
    for setting in _changed(api):
        if setting["custom"]:
            api.delete(f"{BASE}/{setting['key']}").raise_for_status()
        elif setting["key"] not in before:
            api.post(f"{BASE}/reset/{setting['key']}").raise_for_status()


def _changed(api: httpx.Client) -> list[dict[str, Any]]:
    listed = api.get(BASE, params={"size": 200}).json()["items"]
    return [each for each in listed if each["custom"] or each["source"] == "changed"]


def test_settings_are_listed_in_pages(api: httpx.Client) -> None:
    first = api.get(BASE, params={"size": 5}).raise_for_status().json()
    assert (first["total"], first["page"], first["size"], len(first["items"])) == (
        len(LiveSettings.model_fields),
        1,
        5,
        5,
    )
    assert set(first["items"][0]) == FIELDS
    second = api.get(BASE, params={"size": 5, "page": 2}).json()["items"]
    assert not {each["key"] for each in first["items"]} & {each["key"] for each in second}
    assert [each["key"] for each in api.get(BASE, params={"search": "jpeg"}).json()["items"]] == ["jpeg_quality"]


def test_settings_are_grouped(api: httpx.Client) -> None:
    found = api.get(f"{BASE}/categories").raise_for_status().json()
    names = [each["name"] for each in found["items"]]
    assert names[-1] == "custom"
    for name in names:
        group = api.get(f"{BASE}/by-category/{name}").raise_for_status().json()
        assert group == api.get(BASE, params={"category": name}).json()
        assert {each["category"] for each in group["items"]} <= {name}
    refusal(api.get(f"{BASE}/by-category/no-such"), 404, "setting_not_found")


def test_a_setting_is_changed_and_reset(api: httpx.Client) -> None:
    before = api.get(f"{BASE}/jpeg_quality").raise_for_status().json()
    changed = api.put(f"{BASE}/jpeg_quality", json={"value": 75, "revision": before["revision"]}).raise_for_status()
    assert changed.json() == api.get(f"{BASE}/jpeg_quality").json()
    assert (changed.json()["value"], changed.json()["source"], changed.json()["updated_by"]) == (75, "changed", "ada")
    again = api.put(f"{BASE}/jpeg_quality", json={"value": 80, "revision": before["revision"]})
    details = refusal(again, 409, "setting_changed")["details"]
    assert details == details | {"value": 75, "revision": before["revision"] + 1}  # type: ignore[operator]
    reset = api.post(f"{BASE}/reset/jpeg_quality").raise_for_status().json()
    assert (reset["value"], reset["source"]) == (90, "default")


def test_several_are_changed_or_none(api: httpx.Client) -> None:
    wrong = {"settings": {"notice": "hello", "jpeg_quality": "high", "no.such": 1}}
    error = refusal(api.post(f"{BASE}/bulk-update", json=wrong), 422, "setting_invalid")
    assert {each["field"] for each in error["details"]["fields"]} == {"jpeg_quality", "no.such"}  # type: ignore[index]
    assert api.get(f"{BASE}/notice").json()["value"] == ""
    right = {"settings": {"notice": "hello", "jpeg_quality": 80}}
    items = api.post(f"{BASE}/bulk-update", json=right).raise_for_status().json()["items"]
    assert {each["key"]: each["value"] for each in items} == right["settings"]
    stale = {"settings": {"notice": "bye", "jpeg_quality": 70}, "revisions": {"notice": 0}}
    refusal(api.post(f"{BASE}/bulk-update", json=stale), 409, "setting_changed")
    assert api.get(f"{BASE}/jpeg_quality").json()["value"] == 80


def test_a_custom_setting_is_made_changed_and_removed(api: httpx.Client) -> None:
    body = {"key": "line-3.threshold", "value": {"width": 2.5}, "title": "Line 3", "description": "for the notebook"}
    made = api.post(BASE, json=body)
    assert made.status_code == 201
    assert made.json() == made.json() | body | {"custom": True, "revision": 1, "default": None}
    refusal(api.post(BASE, json=body), 409, "conflict")
    assert api.put(f"{BASE}/line-3.threshold", json={"value": [1]}).json()["value"] == [1]
    refusal(api.post(f"{BASE}/reset/line-3.threshold"), 409, "conflict")
    assert api.delete(f"{BASE}/line-3.threshold").status_code == 204
    refusal(api.get(f"{BASE}/line-3.threshold"), 404, "setting_not_found")
    refusal(api.delete(f"{BASE}/line-3.threshold"), 404, "setting_not_found")
    refusal(api.delete(f"{BASE}/notice"), 409, "conflict")


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("PUT", "/limit_user", '{"value": NaN}'),
        ("PUT", "/limit_user", '{"value": Infinity}'),
        ("PUT", "/limit_user", '{"value": 1e400}'),
        ("PUT", "/limit_user", '{"value": "50"}'),
        ("PUT", "/limit_user", '{"value": true}'),
        ("PUT", "/limit_user", '{"value": 50.0}'),
        ("PUT", "/limit_user", '{"value": 1' + "0" * 400 + "}"),
        ("PUT", "/limit_user", '{"value": 1' + "0" * 5_000 + "}"),  # more digits than Python reads
        ("PUT", "/limit_user", '{"value": ' + "[" * 900 + "]" * 900 + "}"),
        ("PUT", "/limit_user", '{"value": ' + "[" * 400_000 + "]" * 400_000 + "}"),
        ("PUT", "/limit_user", '{"value": null}'),
        ("PUT", "/limit_user", "{}"),
        ("PUT", "/limit_user", "[]"),
        ("PUT", "/limit_user", "not JSON"),
        ("PUT", "/limit_user", b"\xff\xfe"),
        ("PUT", "/limit_user", '{"value": 50, "revision": "0"}'),
        ("PUT", "/limit_user", '{"value": 50, "revision": -1}'),
        ("PUT", "/limit_user", '{"value": 50, "more": 1}'),
        ("PUT", "/notice", '{"value": "\\ud800"}'),
        ("POST", "", '{"key": "mine", "value": "\\ud800"}'),
        ("POST", "", '{"key": "mine", "value": "\\u0000"}'),
        ("POST", "", '{"key": "mine", "value": {"\\ud800": 1}}'),
        ("POST", "", '{"key": "mine", "value": 1, "title": "\\ud800"}'),
        ("POST", "", '{"key": "\\ud800", "value": 1}'),
        ("POST", "", '{"key": "mine", "value": null}'),
        ("POST", "", '{"key": "mine", "value": [NaN]}'),
        ("POST", "", '{"key": "Mine!", "value": 1}'),
        ("POST", "", '{"key": "limit_user", "value": 1}'),
        ("POST", "/bulk-update", '{"settings": {}}'),
        ("POST", "/bulk-update", '{"settings": {"limit_user": NaN}}'),
        ("POST", "/bulk-update", '{"settings": {"\\ud800": 1}}'),
        ("POST", "/bulk-update", '{"settings": []}'),
    ],
    ids=lambda value: str(value)[:48],
)
def test_bad_input_is_a_422(api: httpx.Client, method: str, path: str, content: str | bytes) -> None:
    response = api.request(method, BASE + path, content=content, headers={"content-type": "application/json"})
    assert response.status_code == 422, response.text
    assert response.json()["error"]["message"]


def test_an_unknown_setting_is_not_found(api: httpx.Client) -> None:
    refusal(api.get(f"{BASE}/no.such"), 404, "setting_not_found")
    refusal(api.put(f"{BASE}/no.such", json={"value": 1}), 404, "setting_not_found")
    refusal(api.post(f"{BASE}/reset/no.such"), 404, "setting_not_found")


def test_a_change_is_in_force_at_once(api: httpx.Client, platform: Running) -> None:
    image = bytes(3 << 20)
    api.put(f"{BASE}/image_max_mb", json={"value": 1}).raise_for_status()
    deadline, status = time.monotonic() + DEADLINE_S, 0
    while status != 413 and time.monotonic() < deadline:
        status = api.post(
            "/api/v1/inference/predict", files={"file": ("x.png", image)}, data={"model": "m"}
        ).status_code
    assert status == 413


def test_who_may_not_read_them_is_refused(api: httpx.Client, anonymous: httpx.Client) -> None:
    assert anonymous.get(BASE).status_code == 401
    given = {"username": "settings-user", "password": "engine-of-analysis"}
    user = api.post("/api/v1/users", json=given).raise_for_status().json()
    token = anonymous.post("/api/v1/auth/login", json=given).raise_for_status().json()["access_token"]
    mine = {"Authorization": f"Bearer {token}"}
    refusal(anonymous.get(BASE, headers=mine), 403, "forbidden")
    refusal(anonymous.put(f"{BASE}/notice", json={"value": "x"}, headers=mine), 403, "forbidden")
    api.delete(f"/api/v1/users/{user['id']}").raise_for_status()
