"""The way to the provider and back, over HTTP and behind the real gate."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp

from app.gate import Gate
from app.signing_in import SigningIn
from app.single_sign_on import SingleSignOnRoutes
from registry.access.people import People as Administration
from registry.access.single_sign_on import SingleSignOn
from registry.records import Role
from registry.settings import Settings
from registry.testing.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider, come_back, oidc_provider

if TYPE_CHECKING:
    from tests.app.conftest import People

Serve = Callable[[ASGIApp], AbstractContextManager[str]]
Open = Callable[..., AbstractContextManager[httpx.Client]]
FROM_THE_PROVIDER = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with oidc_provider({"wei": {"preferred_username": "wei", "groups": ["staff"]}}) as running:
        yield running


@pytest.fixture
def browser(people: "People", serve: Serve, provider: OidcProvider) -> Open:
    """A browser before a server with single sign-on and further settings."""

    @contextmanager
    def opened(**further: Any) -> Iterator[httpx.Client]:
        own: dict[str, Any] = {
            "home": people.settings.home,
            "oidc_issuer": provider.url,
            "oidc_roles": "staff=engineer",
        }
        own |= {"oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET}
        settings = Settings(**(own | further))
        administration = Administration(people.database, people.sessions, people.tokens)
        single_sign_on = SingleSignOn(settings, people.database, administration) if settings.oidc_issuer else None
        signing_in = SigningIn(settings, people.sessions)
        routes = SingleSignOnRoutes(settings, single_sign_on, people.accounts, signing_in).routes()
        with (
            serve(Gate(Starlette(routes=routes), settings, people.sessions, people.tokens, people.limits)) as host,
            httpx.Client(base_url=f"http://{host}", timeout=20, headers=FROM_THE_PROVIDER) as client,
        ):
            yield client

    return opened


@pytest.fixture
def client(browser: Open) -> Iterator[httpx.Client]:
    with browser() as opened:
        yield opened


def depart(client: httpx.Client, **query: str) -> str:
    """The address at the provider that the button leads to."""
    answer = client.get("/auth/oidc/login", params=query)
    assert answer.status_code == 303
    return answer.headers["location"]


def test_there_and_back_is_a_session(client: httpx.Client, people: "People") -> None:
    answer = client.get(come_back(depart(client), "wei"), headers={"user-agent": "t/1"})
    assert (answer.status_code, answer.headers["location"], answer.content) == (303, "/", b"")
    assert answer.headers["cache-control"] == "no-store"
    actor = people.sessions.resolve(client.cookies["nexusai_session"])
    assert actor is not None
    assert (actor.name, actor.role, actor.address) == ("wei", Role.ENGINEER, "127.0.0.1")
    assert "nexusai_sso" not in client.cookies


def test_the_session_cookie_is_the_one_of_a_password(client: httpx.Client) -> None:
    answer = client.get(come_back(depart(client), "wei"))
    [cookie] = [each for each in answer.headers.get_list("set-cookie") if each.startswith("nexusai_session=")]
    assert {"httponly", "samesite=lax", "path=/"} <= set(cookie.lower().split("; "))


def test_the_attempt_waits_in_a_short_lived_cookie_of_its_own(client: httpx.Client) -> None:
    cookie = client.get("/auth/oidc/login").headers["set-cookie"]
    assert cookie.startswith("nexusai_sso=")
    assert {"httponly", "samesite=lax", "path=/auth/oidc", "max-age=600"} <= set(cookie.lower().split("; "))


def test_over_tls_both_cookies_are_secure_and_bound_to_the_host(browser: Open, provider: OidcProvider) -> None:
    with browser(secure_cookies=True) as client:
        there = client.get("/auth/oidc/login")
        sent = parse_qs(urlsplit(there.headers["location"]).query)
        assert sent["redirect_uri"] == [f"https://{client.base_url.netloc.decode()}/auth/oidc/callback"]
        cookie = there.headers["set-cookie"]
        assert cookie.startswith("__Host-nexusai_sso=")
        back = urlsplit(come_back(there.headers["location"], "wei"))
        kept = {"cookie": cookie.split(";")[0]}  # the client keeps no Secure cookie for http
        cookies = client.get(f"{back.path}?{back.query}", headers=kept).headers.get_list("set-cookie")
    assert {"__Host-nexusai_sso", "__Host-nexusai_session"} <= {each.partition("=")[0] for each in cookies}
    assert all({"secure", "path=/"} <= set(each.lower().split("; ")) and "domain" not in each for each in cookies)


@pytest.mark.parametrize(
    ("wanted", "opened"),
    [
        ("/models", "/models"),
        ("//evil.example", "/"),
        ("https://evil.example/models", "/"),
        ("/\\evil.example", "/"),
        ("/models/../../evil", "/"),
        ("/models\r\nset-cookie: a=b", "/"),
        ("javascript:alert(1)", "/"),
        ("/auth/oidc/login", "/"),
        ("", "/"),
    ],
)
def test_only_a_page_of_ours_opens_afterwards(client: httpx.Client, wanted: str, opened: str) -> None:
    back = come_back(depart(client, next=wanted), "wei")
    assert client.get(back).headers["location"] == opened


def test_the_answer_can_not_choose_another_page(client: httpx.Client) -> None:
    back = come_back(depart(client), "wei")
    assert client.get(f"{back}&next=//evil.example&wanted=//evil.example").headers["location"] == "/"


@pytest.mark.parametrize("kept", ["none", "foreign", "edited"])
def test_an_answer_this_browser_did_not_ask_for_signs_nobody_in(client: httpx.Client, kept: str) -> None:
    back = come_back(depart(client), "wei")
    mine = client.cookies["nexusai_sso"]
    client.cookies.clear()
    if kept == "foreign":
        depart(client)  # an attempt of its own, to which the answer does not belong
    if kept == "edited":
        client.cookies.set("nexusai_sso", mine[:-9] + "AAAAAAAA=")
    assert client.get(back).headers["location"] == "/?sso=expired"
    assert "nexusai_session" not in client.cookies


def test_an_answer_works_once_even_with_the_cookie_kept(client: httpx.Client) -> None:
    back = come_back(depart(client), "wei")
    kept = client.cookies["nexusai_sso"]
    client.get(back)
    assert client.get(back).headers["location"] == "/?sso=expired"
    client.cookies.clear()
    answer = client.get(back, headers={"cookie": f"nexusai_sso={kept}"})
    assert answer.headers["location"] == "/?sso=unproven"
    assert "nexusai_session" not in client.cookies


def test_a_former_session_of_the_browser_ends(client: httpx.Client, people: "People") -> None:
    former = people.session(people.user("bob", Role.USER))
    client.cookies.set("nexusai_session", former, domain="127.0.0.1", path="/")
    client.get(come_back(depart(client), "wei"))
    assert people.sessions.resolve(former) is None
    found = people.sessions.resolve(client.cookies["nexusai_session"])
    assert found is not None
    assert found.name == "wei"


def test_what_went_wrong_travels_as_one_word(client: httpx.Client, provider: OidcProvider) -> None:
    assert client.get(come_back(depart(client))).headers["location"] == "/?sso=cancelled"
    provider.claims = {"groups": ["canteen"]}
    assert client.get(come_back(depart(client), "wei")).headers["location"] == "/?sso=no-role"
    provider.claims, provider.trouble = {}, {"/token": "error"}
    assert client.get(come_back(depart(client), "wei")).headers["location"] == "/?sso=unavailable"
    provider.trouble = {}
    assert "nexusai_session" not in client.cookies


def test_another_host_name_is_no_redirect_address(client: httpx.Client) -> None:
    assert client.get("/auth/oidc/login", headers={"host": "evil.example"}).status_code == 403


@pytest.mark.parametrize("mode", ["no-cors", "cors", "websocket"])
@pytest.mark.parametrize("path", ["/auth/oidc/login", "/auth/oidc/callback"])
def test_another_site_reaches_it_by_navigation_alone(client: httpx.Client, path: str, mode: str) -> None:
    assert client.get(path, headers={"sec-fetch-mode": mode}).status_code == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
def test_other_methods_need_a_signed_in_user(client: httpx.Client, method: str) -> None:
    assert client.request(method, "/auth/oidc/callback", headers={"sec-fetch-site": "same-origin"}).status_code == 401


def test_without_a_provider_there_is_nothing_here(browser: Open) -> None:
    with browser(oidc_issuer="") as client:
        for path in ("/auth/oidc/login", "/auth/oidc/callback?code=x&state=y"):
            answer = client.get(path)
            assert answer.status_code == 404
            assert "Single sign-on is not set up here." in answer.text
