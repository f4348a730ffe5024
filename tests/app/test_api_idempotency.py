"""Repeated requests to the whole API behind the gate, and the shape of everything it refuses."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from app.api import create_api
from app.api.idempotency import Idempotency
from app.gate import Gate
from app.platform import Platform
from registry.access.idempotency import Answers
from registry.records import Database, Role

if TYPE_CHECKING:
    from tests.app.conftest import People

Serve = Callable[[ASGIApp], AbstractContextManager[str]]


@dataclass
class Counted:
    """Routes of our own beside the API's, which count how often they run."""

    runs: list[str] = field(default_factory=list)
    entered: threading.Event = field(default_factory=threading.Event)
    leave: threading.Event = field(default_factory=threading.Event)

    def install(self, api: FastAPI) -> None:
        @api.post("/things", status_code=201)
        async def make(request: Request) -> dict[str, object]:
            self.runs.append("made")
            size = sum([len(part) async for part in request.stream()])
            return {"run": len(self.runs), "bytes": size, "padding": "x" * 3_000}

        @api.post("/slow", status_code=201)
        def slow() -> dict[str, int]:
            self.runs.append("slow")
            self.entered.set()
            assert self.leave.wait(30)
            return {"run": len(self.runs)}

        @api.post("/answers/{status}")
        def answer(status: int) -> dict[str, int]:
            self.runs.append("failed")
            if status == 599:
                raise ZeroDivisionError
            raise HTTPException(status)


@dataclass(frozen=True)
class Api:
    client: httpx.Client
    counted: Counted

    def post(self, path: str, key: str | None = "k", **options: object) -> httpx.Response:
        headers = {} if key is None else {"idempotency-key": key}
        return self.client.post(f"/api/v1{path}", headers=headers, **options)  # type: ignore[arg-type]


@pytest.fixture
def made(people: "People", serve: Serve) -> Iterator[Api]:
    yield from _served(people, serve, Platform.open(people.settings))


@pytest.fixture
def on_both(people: "People", serve: Serve, database: Database) -> Iterator[Api]:
    """Answers kept on SQLite and on PostgreSQL, in a database of the test's own."""
    platform = Platform.open(people.settings)
    yield from _served(people, serve, replace(platform, answers=Answers(database, people.settings)))


def _served(people: "People", serve: Serve, platform: Platform) -> Iterator[Api]:
    api, counted = create_api(platform), Counted()
    counted.install(api)
    inner = Starlette(routes=[Mount("/api/v1", app=api)])
    token = people.tokens.issue(people.user("ada", Role.ADMIN)).access_token
    gate = Gate(inner, people.settings, people.sessions, platform.bearers, people.limits)
    headers = {"authorization": f"Bearer {token}"}
    with serve(gate) as host, httpx.Client(base_url=f"http://{host}", headers=headers, timeout=40) as client:
        yield Api(client, counted)
    platform.database.close()


def test_a_user_is_made_once_and_answered_twice(made: Api) -> None:
    given = {"username": "bob", "password": "engine-of-analysis"}
    first, again = (made.post("/users", json=given) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert made.post("/users", key="other", json=given).status_code == 409  # the name is taken


def test_a_key_that_is_shown_once_is_shown_to_its_own_request_again(made: Api) -> None:
    given = {"name": "line 3", "scopes": ["read"]}
    first, again = (made.post("/auth/api-key/generate", json=given).json()["key"] for _ in range(2))
    assert first == again
    assert made.client.get("/api/v1/auth/api-keys").json()["total"] == 1


def test_without_the_header_every_request_counts(made: Api) -> None:
    assert [made.post("/things", key=None).json()["run"] for _ in range(2)] == [1, 2]


def test_another_body_query_path_or_type_is_another_request(made: Api) -> None:
    made.post("/things", content=b"{}")
    others = [
        made.post("/things", content=b"{ }"),
        made.post("/things?draft=1", content=b"{}"),
        made.post("/users", content=b"{}"),
        made.client.post(
            "/api/v1/things", content=b"{}", headers={"idempotency-key": "k", "content-type": "text/plain"}
        ),
    ]
    for other in others:
        assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_mismatch")
    assert made.counted.runs == ["made"]


@pytest.mark.parametrize("size", [0, 1, 2**16, 2**20])
def test_a_body_reaches_the_route_whole(made: Api, size: int) -> None:
    body = b"x" * size
    for content in (body, iter([body[: size // 3], body[size // 3 :]])):  # however it is cut into parts
        answer = made.post("/things", content=content).json()
        assert (answer["run"], answer["bytes"]) == (1, size)


def test_a_body_that_memory_should_not_hold_goes_through_a_file(people: "People", serve: Serve) -> None:
    api, counted, size = FastAPI(), Counted(), 5 * 2**20 + 1
    api.add_middleware(Idempotency, answers=Answers(people.database, people.settings))
    counted.install(api)
    with serve(api) as host:
        for _ in range(2):
            answer = httpx.post(
                f"http://{host}/things", headers={"idempotency-key": "k"}, content=b"x" * size, timeout=60
            )
            assert (answer.json()["run"], answer.json()["bytes"]) == (1, size)


def test_a_multipart_boundary_is_not_part_of_the_request(made: Api) -> None:
    boundaries = {httpx.Request("POST", "http://x", files={"f": b"1"}).headers["content-type"] for _ in range(2)}
    assert len(boundaries) == 2  # a client chooses another one each time
    again = [made.post("/things", files={"file": ("a.bin", b"-" * 200_000)}) for _ in range(2)]
    assert again[1].headers["idempotency-replayed"] == "true"
    assert made.post("/things", files={"file": ("b.bin", b"-" * 200_000)}).status_code == 422


def test_of_two_equal_requests_at_once_one_runs(on_both: Api) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(on_both.post, "/slow")
        assert on_both.counted.entered.wait(30)
        second = on_both.post("/slow")
        on_both.counted.leave.set()
        assert first.result().status_code == 201
    assert (second.status_code, second.json()["error"]["code"]) == (409, "request_in_progress")
    assert on_both.post("/slow").headers["idempotency-replayed"] == "true"
    assert on_both.counted.runs == ["slow"]


# status of the answer, how often two equal requests run
REMEMBERED = [(409, 1), (404, 1), (401, 2), (403, 2), (429, 2), (500, 2), (503, 2), (599, 2)]


@pytest.mark.parametrize(("status", "runs"), REMEMBERED)
def test_what_may_be_answered_otherwise_later_may_be_tried_again(made: Api, status: int, runs: int) -> None:
    found = {made.post(f"/answers/{status}").status_code for _ in range(2)}
    assert found == {500 if status == 599 else status}
    assert len(made.counted.runs) == runs


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_what_is_no_key_is_refused(made: Api, key: str) -> None:
    answer = made.post("/things", key=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_input")
    assert not made.counted.runs


@pytest.mark.parametrize("path", ["/auth/login", "/auth/refresh"])
def test_signing_in_is_never_replayed(made: Api, path: str) -> None:
    answers = [made.post(path, json={"username": "ada", "password": "wrong"}) for _ in range(2)]
    assert "idempotency-replayed" not in answers[1].headers


def test_the_document_shows_the_header_where_it_counts(made: Api) -> None:
    document = made.client.get("/api/v1/openapi.json").json()
    shown = {
        (method, path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for parameter in operation.get("parameters", [])
        if parameter["name"] == "Idempotency-Key"
    }
    assert {("post", "/users"), ("post", "/auth/api-key/generate")} <= shown
    assert {method for method, _ in shown} == {"post"}
    assert not shown & {("post", path) for path in ("/auth/login", "/auth/refresh", "/inference/predict")}
    again = made.client.get("/api/v1/openapi.json").json()
    assert again == document


# what goes wrong, and the status and code of the answer
REFUSALS = [
    (lambda api: api.client.get("/api/v1/nothing"), 404, "not_found"),
    (lambda api: api.client.delete("/api/v1/auth/me"), 405, "method_not_allowed"),
    (lambda api: api.post("/things", content=b"x" * (2**20 + 1)), 413, "upload_too_large"),
    (lambda api: api.post("/things", content=iter([b"x" * 2**20, b"y"])), 413, "upload_too_large"),
    (lambda api: api.post("/answers/599"), 500, "unexpected_error"),
    (lambda api: api.client.get("/api/v1/users", headers={"authorization": "Bearer x"}), 401, "not_signed_in"),
    (lambda api: api.client.get("/api/v1/users", headers={"host": "evil.example"}), 403, "forbidden"),
]


@pytest.mark.parametrize(("ask", "status", "code"), REFUSALS)
def test_every_refusal_has_the_one_shape(
    made: Api, ask: Callable[[Api], httpx.Response], status: int, code: str
) -> None:
    answer = ask(made)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert set(error) == {"code", "message", "hint", "details", "request_id"}
    assert error["request_id"] == answer.headers["x-request-id"]
    assert float(answer.headers["x-process-time-ms"]) >= 0
    assert answer.headers["content-type"].startswith("application/json")


def test_long_answers_are_compressed_also_when_they_are_given_again(made: Api) -> None:
    answers = [made.post("/things") for _ in range(2)]
    assert [answer.headers["content-encoding"] for answer in answers] == ["gzip", "gzip"]
    assert answers[0].json() == answers[1].json()
