"""The HTTP contract of accounts: registration, tokens, sign-ins, passwords, keys."""

import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import jwt
import psutil
import pytest

from app.platform import Platform
from registry.access.actor import local_actor
from registry.access.tokens import ALGORITHM, AUDIENCE
from registry.records import Role, SettingValue, User, utc_now
from registry.testing.platform import Running
from tests.contract.conftest import refusal

SEEN_S = 10.0  # a revocation is seen within a second; the rest is for a machine that is busy


@pytest.fixture(scope="module")
def rooms(platform: Running) -> Iterator[Platform]:
    """The rooms of the running platform, as its command line has them."""
    opened = Platform.open(platform.settings)
    yield opened
    opened.database.close()


@pytest.fixture
def person(rooms: Platform, platform: Running) -> User:
    """A user of the test's own."""
    return rooms.accounts.create(local_actor(), f"p-{uuid.uuid4().hex[:8]}", platform.password, Role.USER)


@pytest.fixture
def registration(rooms: Platform) -> Iterator[None]:
    """Registration is open meanwhile."""
    with rooms.database.write() as session:
        session.add(SettingValue(key="registration_open", value=True))
    yield
    with rooms.database.write() as session:
        session.delete(session.get(SettingValue, "registration_open"))


def _login(anonymous: httpx.Client, name: str, password: str, **headers: str) -> dict[str, str]:
    given = {"username": name, "password": password}
    answer = anonymous.post("/api/v1/auth/login", json=given, headers=headers).raise_for_status()
    tokens: dict[str, str] = answer.json()
    return tokens


def _bearer(tokens: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def _dies(anonymous: httpx.Client, tokens: dict[str, str]) -> bool:
    """Whether an access token stops working."""
    deadline = time.monotonic() + SEEN_S
    while time.monotonic() < deadline:
        if anonymous.get("/api/v1/auth/me", headers=_bearer(tokens)).status_code == 401:
            return True
    return False


@pytest.mark.parametrize("as_form", [False, True])
def test_login_takes_json_and_forms_and_answers_tokens(
    anonymous: httpx.Client, platform: Running, as_form: bool
) -> None:
    given = {"username": platform.username.upper(), "password": platform.password}
    response = anonymous.post("/api/v1/auth/login", **{"data" if as_form else "json": given})  # type: ignore[arg-type]
    body = response.raise_for_status().json()
    assert set(body) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert body["token_type"] == "bearer"
    me = anonymous.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert (me.json()["username"], me.json()["role"]) == (platform.username, "admin")
    assert "password" not in me.text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"username": "ada", "password": "wrong horse"}, 401, "invalid_credentials"),
        ({"username": "nobody", "password": "wrong horse"}, 401, "invalid_credentials"),
        ({"username": "ada"}, 422, "invalid_input"),
        ({"username": "", "password": ""}, 422, "invalid_input"),
        ({"username": "x" * 65, "password": "y"}, 422, "invalid_input"),
        ({"username": ["ada"], "password": {}}, 422, "invalid_input"),
        ([], 422, "invalid_input"),
    ],
)
def test_a_wrong_login_is_refused_without_echo(anonymous: httpx.Client, body: object, status: int, code: str) -> None:
    response = anonymous.post("/api/v1/auth/login", json=body)
    refusal(response, status, code)
    assert "wrong horse" not in response.text


def test_fifty_logins_at_once_succeed_in_bounded_memory(person: User, platform: Running) -> None:
    app = next(
        each for each in psutil.Process(platform.process.pid).children(recursive=True) if each.cmdline()[-1:] == ["app"]
    )
    given, before, peak = {"username": person.username, "password": platform.password}, app.memory_info().rss, [0]

    def login(_number: int) -> int:
        answer = httpx.post(f"{platform.url}/api/v1/auth/login", json=given, timeout=60)
        peak[0] = max(peak[0], app.memory_info().rss)
        return answer.status_code

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(login, range(50))) == [200] * 50
    assert peak[0] - before < 200 << 20


def test_a_refresh_token_rotates_and_its_second_use_ends_the_sign_in(
    anonymous: httpx.Client, person: User, platform: Running
) -> None:
    first = _login(anonymous, person.username, platform.password)
    second = anonymous.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]}).json()
    assert anonymous.get("/api/v1/auth/me", headers=_bearer(second)).status_code == 200
    again = anonymous.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})
    refusal(again, 401, "token_reused")
    assert _dies(anonymous, second)
    response = anonymous.post("/api/v1/auth/refresh", json={"refresh_token": second["refresh_token"]})
    refusal(response, 401, "not_signed_in")


def test_logout_ends_the_sign_in_that_asks_or_all(anonymous: httpx.Client, person: User, platform: Running) -> None:
    here, there, third = (_login(anonymous, person.username, platform.password) for _ in range(3))
    assert anonymous.post("/api/v1/auth/logout", headers=_bearer(here)).status_code == 204
    assert _dies(anonymous, here)
    assert anonymous.get("/api/v1/auth/me", headers=_bearer(there)).status_code == 200
    assert anonymous.post("/api/v1/auth/logout", headers=_bearer(there), json={"everywhere": True}).status_code == 204
    assert _dies(anonymous, there)
    assert _dies(anonymous, third)
    last = _login(anonymous, person.username, platform.password)
    answer = anonymous.post("/api/v1/auth/logout", params={"everywhere": "true"}, headers=_bearer(last))
    assert answer.status_code == 204
    assert _dies(anonymous, last)


def test_a_browsers_logout_ends_its_session(
    anonymous: httpx.Client, rooms: Platform, person: User, platform: Running
) -> None:
    cookie = rooms.sessions.exchange(rooms.accounts.code_for(person))
    with httpx.Client(base_url=platform.url, cookies={"nexusai_session": cookie}, timeout=30) as browser:
        [listed] = browser.get("/api/v1/auth/sessions").json()["items"]
        assert (listed["kind"], listed["current"]) == ("browser", True)
        assert browser.post("/api/v1/auth/logout").status_code == 204
    assert rooms.sessions.resolve(cookie) is None


def test_sign_ins_are_listed_and_ended(anonymous: httpx.Client, person: User, platform: Running) -> None:
    here = _login(anonymous, person.username, platform.password, **{"user-agent": "line-3/1.0"})
    there = _login(anonymous, person.username, platform.password, **{"user-agent": "line-4/1.0"})
    body = anonymous.get("/api/v1/auth/sessions", headers=_bearer(here)).raise_for_status().json()
    assert [(each["user_agent"], each["current"]) for each in body["items"]] == [
        ("line-3/1.0", True),
        ("line-4/1.0", False),
    ]
    assert (body["total"], body["page"], body["size"]) == (2, 1, 50)
    other = body["items"][1]["id"]
    assert anonymous.delete(f"/api/v1/auth/sessions/{other}", headers=_bearer(here)).status_code == 204
    assert _dies(anonymous, there)
    refusal(anonymous.delete(f"/api/v1/auth/sessions/{other}", headers=_bearer(here)), 404, "session_not_found")
    third = _login(anonymous, person.username, platform.password)
    assert anonymous.delete("/api/v1/auth/sessions", headers=_bearer(here)).status_code == 204
    assert _dies(anonymous, third)
    assert anonymous.get("/api/v1/auth/me", headers=_bearer(here)).status_code == 200


def test_a_profile_and_a_password_are_changed(anonymous: httpx.Client, person: User, platform: Running) -> None:
    tokens = _login(anonymous, person.username, platform.password)
    profile = {"email": "pat@example.com", "full_name": "Pat P."}
    changed = anonymous.put("/api/v1/auth/me", json=profile, headers=_bearer(tokens)).raise_for_status().json()
    assert {name: changed[name] for name in profile} == profile
    wrong = anonymous.put("/api/v1/auth/me", json={"email": "no address"}, headers=_bearer(tokens))
    refusal(wrong, 422, "invalid_input")
    given = {"current_password": "wrong horse", "new_password": "another horse"}
    refusal(anonymous.put("/api/v1/auth/password", json=given, headers=_bearer(tokens)), 401, "invalid_credentials")
    given["current_password"] = platform.password
    assert anonymous.put("/api/v1/auth/password", json=given, headers=_bearer(tokens)).status_code == 204
    assert _dies(anonymous, tokens)
    assert _login(anonymous, person.username, "another horse")


def test_what_an_administrator_takes_away_ends_tokens(
    api: httpx.Client, anonymous: httpx.Client, person: User, platform: Running
) -> None:
    tokens = _login(anonymous, person.username, platform.password)
    api.put(f"/api/v1/users/{person.id}/role", json={"role": "operator"}).raise_for_status()
    assert _dies(anonymous, tokens)
    tokens = _login(anonymous, person.username, platform.password)
    api.post(f"/api/v1/users/{person.id}/deactivate").raise_for_status()
    assert _dies(anonymous, tokens)


def test_nobody_registers_while_it_is_closed(anonymous: httpx.Client, platform: Running) -> None:
    given = {"username": f"r-{uuid.uuid4().hex[:8]}", "password": platform.password}
    refusal(anonymous.post("/api/v1/auth/register", json=given), 403, "registration_closed")


@pytest.mark.usefixtures("registration")
def test_a_registered_account_waits_for_approval(api: httpx.Client, anonymous: httpx.Client, platform: Running) -> None:
    name, deadline = f"r-{uuid.uuid4().hex[:8]}", time.monotonic() + SEEN_S
    given = {"username": name, "password": platform.password, "email": "r@example.com"}
    answer = anonymous.post("/api/v1/auth/register", json=given)
    while answer.status_code == 403 and time.monotonic() < deadline:  # until the setting is seen
        answer = anonymous.post("/api/v1/auth/register", json=given)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made == {"id": made["id"], "username": name, "role": "user", "state": "pending"}
    refusal(anonymous.post("/api/v1/auth/register", json=given | {"username": name.upper()}), 409, "name_taken")
    refusal(anonymous.post("/api/v1/auth/register", json=given | {"username": "a\u202eb"}), 422, "invalid_input")
    login = {"username": name, "password": platform.password}
    refusal(anonymous.post("/api/v1/auth/login", json=login), 403, "account_pending")
    wrong = anonymous.post("/api/v1/auth/login", json=login | {"password": "wrong horse"})
    refusal(wrong, 401, "invalid_credentials")
    api.post(f"/api/v1/users/{made['id']}/activate").raise_for_status()
    assert _login(anonymous, name, platform.password)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": utc_now() - timedelta(minutes=1)},  # expired
        {"aud": "another"},  # for somebody else
        {"typ": "refresh"},  # of another kind
        {"fam": None},  # of no sign-in
        {},  # for a user that does not exist
    ],
)
def test_a_forged_or_old_token_opens_nothing(
    anonymous: httpx.Client, platform: Running, claims: dict[str, object]
) -> None:
    now = utc_now()
    content = {"sub": "x", "fam": "y", "aud": AUDIENCE, "typ": "access", "iat": now, "exp": now + timedelta(minutes=5)}
    content = {name: value for name, value in (content | claims).items() if value is not None}
    key = (platform.settings.secrets_dir / "jwt.key").read_bytes()
    token = jwt.encode(content, key, algorithm=ALGORITHM)
    response = anonymous.get("/api/v1/models", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 401
    assert response.json()["error"]["code"] in {"session_expired", "not_signed_in"}


def test_an_api_key_works_both_ways_until_it_is_revoked(api: httpx.Client, anonymous: httpx.Client) -> None:
    given = {"name": "contract", "scopes": ["read"], "expires_in_days": 1}
    made = api.post("/api/v1/auth/api-key/generate", json=given)
    assert made.status_code == 201
    key, key_id = made.json()["key"], made.json()["id"]
    assert key.startswith("nxk_")
    for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}):
        assert anonymous.get("/api/v1/models", headers=headers).status_code == 200
        refused = anonymous.put("/api/v1/models/digit-detector/aliases/x", json={"version": 1}, headers=headers)
        refusal(refused, 403, "forbidden")
        refusal(anonymous.post("/api/v1/auth/api-key/generate", json=given, headers=headers), 403, "forbidden")
    listed = api.get("/api/v1/auth/api-keys").json()
    assert key_id in {each["id"] for each in listed["items"]}
    assert key.split("_", 2)[2] not in json.dumps(listed)
    assert api.delete("/api/v1/auth/api-key/revoke", params={"id": key_id}).status_code == 204
    refusal(api.delete("/api/v1/auth/api-key/revoke", params={"id": key_id}), 404, "key_not_found")
    refusal(anonymous.get("/api/v1/models", headers={"X-API-Key": key}), 401, "not_signed_in")


@pytest.mark.parametrize("method", ["put /auth/me", "put /auth/password", "delete /auth/sessions", "post /auth/logout"])
def test_no_key_changes_the_account(api: httpx.Client, anonymous: httpx.Client, method: str) -> None:
    verb, path = method.split()
    made = api.post("/api/v1/auth/api-key/generate", json={"name": "all", "scopes": ["admin"]}).json()
    body = {"current_password": "x", "new_password": "y"} if path == "/auth/password" else {}
    answer = anonymous.request(verb, f"/api/v1{path}", headers={"X-API-Key": made["key"]}, json=body)
    refusal(answer, 403, "forbidden")
    api.delete("/api/v1/auth/api-key/revoke", params={"id": made["id"]}).raise_for_status()
