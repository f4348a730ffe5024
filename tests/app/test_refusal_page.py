"""What a browser shows of a refusal, where a program gets JSON."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from app import mlflow_rules
from app.gate import Gate
from app.proxy import Proxy
from app.refusal_page import page
from registry.errors import Forbidden, MlflowUnavailable
from registry.records import Role

if TYPE_CHECKING:
    from tests.app.conftest import People

Serve = Callable[[ASGIApp], AbstractContextManager[str]]
_BROWSER = {"accept": "text/html,*/*", "sec-fetch-mode": "navigate"}


@pytest.fixture
def front(people: "People", serve: Serve) -> "AbstractContextManager[str]":
    proxy = Proxy("MLflow", lambda: "http://127.0.0.1:9", mlflow_rules.admit, unavailable=MlflowUnavailable)
    inner = Starlette(routes=[Mount("/mlflow", app=proxy)])
    return serve(Gate(inner, people.settings, people.sessions, people.tokens, people.limits))


@pytest.mark.parametrize(
    ("role", "status", "told"),
    [(Role.OPERATOR, 403, "This is not open to you"), (Role.ENGINEER, 503, "MLflow does not answer: ConnectError.")],
)
def test_who_was_led_to_mlflow_reads_why_it_does_not_open(
    people: "People", front: "AbstractContextManager[str]", role: Role, status: int, told: str
) -> None:
    cookie = people.cookie(people.user("someone", role))
    with front as host:
        shown = httpx.get(f"http://{host}/mlflow/", headers=_BROWSER | cookie, timeout=60)
        called = httpx.get(f"http://{host}/mlflow/", headers=cookie, timeout=60)
    assert (shown.status_code, shown.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert told in shown.text
    assert shown.headers["x-request-id"] in shown.text
    assert shown.headers["content-security-policy"].startswith("default-src 'none'")
    assert (called.status_code, set(called.json())) == (status, {"error"})


def test_a_browser_that_came_by_a_foreign_name_reads_which_to_allow(
    people: "People", front: "AbstractContextManager[str]"
) -> None:
    with front as host:
        answer = httpx.get(f"http://{host}/", headers=_BROWSER | {"host": "elsewhere.example"})
        of_the_api = httpx.get(f"http://{host}/api/v1/models", headers=_BROWSER | {"host": "elsewhere.example"})
    assert answer.status_code == of_the_api.status_code == 403
    assert "NEXUSAI_ALLOWED_HOSTS" in answer.text
    assert of_the_api.json()["error"]["code"] == "forbidden"


def test_what_an_error_says_is_text_in_the_page() -> None:
    shown = page(Forbidden("<script>alert(1)</script> & {title}", hint='"><img src=x>'), "<b>").decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; {title}." in shown
    assert not any(part in shown for part in ("<script", "<img", "<b>"))
