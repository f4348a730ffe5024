"""Web pages of other origins in front of the gate."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from app.gate import Gate
from registry.records import Role, User

if TYPE_CHECKING:
    from tests.app.conftest import People

Serve = Callable[[ASGIApp], AbstractContextManager[str]]
TOOLS = "https://tools.example.com"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}


async def _echo(request: Request) -> Response:
    return JSONResponse({"actor": request.state.actor.name, "padding": "x" * 3_000})


@dataclass(frozen=True)
class Walled:
    people: "People"
    client: httpx.Client
    ada: User

    def ask(self, method: str, path: str, headers: dict[str, str], origin: str = TOOLS) -> httpx.Response:
        return self.client.request(method, path, headers=headers | {"origin": origin, "sec-fetch-site": "cross-site"})

    @property
    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.people.tokens.issue(self.ada).access_token}"}


@pytest.fixture
def walled(people: "People", serve: Serve) -> Iterator[Walled]:
    ada = people.user("ada", Role.ADMIN)
    routes = [Route("/{path:path}", _echo, methods=["GET", "POST", "OPTIONS"])]
    inner = Starlette(routes=routes, middleware=[Middleware(GZipMiddleware)])
    people.set_live(cors_origins=[TOOLS])
    gate = Gate(inner, people.settings, people.sessions, people.tokens, people.limits)
    with serve(gate) as host, httpx.Client(base_url=f"http://{host}", timeout=20) as client:
        yield Walled(people, client, ada)


def _cors(answer: httpx.Response) -> set[str]:
    return {name for name in answer.headers if name.startswith("access-control-")}


def test_a_preflight_is_answered_before_anybody_is_known(walled: Walled) -> None:
    answer = walled.ask("OPTIONS", "/api/v1/models", PREFLIGHT)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == TOOLS
    assert "POST" in answer.headers["access-control-allow-methods"].split(", ")
    assert {"Authorization", "X-API-Key", "Idempotency-Key"} <= set(
        answer.headers["access-control-allow-headers"].split(", ")
    )
    assert int(answer.headers["access-control-max-age"]) > 0
    assert "Origin" in answer.headers["vary"]
    assert "x-request-id" in answer.headers


# origin, path: no preflight that we answer
STRANGERS = [
    ("https://evil.example", "/api/v1/models"),
    ("https://tools.example.com.evil.example", "/api/v1/models"),
    ("http://tools.example.com", "/api/v1/models"),
    ("https://tools.example.com:8443", "/api/v1/models"),
    ("null", "/api/v1/models"),
    ("", "/api/v1/models"),
    (TOOLS, "/auth/exchange"),
    (TOOLS, "/mlflow/api"),
    (TOOLS, "/media/x.jpg"),
    (TOOLS, "/api/v10/x"),
]


@pytest.mark.parametrize(("origin", "path"), STRANGERS)
def test_nobody_else_is_let_through_by_a_preflight(walled: Walled, origin: str, path: str) -> None:
    answer = walled.ask("OPTIONS", path, PREFLIGHT, origin)
    assert answer.status_code in {401, 403}
    assert not _cors(answer)


def test_a_page_of_a_known_origin_reads_what_its_token_may(walled: Walled) -> None:
    answer = walled.ask("POST", "/api/v1/x", walled.bearer)
    assert (answer.status_code, answer.json()["actor"]) == (200, "ada")
    assert answer.headers["access-control-allow-origin"] == TOOLS
    assert "access-control-allow-credentials" not in answer.headers
    assert {"Retry-After", "RateLimit-Remaining", "X-Request-ID"} <= set(
        answer.headers["access-control-expose-headers"].split(", ")
    )
    assert {"Origin", "Accept-Encoding"} <= set(answer.headers["vary"].split(", "))


def test_it_reads_why_it_was_refused(walled: Walled) -> None:
    answer = walled.ask("GET", "/api/v1/x", {"authorization": "Bearer no"})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == TOOLS


def test_a_page_of_another_origin_reads_nothing(walled: Walled) -> None:
    answer = walled.ask("GET", "/api/v1/x", walled.bearer, "https://evil.example")
    assert not _cors(answer)
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_cookie_never_counts_across_origins(walled: Walled, method: str) -> None:
    answer = walled.ask(method, "/api/v1/x", walled.people.cookie(walled.ada))
    assert answer.status_code == 403
    assert not _cors(answer)


def test_without_origins_in_the_settings_there_is_no_cors(walled: Walled) -> None:
    walled.people.set_live(cors_origins=[])
    answer = walled.ask("GET", "/api/v1/x", walled.bearer)
    assert answer.status_code == 200
    assert not _cors(answer)
    assert not _cors(walled.ask("OPTIONS", "/api/v1/x", PREFLIGHT))
