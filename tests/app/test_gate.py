"""The gate in front of an application that tells what reached it."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
import websockets
from sqlmodel import select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from app.gate import Gate
from app.gate_sockets import Sockets
from app.gate_visit import Identity
from app.signing_in import SigningIn
from registry.access.actor import of_user
from registry.access.browsers import browser_hash, new_value
from registry.records import Role, User, WebSession, utc_now

if TYPE_CHECKING:
    from tests.app.conftest import People

Serve = Callable[[ASGIApp], AbstractContextManager[str]]


async def _echo(request: Request) -> Response:
    size = len(await request.body())
    return JSONResponse({"headers": request.headers.items(), "actor": request.state.actor.name, "bytes": size})


async def _swallow(request: Request) -> Response:
    """What frameworks do with an error while a body is read: answer something else."""
    try:
        await request.body()
    except Exception:  # noqa: BLE001 - as a framework would
        return PlainTextResponse("there was an error parsing the body", 400)
    return PlainTextResponse("read")


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(dict(websocket.headers))
    async for text in websocket.iter_text():
        await websocket.send_text(text)


@dataclass(frozen=True)
class Walled:
    people: "People"
    host: str
    ada: User
    bob: User

    def request(self, method: str, path: str, **options: object) -> httpx.Response:
        return httpx.request(method, f"http://{self.host}{path}", timeout=10, **options)  # type: ignore[arg-type]


@pytest.fixture
def walled(people: "People", serve: Serve) -> Iterator[Walled]:
    ada, bob = people.user("ada", Role.ADMIN), people.user("bob", Role.USER)
    owners = {"adas": "nobody-else"}
    inner = Starlette(
        routes=[
            *SigningIn(people.settings, people.sessions).routes(),
            Route("/swallow", _swallow, methods=["POST"]),
            WebSocketRoute("/_stcore/stream", _socket),
            Route("/{path:path}", _echo, methods=["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]),
        ]
    )
    with serve(Gate(inner, people.settings, people.sessions, people.tokens, people.limits, owners.get)) as host:
        yield Walled(people, host, ada, bob)


# path, method, then the status for: nobody, a user, an administrator
PATHS = [
    ("GET", "/", 200, 200, 200),
    ("GET", "/models", 200, 200, 200),
    ("GET", "/health", 200, 200, 200),
    ("GET", "/health/ready", 200, 200, 200),
    ("GET", "/static/js/index.DormvYxC.js", 200, 200, 200),
    ("GET", "/_stcore/health", 200, 200, 200),
    ("GET", "/_stcore/host-config", 200, 200, 200),
    ("GET", "/models/_stcore/health", 200, 200, 200),
    ("POST", "/api/v1/auth/login", 200, 200, 200),
    ("GET", "/api/v1/openapi.json", 200, 200, 200),
    ("GET", "/api/v1/models", 401, 200, 200),
    ("POST", "/api/v1/openapi.json", 401, 200, 200),
    ("POST", "/api/v1/auth/login/", 401, 200, 200),
    ("POST", "/", 401, 200, 200),
    ("GET", "/media/abc.jpg", 401, 200, 200),
    ("HEAD", "/media/abc.jpg", 401, 200, 200),
    ("GET", "/live/cam.mjpg", 401, 200, 200),
    ("POST", "/live/cam/offer", 401, 200, 200),
    ("GET", "/mlflow/", 401, 200, 200),
    ("GET", "/prefect/api/flows", 401, 200, 200),
    ("GET", "/component/x/index.html", 401, 200, 200),
    ("GET", "/_stcore/bidi-components/x/a.js", 401, 200, 200),
    ("PUT", "/_stcore/upload_file/adas/1", 401, 403, 403),  # somebody else's page
    ("DELETE", "/_stcore/upload_file/adas/1", 401, 403, 403),
    ("POST", "/_stcore/agent/interact", 401, 200, 200),
    ("GET", "/_stcore/metrics", 401, 403, 200),
    ("GET", "/_stcore/script-health-check", 401, 403, 200),
    ("GET", "/metrics", 401, 403, 200),
    ("GET", "/anything-new", 401, 200, 200),  # what is not named needs a user
    ("GET", "/static/../_stcore/metrics", 401, 403, 200),
    ("GET", "//media/abc.jpg", 401, 200, 200),
    ("GET", "/%6dedia/abc.jpg", 401, 200, 200),
    ("GET", "/models/a%0Ab", 404, 404, 404),  # control characters: no router is asked
]


@pytest.mark.parametrize(("method", "path", "nobody", "user", "admin"), PATHS)
def test_each_path_asks_for_what_it_must(
    walled: Walled, method: str, path: str, nobody: int, user: int, admin: int
) -> None:
    found = [
        walled.request(method, path, headers=headers).status_code
        for headers in ({}, walled.people.cookie(walled.bob), walled.people.cookie(walled.ada))
    ]
    assert found == [nobody, user, admin]


def _bearer(walled: Walled) -> dict[str, str]:
    return {"authorization": f"Bearer {walled.people.tokens.issue(walled.bob).access_token}"}


def test_a_refusal_has_the_error_shape_and_names_the_request(walled: Walled) -> None:
    answer = walled.request("GET", "/api/v1/models", headers={"x-request-id": "mine-1"})
    body = answer.json()["error"]
    assert body["code"] == "not_signed_in"
    assert body["request_id"] == answer.headers["x-request-id"] == "mine-1"
    assert float(answer.headers["x-process-time-ms"]) >= 0


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "é", "<script>"])
def test_an_unsafe_request_id_is_replaced(walled: Walled, given: str) -> None:
    answer = walled.request("GET", "/health", headers={"x-request-id": given.encode()})
    assert answer.headers["x-request-id"] != given


@pytest.mark.parametrize("path", ["/mlflow/", "/prefect/runs", "/anything-new"])
def test_a_browser_without_a_session_is_led_to_the_sign_in_page(walled: Walled, path: str) -> None:
    answer = walled.request("GET", path, headers={"accept": "text/html", "sec-fetch-mode": "navigate"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_a_bearer_token_opens_what_programs_use_and_nothing_else(walled: Walled) -> None:
    headers = _bearer(walled)
    assert walled.request("GET", "/api/v1/models", headers=headers).json()["actor"] == "bob"
    assert walled.request("GET", "/_stcore/metrics", headers=headers).status_code == 401
    wrong = walled.request("GET", "/api/v1/models", headers={"authorization": f"{headers['authorization']}x"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "not_signed_in")


def test_only_the_gate_writes_identity_headers(walled: Walled) -> None:
    forged = {"x-nexusai-user": walled.ada.id, "x-nexusai-session": "a" * 32, "X-NexusAI-Address": "1.2.3.4"}
    for path, cookie in (("/_stcore/host-config", {}), ("/_stcore/agent/x", walled.people.cookie(walled.bob))):
        headers = walled.request("GET", path, headers=forged | cookie).json()["headers"]
        told = {name: value for name, value in headers if name.startswith("x-nexusai-")}
        assert told.get("x-nexusai-user") == (walled.bob.id if cookie else None)
        assert told.get("x-nexusai-session") != "a" * 32
        assert told["x-nexusai-address"] == "127.0.0.1"


def test_the_application_never_sees_the_session_cookie(walled: Walled) -> None:
    own = walled.people.cookie(walled.bob)["cookie"]
    headers = walled.request("GET", "/api/v1/x", headers={"cookie": f"a=1; {own}; b=2"}).json()["headers"]
    assert dict(headers)["cookie"] == "a=1; b=2"


def test_the_application_is_told_the_browsers_hash_and_never_sees_its_cookie(walled: Walled) -> None:
    value = new_value()
    headers = {"cookie": f"a=1; nexusai_browser={value}", "x-nexusai-browser": "forged"}
    for cookie in ({}, walled.people.cookie(walled.bob)):
        sent = headers | ({"cookie": f"{headers['cookie']}; {cookie['cookie']}"} if cookie else {})
        with connect(f"ws://{walled.host}/_stcore/stream", additional_headers=sent, proxy=None) as socket:
            told = json.loads(socket.recv(timeout=10))
        assert told["x-nexusai-browser"] == browser_hash(value)
        assert told["cookie"] == "a=1"
    with connect(f"ws://{walled.host}/_stcore/stream", proxy=None) as socket:
        assert json.loads(socket.recv(timeout=10))["x-nexusai-browser"] == ""


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8501", 200),
        ("LOCALHOST.", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8501", 200),
        ("evil.example", 403),
        ("evil.example:8501", 403),
        ("localhost.evil.example", 403),
        ("user@localhost", 403),
        ("localhost:99999", 403),
        ("", 403),
    ],
)
def test_only_the_platforms_own_host_names_are_answered(walled: Walled, host: str, status: int) -> None:
    assert walled.request("GET", "/", headers={"host": host}).status_code == status


CROSS_SITE = [
    ({}, 200),  # a program
    ({"origin": "http://HOST", "sec-fetch-site": "same-origin"}, 200),
    ({"origin": "http://evil.example"}, 403),
    ({"origin": "http://localhost:1"}, 403),  # another port of this machine shares the cookie
    ({"origin": "null"}, 403),
    ({"sec-fetch-site": "cross-site"}, 403),
    ({"sec-fetch-site": "same-site"}, 403),
    ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 403),  # a form on another site
]


@pytest.mark.parametrize(("headers", "status"), CROSS_SITE)
def test_another_site_cannot_use_the_cookie(walled: Walled, headers: dict[str, str], status: int) -> None:
    sent = {key: value.replace("HOST", walled.host) for key, value in headers.items()}
    answer = walled.request("POST", "/api/v1/models", headers=sent | walled.people.cookie(walled.ada))
    assert answer.status_code == status


def test_a_link_on_another_site_may_lead_here(walled: Walled) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"} | walled.people.cookie(walled.ada)
    assert walled.request("GET", "/mlflow/", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/users/..%2fsettings", "/media/%2e%2e/x", "/api/v1/%2e"])
def test_an_address_that_no_router_understands_alike_is_not_found(walled: Walled, path: str) -> None:
    answer = walled.request("GET", path, headers=_bearer(walled))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_nul_in_a_query_is_told(walled: Walled) -> None:
    answer = walled.request("GET", "/api/v1/users?search=%00", headers=_bearer(walled))
    assert answer.json()["error"]["code"] == "invalid_input"


def test_two_hosts_are_none(walled: Walled) -> None:
    name, port = walled.host.split(":")
    with socket.create_connection((name, int(port))) as wire:
        wire.sendall(b"GET /api/v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n")
        assert b" 403 " in wire.recv(200).split(b"\r\n")[0]


def test_nobody_keeps_a_copy_of_what_the_api_says(walled: Walled) -> None:
    assert walled.request("GET", "/api/v1/users", headers=_bearer(walled)).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/api/v1/x", "/swallow"])
@pytest.mark.parametrize("declared", [True, False])
def test_a_body_above_the_cap_is_refused_while_it_streams(walled: Walled, path: str, declared: bool) -> None:
    body = b"x" * (2**20 + 1)
    content = body if declared else iter([body[: 2**19], body[2**19 :]])
    answer = walled.request("POST", path, content=content, headers=walled.people.cookie(walled.ada))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "upload_too_large")


def test_a_model_upload_may_be_larger_than_other_bodies(walled: Walled) -> None:
    body = b"x" * (3 * 2**20)
    answer = walled.request("POST", "/api/v1/models/upload", content=body, headers=walled.people.cookie(walled.ada))
    assert answer.json()["bytes"] == len(body)


def test_answers_carry_the_protective_headers(walled: Walled) -> None:
    headers = walled.request("GET", "/").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert "unsafe-eval" not in headers["content-security-policy"]
    assert "'unsafe-inline'" not in headers["content-security-policy"].split("style-src")[0]
    assert "sandbox" in walled.request("GET", "/media/x").headers["content-security-policy"]
    assert "img-src 'self' data: blob:;" in walled.request("GET", "/mlflow/").headers["content-security-policy"]


def test_a_session_that_ended_opens_nothing(walled: Walled) -> None:
    value = walled.people.session(walled.bob)
    headers = {"cookie": f"nexusai_session={value}"}
    assert walled.request("GET", "/api/v1/x", headers=headers).status_code == 200
    walled.people.sessions.end(value)
    assert walled.request("GET", "/api/v1/x", headers=headers).status_code == 401


def test_a_websocket_from_another_origin_or_host_is_refused(walled: Walled) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        with pytest.raises(websockets.InvalidStatus) as refused:
            connect(f"ws://{walled.host}/_stcore/stream", additional_headers=headers, proxy=None)
        assert refused.value.response.status_code == 403


def test_nobody_resumes_a_streamlit_session_without_a_session_of_their_own(walled: Walled) -> None:
    url = f"ws://{walled.host}/_stcore/stream"
    asked = {"Sec-WebSocket-Protocol": "streamlit,xsrf,3f1c-of-ada"}
    with connect(url, additional_headers=asked, proxy=None) as anonymous:
        assert "3f1c-of-ada" not in anonymous.recv(timeout=10)
    with connect(url, additional_headers=asked | walled.people.cookie(walled.bob), proxy=None) as known:
        told = str(known.recv(timeout=10))
        assert "3f1c-of-ada" in told  # Streamlit compares the identity below with the one that opened it
        assert walled.bob.id in told


def _deactivate(walled: Walled, _value: str) -> None:
    with walled.people.database.write() as session:
        found = session.get(User, walled.bob.id)
        assert found is not None
        found.active = False


def _expire(walled: Walled, _value: str) -> None:
    with walled.people.database.write() as session:
        for row in session.query(WebSession).all():
            row.expires_at = utc_now()


ENDS = {
    "signed out": lambda walled, value: walled.people.sessions.end(value),
    "signed out everywhere": lambda walled, value: walled.people.sessions.end_all(walled.bob.id),
    "deactivated": _deactivate,
    "expired": _expire,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_an_open_websocket_ends_with_its_session(walled: Walled, end: object) -> None:
    value = walled.people.session(walled.bob)
    with connect(
        f"ws://{walled.host}/_stcore/stream", additional_headers={"cookie": f"nexusai_session={value}"}, proxy=None
    ) as socket:
        socket.recv(timeout=10)
        socket.send("still here")
        assert socket.recv(timeout=10) == "still here"
        end(walled, value)  # type: ignore[operator]
        with pytest.raises(websockets.ConnectionClosed) as closed:
            socket.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


def test_a_websocket_of_nobody_stays_open(walled: Walled) -> None:
    with connect(f"ws://{walled.host}/_stcore/stream", proxy=None) as socket:
        socket.recv(timeout=10)
        socket.send("x")
        assert socket.recv(timeout=10) == "x"


def test_the_socket_of_an_idle_session_is_closed(people: "People", serve: Serve) -> None:
    bob = people.user("bob", Role.USER)
    value = people.session(bob)
    identity = Identity(of_user(bob, "session"), value)
    sockets = Sockets(Starlette(routes=[WebSocketRoute("/", _socket)]), people.sessions, people.limits.live)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await sockets.run(scope, receive, send, identity)

    with serve(app) as host, connect(f"ws://{host}/", proxy=None) as socket:
        socket.recv(timeout=10)
        with people.database.write() as session:
            [row] = session.exec(select(WebSession)).all()
            row.last_seen_at = utc_now() - timedelta(minutes=people.settings.session_idle_minutes, seconds=1)
        with pytest.raises(websockets.ConnectionClosed):
            socket.recv(timeout=10)
    assert people.sessions.resolve(value) is None
