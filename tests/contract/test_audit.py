"""The audit trail over HTTP, over real processes."""

import csv
import io
import time

import httpx
import pytest

from registry.testing.platform import Running


def _login(anonymous: httpx.Client, name: str, password: str) -> dict[str, str]:
    given = {"username": name, "password": password}
    answer = anonymous.post("/api/v1/auth/login", json=given).raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture(scope="module")
def engineer(api: httpx.Client, anonymous: httpx.Client, platform: Running) -> tuple[str, dict[str, str]]:
    """The id and the proof of an engineer of this module alone."""
    made = {"username": "trail-engineer", "password": platform.password, "role": "engineer"}
    user = api.post("/api/v1/users", json=made).raise_for_status().json()
    return user["id"], _login(anonymous, made["username"], platform.password)


def _entries(api: httpx.Client, **wanted: object) -> list[dict[str, object]]:
    found: list[dict[str, object]] = api.get("/api/v1/audit", params=wanted).raise_for_status().json()["items"]
    return found


def test_an_entry_tells_who_did_what_on_what_and_from_where(
    api: httpx.Client, platform: Running, engineer: tuple[str, dict[str, str]]
) -> None:
    api.put(f"/api/v1/users/{engineer[0]}", json={"full_name": "T. E."}).raise_for_status()
    [entry] = _entries(api, target=f"user:{engineer[0]}", action="user.update")
    assert set(entry) == {
        "number", "at", "actor_id", "actor_name", "action", "target", "outcome", "address", "details"
    }  # fmt: skip
    assert (entry["actor_name"], entry["outcome"], entry["address"]) == (platform.username, "ok", "127.0.0.1")
    before_after = {"before": {"full_name": ""}, "after": {"full_name": "T. E."}}
    assert entry["details"] == {"username": "trail-engineer"} | before_after


def test_the_trail_is_paged_newest_first(api: httpx.Client) -> None:
    body = api.get("/api/v1/audit", params={"size": 2, "page": 2}).raise_for_status().json()
    assert set(body) == {"items", "total", "page", "size"}
    first, second = (entry["number"] for entry in body["items"])
    assert body["total"] - 2 == first == second + 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"outcome": "perhaps"},
        {"since": "yesterday"},
        {"since": "0001-01-01T00:00:00+14:00"},  # before any time there is in UTC
        {"until": "9999-12-31T23:59:59-14:00"},
        {"page": 0},
        {"size": 1_000},
        {"text": "x" * 101},
        {"person": "x" * 65},
    ],
)
def test_a_filter_that_is_none_is_refused(api: httpx.Client, wrong: dict[str, object]) -> None:
    for path in ("/api/v1/audit", "/api/v1/audit/export"):
        if path.endswith("export") and {"page", "size"} & set(wrong):
            continue
        answer = api.get(path, params=wrong)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_input")


def test_odd_texts_are_looked_for_as_they_are(api: httpx.Client) -> None:
    for text in ("%", "_", "'", "\\", "é", "\u202e", "😀"):
        for name in ("person", "action", "target", "text"):
            assert api.get("/api/v1/audit", params={name: text}).status_code == 200


def test_an_export_is_a_file_of_the_same_entries(api: httpx.Client, engineer: tuple[str, dict[str, str]]) -> None:
    answer = api.get("/api/v1/audit/export", params={"target": f"user:{engineer[0]}"}).raise_for_status()
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [int(row["number"]) for row in rows] == [
        entry["number"] for entry in _entries(api, target=f"user:{engineer[0]}", size=200)
    ]


def test_the_chain_is_verified(api: httpx.Client) -> None:
    body = api.get("/api/v1/audit/verify").raise_for_status().json()
    assert (body["holds"], body["number"], body["fault"]) == (True, None, None)
    assert body["rows"] > 1
    assert len(body["digest"]) == 64


@pytest.mark.parametrize("path", ["/api/v1/audit", "/api/v1/audit/export", "/api/v1/audit/verify"])
def test_only_administrators_read_the_trail(
    anonymous: httpx.Client, engineer: tuple[str, dict[str, str]], path: str
) -> None:
    answer = anonymous.get(path, headers=engineer[1])
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


def test_a_change_that_was_refused_leaves_a_row_and_a_look_leaves_none(
    api: httpx.Client, anonymous: httpx.Client, engineer: tuple[str, dict[str, str]]
) -> None:
    made = {"username": "nobody-new", "password": "hush-hush-hush"}
    assert anonymous.post("/api/v1/users", json=made, headers=engineer[1]).status_code == 403
    assert anonymous.get("/api/v1/users", headers=engineer[1]).status_code == 403
    refused = _entries(api, person=engineer[0], outcome="refused")
    assert [(entry["action"], entry["target"]) for entry in refused] == [("users.manage", "POST /api/v1/users")]
    assert "hush" not in str(refused)


def test_changes_through_mlflows_own_interface_leave_a_row(
    api: httpx.Client, anonymous: httpx.Client, engineer: tuple[str, dict[str, str]], platform: Running
) -> None:
    base = "/mlflow/api/2.0/mlflow"
    made = {"name": "trail-model"}
    api.post(f"{base}/registered-models/create", json=made).raise_for_status()
    assert api.post(f"{base}/registered-models/create", json=made).status_code == 400  # there is one already
    refused = anonymous.post(f"{base}/registered-models/create", json=made, headers=engineer[1])
    assert refused.status_code == 403
    api.get(f"{base}/registered-models/get", params=made).raise_for_status()
    entries = _awaited(api, 3, action="mlflow.change", target=f"{base}/registered-models/create")
    told = {str(entry["outcome"]): entry for entry in entries}  # rows of requests close together come in any order
    assert {outcome: entry["actor_name"] for outcome, entry in told.items()} == {
        "refused": "trail-engineer",
        "failed": platform.username,
        "ok": platform.username,
    }
    assert told["ok"]["details"] == {"method": "POST", "status": 200, "request": made}


def _awaited(api: httpx.Client, count: int, **wanted: object) -> list[dict[str, object]]:
    """Entries that are written after the answer went out."""
    deadline = time.monotonic() + 20
    while len(found := _entries(api, **wanted)) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    return found
