"""A one-time code becomes an HttpOnly session, once, within thirty seconds."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp

from app.gate import Gate
from app.signing_in import SigningIn
from registry.access.browsers import browser_hash
from registry.records import KnownBrowser, Role, SignInCode, User, WebSession, utc_now

if TYPE_CHECKING:
    from tests.app.conftest import People

Serve = Callable[[ASGIApp], AbstractContextManager[str]]


@pytest.fixture
def bob(people: "People") -> User:
    return people.user("bob", Role.USER)


@pytest.fixture
def client(people: "People", serve: Serve) -> Iterator[httpx.Client]:
    inner = Starlette(routes=[*SigningIn(people.settings, people.sessions).routes()])
    with (
        serve(Gate(inner, people.settings, people.sessions, people.tokens, people.limits)) as host,
        httpx.Client(base_url=f"http://{host}", timeout=10) as client,
    ):
        yield client


def test_a_code_buys_an_http_only_session(people: "People", bob: User, client: httpx.Client) -> None:
    answer = client.post("/auth/exchange", json={"code": people.accounts.code_for(bob)}, headers={"user-agent": "t/1"})
    assert (answer.status_code, answer.content) == (204, b"")
    cookie = answer.headers.get_list("set-cookie")[0]
    assert cookie.startswith("nexusai_session=")
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()
    assert "path=/" in cookie.lower()
    assert "secure" not in cookie.lower()
    actor = people.sessions.resolve(client.cookies["nexusai_session"])
    assert actor is not None
    assert (actor.name, actor.address) == ("bob", "127.0.0.1")


def test_a_code_works_once(people: "People", bob: User, client: httpx.Client) -> None:
    code = people.accounts.code_for(bob)
    answers = [client.post("/auth/exchange", json={"code": code}).status_code for _ in range(2)]
    assert answers == [204, 401]


def test_a_code_is_worthless_after_thirty_seconds(people: "People", bob: User, client: httpx.Client) -> None:
    code = people.accounts.code_for(bob)
    with people.database.write() as session:
        found = session.query(SignInCode).one()
        assert utc_now() + timedelta(seconds=28) < found.expires_at <= utc_now() + timedelta(seconds=30)
        found.expires_at = utc_now() - timedelta(milliseconds=1)
    answer = client.post("/auth/exchange", json={"code": code})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "session_expired")
    assert "set-cookie" not in answer.headers


NO_CODES = [b"", b"[]", b"{}", b'{"code": 1}', b'{"code": ""}', b"\xff", b'{"code": "%s"}' % (b"x" * 300)]
HOSTILE = [rb'{"code": "\ud800"}', b"[" * 100_000, b'{"code":' * 50_000, '{"code": "ü"}'.encode()]


@pytest.mark.parametrize("body", [*NO_CODES, *HOSTILE])
def test_a_malformed_exchange_is_refused(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/auth/exchange", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_input")


def test_a_code_in_an_address_is_not_looked_at(people: "People", bob: User, client: httpx.Client) -> None:
    assert client.post(f"/auth/exchange?code={people.accounts.code_for(bob)}").status_code == 422


def test_another_site_cannot_sign_a_browser_in(people: "People", bob: User, client: httpx.Client) -> None:
    body = {"code": people.accounts.code_for(bob)}
    assert client.post("/auth/exchange", json=body, headers={"origin": "http://evil.example"}).status_code == 403


def test_signing_in_again_ends_the_browsers_former_session(people: "People", bob: User, client: httpx.Client) -> None:
    client.post("/auth/exchange", json={"code": people.accounts.code_for(bob)})
    former = client.cookies["nexusai_session"]
    client.post("/auth/exchange", json={"code": people.accounts.code_for(bob)})
    assert client.cookies["nexusai_session"] != former
    assert people.sessions.resolve(former) is None


def test_logout_ends_the_session_and_takes_the_cookie_back(people: "People", bob: User, client: httpx.Client) -> None:
    client.post("/auth/exchange", json={"code": people.accounts.code_for(bob)})
    value = client.cookies["nexusai_session"]
    assert client.post("/auth/logout").status_code == 204
    assert "nexusai_session" not in client.cookies
    assert people.sessions.resolve(value) is None
    with people.database.read() as session:
        assert session.query(WebSession).count() == 0


def test_a_browser_is_known_from_its_first_sign_in_on(people: "People", bob: User, client: httpx.Client) -> None:
    answer = client.post("/auth/exchange", json={"code": people.accounts.code_for(bob)})
    cookie = answer.headers.get_list("set-cookie")[1].lower()
    assert cookie.startswith("nexusai_browser=")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert f"max-age={365 * 86_400}" in cookie
    value = client.cookies["nexusai_browser"]
    client.post("/auth/logout")
    assert client.cookies["nexusai_browser"] == value  # so that it is known at the next sign-in
    client.post("/auth/exchange", json={"code": people.accounts.code_for(bob)})
    assert client.cookies["nexusai_browser"] == value
    with people.database.read() as session:
        [known] = session.query(KnownBrowser).all()
    assert (known.browser_hash, known.user_id) == (browser_hash(value), bob.id)
    assert value not in known.model_dump_json()


def test_a_browser_cookie_that_we_never_set_is_replaced(people: "People", bob: User, client: httpx.Client) -> None:
    client.cookies["nexusai_browser"] = "chosen-by-somebody"
    answer = client.post("/auth/exchange", json={"code": people.accounts.code_for(bob)})
    assert "chosen-by-somebody" not in answer.headers.get_list("set-cookie")[1]


def test_logout_without_a_session_is_no_error(client: httpx.Client) -> None:
    assert client.post("/auth/logout").status_code == 204


def test_over_tls_the_cookie_is_secure_and_bound_to_the_host(people: "People", bob: User, serve: Serve) -> None:
    settings = people.settings.model_copy(update={"secure_cookies": True})
    inner = Starlette(routes=[*SigningIn(settings, people.sessions).routes()])
    with serve(Gate(inner, settings, people.sessions, people.tokens, people.limits)) as host:
        answer = httpx.post(f"http://{host}/auth/exchange", json={"code": people.accounts.code_for(bob)}, timeout=60)
    session, browser = answer.headers.get_list("set-cookie")
    assert session.startswith("__Host-nexusai_session=")
    assert browser.startswith("__Host-nexusai_browser=")
    for cookie in (session, browser):
        assert "secure" in cookie.lower()
        assert "domain" not in cookie.lower()
    assert "max-age" in answer.headers["strict-transport-security"]
