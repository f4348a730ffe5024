"""What passes to Prefect, for whom; and its websockets, settings and policy behind the gate."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from app import prefect_rules
from app.gate import Gate
from app.prefect_ui import PrefectUi
from flows.prefect_server import auth_string, basic_authorization
from registry.access import Actor
from registry.errors import Forbidden
from registry.models.server import PortNote
from registry.records import Role

if TYPE_CHECKING:
    from tests.app.conftest import People

Serve = Callable[[ASGIApp], AbstractContextManager[str]]
_RUN = "/prefect/api/flow_runs/01a21e97-de70-7b31-a115-42d0e130d553"
_DEPLOYMENT = "/prefect/api/deployments/1f477e2f-8896-4f3e-8a33-0268f928478c"
EVERYBODY, BUILDERS, ADMINS, NOBODY = "user operator engineer admin", "engineer admin", "admin", ""


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/prefect/v2/dashboard", BUILDERS),
        ("GET", "/prefect/api/admin/settings", BUILDERS),
        ("GET", _RUN, BUILDERS),
        ("POST", "/prefect/api/flow_runs/filter", BUILDERS),  # Prefect asks with POST
        ("POST", "/prefect/api/ui/flows/count-deployments", BUILDERS),
        ("POST", "/prefect/api/work_pools/default/queues/filter", BUILDERS),
        ("POST", f"{_RUN}/set_state", ADMINS),
        ("POST", f"{_DEPLOYMENT}/pause_deployment", ADMINS),
        ("POST", f"{_DEPLOYMENT}/create_flow_run", NOBODY),  # jobs are started as jobs
        ("PATCH", _DEPLOYMENT, NOBODY),  # whoever changes its entrypoint runs anything
        ("POST", "/prefect/api/deployments/", NOBODY),
        ("DELETE", _RUN, NOBODY),
        ("PUT", "/prefect/api/admin/storage", NOBODY),
        ("GET", "/prefect/api/block_documents/1", NOBODY),
        ("POST", "/prefect/api/block_documents/filter", NOBODY),  # it tells secrets to whom asks for them
        ("GET", "/prefect/api/block_types/slug/secret/block_documents", NOBODY),  # with `include_secrets` it tells them
        ("GET", "/prefect/api/block_types/slug/secret/block_documents/name/password", NOBODY),
        ("GET", "/prefect/api/block_types/slug/secret", BUILDERS),
        ("POST", "/prefect/api/automations/", NOBODY),  # a webhook to wherever
        ("POST", f"{_DEPLOYMENT}/create_flow_run/filter/../..", NOBODY),
    ],
)
def test_who_may_do_what(method: str, path: str, allowed: str) -> None:
    let = []
    for role in ("user", "operator", "engineer", "admin"):
        try:
            prefect_rules.admit(Actor("1" * 32, "x", Role(role)), method, path)
        except Forbidden:
            continue
        let.append(role)
    assert " ".join(let) == allowed


async def _echo(request: Request) -> Response:
    return JSONResponse({"path": request.url.path, "proof": request.headers.get("authorization", "")})


async def _settings(_request: Request) -> Response:
    return JSONResponse({"api_url": "/prefect/api", "auth": "BASIC"})


async def _events(websocket: WebSocket) -> None:
    await websocket.accept(subprotocol="prefect")
    said = await websocket.receive_json()
    await websocket.send_json(said)
    await websocket.send_text((await websocket.receive_text()).upper())


UPSTREAM = Starlette(
    routes=[
        Route("/prefect/ui-settings", _settings),
        WebSocketRoute("/api/events/out", _events),
        Route("/{path:path}", _echo, methods=["GET", "POST"]),
    ]
)


@pytest.fixture
def front(people: "People", serve: Serve) -> Iterator[str]:
    with serve(UPSTREAM) as upstream:
        PortNote.of(people.settings, "prefect").write(int(upstream.rpartition(":")[2]))
        inner = Starlette(routes=PrefectUi.of(people.settings, people.database).routes())
        gate = Gate(inner, people.settings, people.sessions, people.tokens, people.limits)  # type: ignore[arg-type]
        with serve(gate) as host:
            yield f"http://{host}"


@pytest.fixture
def engineer(people: "People") -> dict[str, str]:
    return people.cookie(people.user("eve", Role.ENGINEER))


def test_the_proof_goes_to_the_api_and_not_to_the_browser(
    people: "People", front: str, engineer: dict[str, str]
) -> None:
    api = httpx.get(f"{front}/prefect/api/flows/1", headers=engineer, timeout=60).json()
    assert api == {"path": "/api/flows/1", "proof": basic_authorization(people.settings)["authorization"]}
    page = httpx.get(f"{front}/prefect/v2/runs", headers=engineer, timeout=60).json()
    assert page == {"path": "/prefect/v2/runs", "proof": ""}


def test_the_pages_do_not_ask_for_a_password_the_gate_knows(front: str, engineer: dict[str, str]) -> None:
    told = httpx.get(f"{front}/prefect/ui-settings", headers=engineer, timeout=60).json()
    assert told == {"api_url": "/prefect/api", "auth": None}


def test_prefects_pages_are_told_that_there_is_no_block(people: "People", front: str, engineer: dict[str, str]) -> None:
    user = people.cookie(people.user("fay", Role.USER))
    for asked, told in (("filter", []), ("count", 0)):
        url = f"{front}/prefect/api/block_documents/{asked}"
        answer = httpx.post(url, headers=engineer, json={"include_secrets": True}, timeout=60)
        assert (answer.status_code, answer.json()) == (200, told)  # what stands there would have echoed its path
        assert httpx.post(url, headers=user, json={}, timeout=60).status_code == 403
        assert httpx.post(url, json={}, timeout=60).status_code == 401
    for path in ("block_documents/1", "block_types/slug/secret/block_documents?include_secrets=true"):
        assert httpx.get(f"{front}/prefect/api/{path}", headers=engineer, timeout=60).status_code == 403


def test_websockets_bring_the_proof_whatever_the_browser_says(
    people: "People", front: str, engineer: dict[str, str]
) -> None:
    url = front.replace("http", "ws", 1) + "/prefect/api/events/out"
    with connect(url, additional_headers=engineer, subprotocols=["prefect"], proxy=None) as socket:  # type: ignore[list-item]
        socket.send(json.dumps({"type": "auth", "token": "from the browser"}))
        assert json.loads(socket.recv(timeout=10)) == {"type": "auth", "token": auth_string(people.settings)}
        socket.send("hello")
        assert socket.recv(timeout=10) == "HELLO"


def test_its_pages_reach_no_other_host(front: str, engineer: dict[str, str]) -> None:
    policy = httpx.get(f"{front}/prefect/v2/", headers=engineer, timeout=60).headers["content-security-policy"]
    assert "connect-src 'self'" in policy


def test_nobody_and_users_stay_outside(people: "People", front: str) -> None:
    assert httpx.get(f"{front}/prefect/api/flows/1", timeout=60).status_code == 401
    user = people.cookie(people.user("fay", Role.USER))
    for path in ("/prefect/", "/prefect/ui-settings", "/prefect/api/flows/1"):
        assert httpx.get(f"{front}{path}", headers=user, timeout=60).status_code == 403


def test_while_it_is_away_503_says_so(people: "People", front: str, engineer: dict[str, str]) -> None:
    PortNote.of(people.settings, "prefect").remove()
    for path in ("/prefect/", "/prefect/ui-settings", "/prefect/api/flows/1"):
        answer = httpx.get(f"{front}{path}", headers=engineer, timeout=60)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "prefect_unavailable")


def test_the_secret_is_kept_from_others(people: "People") -> None:
    secret = auth_string(people.settings)
    kept = people.settings.secrets_dir / "prefect.key"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert secret.endswith(kept.read_bytes().hex())
    assert auth_string(people.settings) == secret
