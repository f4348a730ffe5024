"""Users over HTTP, over real processes."""

import httpx
import pytest

from registry.testing.platform import Running
from tests.contract.conftest import refusal


def _make(api: httpx.Client, name: str, password: str, role: str = "operator") -> dict[str, object]:
    made = api.post("/api/v1/users", json={"username": name, "password": password, "role": role})
    assert made.status_code == 201, made.text
    assert "password" not in made.text
    user: dict[str, object] = made.json()
    return user


def test_a_user_is_made_found_changed_and_deleted(api: httpx.Client, platform: Running) -> None:
    user = _make(api, "otto", platform.password)
    path = f"/api/v1/users/{user['id']}"
    assert api.get("/api/v1/users", params={"search": "ott"}).json()["items"] == [user]
    changed = api.put(path, json={"full_name": "Otto O.", "email": "otto@example.com", "premium": True}).json()
    assert (changed["full_name"], changed["email"], changed["premium"]) == ("Otto O.", "otto@example.com", True)
    assert api.put(f"{path}/role", json={"role": "engineer"}).json()["role"] == "engineer"
    assert api.delete(path).status_code == 204
    refusal(api.get(path), 404, "user_not_found")
    refusal(api.get(f"{path}/activity"), 404, "user_not_found")


def test_a_user_that_is_switched_off_cannot_sign_in(
    api: httpx.Client, anonymous: httpx.Client, platform: Running
) -> None:
    path = f"/api/v1/users/{_make(api, 'olga', platform.password)['id']}"
    given = {"username": "olga", "password": platform.password}
    assert api.post(f"{path}/deactivate").json()["active"] is False
    refusal(anonymous.post("/api/v1/auth/login", json=given), 401, "invalid_credentials")
    assert api.post(f"{path}/activate").json()["active"] is True
    assert anonymous.post("/api/v1/auth/login", json=given).status_code == 200
    activity = api.get(f"{path}/activity").raise_for_status().json()
    assert [(entry["action"], entry["outcome"]) for entry in activity["items"]] == [
        ("account.sign_in", "ok"),
        ("account.sign_in", "refused"),  # tried by nobody in particular, under this name
    ]


def test_an_administrator_gives_another_password_but_to_nobody_they_are(
    api: httpx.Client, anonymous: httpx.Client, platform: Running
) -> None:
    path = f"/api/v1/users/{_make(api, 'oxana', platform.password)['id']}/password"
    refusal(api.put(path, json={"password": "short"}), 422, "invalid_input")
    assert api.put(path, json={"password": "another horse battery"}).status_code == 204
    signed_in = [
        anonymous.post("/api/v1/auth/login", json={"username": "oxana", "password": password}).status_code
        for password in (platform.password, "another horse battery")
    ]
    assert signed_in == [401, 200]
    own = api.get("/api/v1/users", params={"search": platform.username}).json()["items"][0]["id"]
    refusal(api.put(f"/api/v1/users/{own}/password", json={"password": "another horse battery"}), 409, "conflict")


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"username": "OSCAR"}, 409, "name_taken"),
        ({"username": "ｏscar"}, 409, "name_taken"),  # another form of the same letter
        ({"username": "x", "password": "short"}, 422, "invalid_input"),
        ({"username": "x", "role": "god"}, 422, "invalid_input"),
        ({"username": ""}, 422, "invalid_input"),
        ({"username": "x" * 65}, 422, "invalid_input"),
        ({"username": "x", "email": "x" * 255}, 422, "invalid_input"),
    ],
)
def test_a_user_that_cannot_be_is_refused(
    api: httpx.Client, platform: Running, given: dict[str, str], status: int, code: str
) -> None:
    api.post("/api/v1/users", json={"username": "oscar", "password": platform.password})  # there from the first case on
    refusal(api.post("/api/v1/users", json={"password": platform.password} | given), status, code)


def test_users_are_filtered_by_role_and_state(api: httpx.Client, platform: Running) -> None:
    user = _make(api, "filter-me", platform.password, "engineer")
    api.post(f"/api/v1/users/{user['id']}/deactivate").raise_for_status()

    def names(**wanted: object) -> set[str]:
        found = api.get("/api/v1/users", params={"search": "filter-", **wanted}).raise_for_status().json()
        return {item["username"] for item in found["items"]}

    assert names(role="engineer") == names(active=False) == names(approved=True) == {"filter-me"}
    assert names(role="user") == names(active=True) == names(approved=False) == set()


def test_an_administrator_cannot_lock_themselves_out(
    api: httpx.Client, anonymous: httpx.Client, platform: Running
) -> None:
    path = f"/api/v1/users/{_make(api, 'alma', platform.password, 'admin')['id']}"
    given = {"username": "alma", "password": platform.password}
    token = anonymous.post("/api/v1/auth/login", json=given).raise_for_status().json()["access_token"]
    herself = {"Authorization": f"Bearer {token}"}
    refusal(anonymous.post(f"{path}/deactivate", headers=herself), 409, "conflict")
    refusal(anonymous.delete(path, headers=herself), 409, "conflict")
    assert api.delete(path).status_code == 204
