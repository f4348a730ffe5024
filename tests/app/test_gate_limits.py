"""What the gate counts, and what it answers above a limit."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.gate import Gate
from registry.access import Actor
from registry.access.actor import of_user
from registry.access.bearers import TokensOrKeys
from registry.access.keys import Keys
from registry.records import Role, User

if TYPE_CHECKING:
    from tests.app.conftest import People

Serve = Callable[[ASGIApp], AbstractContextManager[str]]


async def _echo(request: Request) -> Response:
    await request.body()
    return JSONResponse({"actor": request.state.actor.name})


@dataclass
class Watched:
    """Tokens and keys, and how often the database was asked about one."""

    inner: TokensOrKeys
    asked: int = 0

    def actor(self, presented: str) -> Actor:
        self.asked += 1
        return self.inner.actor(presented)

    def remembered(self, presented: str) -> Actor | None:
        return self.inner.remembered(presented)


@dataclass
class Walled:
    """The gate behind a trusted proxy, so that one test client can come from many addresses."""

    people: "People"
    keys: Keys
    bearers: Watched
    client: httpx.Client
    ada: User
    bob: User
    address: str = "192.0.2.1"

    def ask(
        self, path: str = "/api/v1/x", method: str = "GET", *, proof: str = "", address: str = ""
    ) -> httpx.Response:
        headers = {"x-forwarded-for": address or self.address}
        if proof:
            headers["authorization"] = f"Bearer {proof}"
        return self.client.request(method, path, headers=headers)

    def key(self, user: User) -> str:
        return self.keys.make(of_user(user, "session"), "line 3", ["read", "predict"]).secret

    def token(self, user: User) -> str:
        return self.people.tokens.issue(user).access_token


@pytest.fixture
def walled(people: "People", serve: Serve) -> Iterator[Walled]:
    ada, bob = people.user("ada", Role.ADMIN), people.user("bob", Role.USER)
    inner = Starlette(routes=[Route("/{path:path}", _echo, methods=["GET", "POST"])])
    keys = Keys(people.database)
    bearers = Watched(TokensOrKeys(people.tokens, keys))
    gate = Gate(inner, people.settings, people.sessions, bearers, people.limits)
    with (
        serve(ProxyHeadersMiddleware(gate, "127.0.0.1")) as host,
        httpx.Client(base_url=f"http://{host}", timeout=20) as client,
    ):
        yield Walled(people, keys, bearers, client, ada, bob)


def _refused(answer: httpx.Response) -> None:
    assert answer.status_code == 429
    error = answer.json()["error"]
    assert error["code"] == "too_many_requests"
    assert error["request_id"] == answer.headers["x-request-id"]
    assert float(answer.headers["x-process-time-ms"]) >= 0
    assert int(answer.headers["retry-after"]) == error["details"]["retry_after_s"] >= 1
    assert answer.headers["ratelimit-remaining"] == "0"


def test_an_answer_tells_the_tightest_limit(walled: Walled) -> None:
    walled.people.set_live(limit_user=100, limit_key=50)
    headers = walled.ask(proof=walled.key(walled.bob)).headers
    told = [headers[f"ratelimit-{name}"] for name in ("limit", "remaining", "reset")]
    assert told == ["50", "49", "2"]


def test_above_the_limit_429_says_how_long_to_wait(walled: Walled) -> None:
    walled.people.set_live(limit_user=10)
    token = walled.token(walled.bob)
    assert [walled.ask(proof=token).status_code for _ in range(10)] == [200] * 10
    _refused(walled.ask(proof=token))
    assert walled.ask(proof=walled.token(walled.ada)).status_code == 200  # others go on


def test_a_users_sessions_and_keys_count_together_wherever_they_are(walled: Walled) -> None:
    walled.people.set_live(limit_user=10)
    proofs = [walled.token(walled.bob), walled.key(walled.bob)]
    for number in range(10):
        assert walled.ask(proof=proofs[number % 2], address=f"192.0.2.{number}").status_code == 200
    _refused(walled.ask(proof=walled.key(walled.bob), address="198.51.100.1"))


def test_a_key_has_a_limit_of_its_own(walled: Walled) -> None:
    walled.people.set_live(limit_key=10)
    first, second = walled.key(walled.bob), walled.key(walled.bob)
    for _ in range(10):
        walled.ask(proof=first)
    _refused(walled.ask(proof=first))
    assert walled.ask(proof=second).status_code == 200


# setting, path, an address of another class that goes on
CLASSES = [
    ("limit_predict", "/api/v1/inference/predict", "/api/v1/inference/batch"),
    ("limit_upload", "/api/v1/models/upload", "/api/v1/inference/predict"),
    ("limit_upload", "/api/v1/models", "/api/v1/inference/predict"),
    ("limit_upload", "/api/v1/inference/batch", "/api/v1/inference/predict"),
]


@pytest.mark.parametrize(("setting", "path", "other"), CLASSES)
def test_costly_routes_have_a_limit_for_each_caller(walled: Walled, setting: str, path: str, other: str) -> None:
    walled.people.set_live(**{setting: 2})
    token = walled.token(walled.bob)
    assert [walled.ask(path, "POST", proof=token).status_code for _ in range(3)] == [200, 200, 429]
    assert walled.ask(path, proof=token).status_code == 200  # reading the list is another matter
    assert walled.ask(other, "POST", proof=token).status_code == 200
    assert walled.ask(path, "POST", proof=walled.token(walled.ada)).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/api/v1/auth/refresh", "/auth/exchange"])
def test_signing_in_is_limited_by_address(walled: Walled, path: str) -> None:
    walled.people.set_live(limit_sign_in=5)
    assert [walled.ask(path, "POST").status_code for _ in range(6)] == [200] * 5 + [429]
    assert walled.ask(path, "POST", address="192.0.2.2").status_code == 200


def test_without_a_sign_in_the_address_counts(walled: Walled) -> None:
    walled.people.set_live(limit_address=10)
    found = [walled.ask() for _ in range(11)]
    assert [answer.status_code for answer in found] == [401] * 10 + [429]
    assert found[3].headers["ratelimit-remaining"] == "6"
    assert walled.ask("/api/v1/openapi.json").status_code == 429
    assert walled.ask(proof=walled.token(walled.bob), address="192.0.2.2").status_code == 200


def test_an_ipv6_line_is_one_address(walled: Walled) -> None:
    walled.people.set_live(limit_address=10)
    codes = [walled.ask(address=f"2001:db8:0:1::{number:x}").status_code for number in range(11)]
    assert codes == [401] * 10 + [429]
    assert walled.ask(address="2001:db8:0:2::1").status_code == 401


def test_a_flood_of_guessed_keys_ends_before_the_database_is_asked(walled: Walled) -> None:
    walled.people.set_live(limit_address=10)
    good, token = walled.key(walled.bob), walled.token(walled.bob)
    assert walled.ask(proof=good).status_code == 200  # good once: from then on not counted as a guess
    guesses = [walled.ask(proof=f"nxk_{number:08x}_{'x' * 43}") for number in range(20)]
    assert [answer.status_code for answer in guesses] == [401] * 9 + [429] * 11
    assert walled.bearers.asked == 1 + 9
    _refused(guesses[-1])
    assert walled.ask(proof=good).status_code == 200
    assert walled.ask(proof=token, address="192.0.2.2").status_code == 200


def test_a_revoked_key_is_a_guess_again(walled: Walled) -> None:
    walled.people.set_live(limit_address=10)
    key = walled.key(walled.bob)
    assert walled.ask(proof=key).status_code == 200
    walled.keys.revoke(of_user(walled.bob, "session"), walled.keys.list(of_user(walled.bob, "session"))[0].id)
    assert [walled.ask(proof=key).status_code for _ in range(12)][-1] == 429


@pytest.mark.parametrize("path", ["/health", "/", "/static/js/a.js", "/_stcore/health"])
def test_pages_and_liveness_are_not_limited(walled: Walled, path: str) -> None:
    walled.people.set_live(limit_address=10)
    answers = [walled.ask(path) for _ in range(15)]
    assert {answer.status_code for answer in answers} == {200}
    assert "ratelimit-limit" not in answers[-1].headers


def test_a_change_of_the_settings_counts_at_once(walled: Walled) -> None:
    walled.people.set_live(limit_user=10)
    token = walled.token(walled.bob)
    while walled.ask(proof=token).status_code == 200:
        pass
    walled.people.set_live(limits_on=False)
    answer = walled.ask(proof=token)
    assert answer.status_code == 200
    assert "ratelimit-limit" not in answer.headers
    walled.people.set_live(limits_on=True)
    _refused(walled.ask(proof=token))
    walled.people.set_live(limit_user=1_000_000)
    assert walled.ask(proof=token).status_code == 200
