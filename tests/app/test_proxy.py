"""The reverse proxy before a real upstream server."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from app import mlflow_rules
from app.gate import Gate
from app.proxy import Proxy
from registry.errors import MlflowUnavailable
from registry.models.process import free_port
from registry.records import Role

if TYPE_CHECKING:
    from tests.app.conftest import People

Serve = Callable[[ASGIApp], AbstractContextManager[str]]


async def _echo(request: Request) -> Response:
    body = await request.body()
    seen = {
        "method": request.method,
        "target": request.scope["raw_path"].decode() + "?" + request.scope["query_string"].decode(),
        "headers": [list(pair) for pair in request.headers.items()],
        "bytes": len(body),
    }
    return JSONResponse(seen, headers={"set-cookie": "upstream=1", "x-upstream": "yes", "keep-alive": "timeout=5"})


async def _drip(_request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.Event().wait()  # the second part never comes

    return StreamingResponse(parts(), media_type="text/plain")


async def _packed(_request: Request) -> Response:
    return Response(gzip.compress(b"hello" * 100), headers={"content-encoding": "gzip"}, media_type="text/plain")


async def _broken(_request: Request) -> Response:
    return PlainTextResponse("the database sqlite:////home/secret/mlflow.db is not there", 500)


async def _moved(request: Request) -> Response:
    return RedirectResponse(str(request.url.replace(path="/mlflow/there", query="")), 302)


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept(subprotocol="prefect")
    async for text in websocket.iter_text():
        await websocket.send_text(text.upper())


UPSTREAM = Starlette(
    routes=[
        Route("/mlflow/drip", _drip),
        Route("/mlflow/packed", _packed),
        Route("/mlflow/moved", _moved),
        Route("/mlflow/broken", _broken),
        WebSocketRoute("/mlflow/events", _socket),
        Route("/{path:path}", _echo, methods=["GET", "POST", "PATCH", "DELETE", "PUT"]),
    ]
)


@pytest.fixture
def engineer(people: "People") -> dict[str, str]:
    return people.cookie(people.user("eve", Role.ENGINEER))


@pytest.fixture
def front(people: "People", serve: Serve) -> Iterator[str]:
    with serve(UPSTREAM) as upstream, _front(people, serve, f"http://{upstream}/mlflow") as host:
        yield f"http://{host}"


def _front(people: "People", serve: Serve, upstream: str) -> AbstractContextManager[str]:
    proxy = Proxy("MLflow", lambda: upstream, mlflow_rules.admit, unavailable=MlflowUnavailable)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await proxy.aclose()

    inner = Starlette(routes=[Mount("/mlflow", app=proxy)], lifespan=lifespan)
    return serve(Gate(inner, people.settings, people.sessions, people.tokens, people.limits))


@pytest.mark.parametrize(
    ("role", "status"), [(Role.ADMIN, 200), (Role.ENGINEER, 200), (Role.OPERATOR, 403), (Role.USER, 403)]
)
def test_only_builders_get_through(people: "People", front: str, role: Role, status: int) -> None:
    answer = httpx.get(f"{front}/mlflow/", headers=people.cookie(people.user("someone", role)), timeout=60)
    assert answer.status_code == status


def test_nobody_gets_through_without_signing_in(front: str) -> None:
    assert httpx.get(f"{front}/mlflow/api/2.0/mlflow/experiments/search", timeout=60).status_code == 401


def test_path_query_method_and_body_arrive_unchanged(front: str, engineer: dict[str, str]) -> None:
    target = "/mlflow/ajax-api/2.0/mlflow-artifacts/x%2Fy%20z?name=a%26b&name=%C3%A9"
    answer = httpx.patch(f"{front}{target}", content=b"x" * 100_000, headers=engineer).json()
    assert (answer["method"], answer["target"], answer["bytes"]) == ("PATCH", target, 100_000)


def test_proofs_and_hop_by_hop_headers_stay_behind(people: "People", front: str) -> None:
    token = people.tokens.issue(people.user("eve", Role.ENGINEER)).access_token
    sent = {
        "authorization": f"Bearer {token}",
        "cookie": "nexusai_session=x; other=1",
        "connection": "x-private",
        "x-private": "1",
        "te": "trailers",
        "origin": front,
        "x-nexusai-user": "forged",
        "x-kept": "yes",
    }
    seen = dict(httpx.get(f"{front}/mlflow/", headers=sent, timeout=60).json()["headers"])
    assert seen["x-kept"] == "yes"
    assert not set(seen) & {"authorization", "cookie", "x-private", "te", "origin", "x-nexusai-user"}
    assert seen["host"] != front.removeprefix("http://")


def test_who_names_no_encoding_is_answered_in_none(front: str, engineer: dict[str, str]) -> None:
    with httpx.Client() as client:
        del client.headers["accept-encoding"]
        asked = dict(client.get(f"{front}/mlflow/x", headers=engineer).json()["headers"])
        assert asked["accept-encoding"] == "identity"
        named = {**engineer, "accept-encoding": "br"}
        assert dict(client.get(f"{front}/mlflow/x", headers=named).json()["headers"])["accept-encoding"] == "br"


def test_what_the_server_answers_comes_back_without_its_cookies(front: str, engineer: dict[str, str]) -> None:
    answer = httpx.get(f"{front}/mlflow/", headers=engineer, timeout=60)
    assert answer.headers["x-upstream"] == "yes"
    assert "set-cookie" not in answer.headers
    assert "keep-alive" not in answer.headers
    assert answer.headers["x-request-id"]


def test_a_compressed_answer_is_passed_on_as_it_is(front: str, engineer: dict[str, str]) -> None:
    assert httpx.get(f"{front}/mlflow/packed", headers=engineer, timeout=60).text == "hello" * 100


def test_a_redirect_to_the_hidden_server_leads_back_here(front: str, engineer: dict[str, str]) -> None:
    assert httpx.get(f"{front}/mlflow/moved", headers=engineer, timeout=60).headers["location"] == "/mlflow/there"


def test_an_answer_streams_before_it_is_complete(front: str, engineer: dict[str, str]) -> None:
    with httpx.stream("GET", f"{front}/mlflow/drip", headers=engineer, timeout=10) as answer:
        assert next(answer.iter_bytes()) == b"first"


def test_a_body_streams_up_without_a_declared_length(front: str, engineer: dict[str, str]) -> None:
    parts = (b"x" * 65_536 for _ in range(40))
    assert (
        httpx.post(
            f"{front}/mlflow/ajax-api/2.0/mlflow/upload-artifact", content=parts, headers=engineer, timeout=60
        ).json()["bytes"]
        == 40 * 65_536
    )


def test_a_server_that_is_down_answers_503_in_the_error_shape(
    people: "People", serve: Serve, engineer: dict[str, str]
) -> None:
    with _front(people, serve, f"http://127.0.0.1:{free_port()}/mlflow") as host:
        answer = httpx.get(f"http://{host}/mlflow/", headers=engineer, timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "mlflow_unavailable")


def test_what_a_server_says_of_its_own_failure_stays_in_the_log(
    front: str, engineer: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    answer = httpx.get(f"{front}/mlflow/broken", headers=engineer, timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "mlflow_unavailable")
    assert "secret" not in answer.text
    assert "sqlite:////home/secret/mlflow.db" in caplog.text


def test_websockets_pass_both_ways(front: str, engineer: dict[str, str]) -> None:
    url = front.replace("http", "ws", 1) + "/mlflow/events"
    with connect(url, additional_headers=engineer, subprotocols=["prefect"], proxy=None) as socket:
        assert socket.subprotocol == "prefect"
        socket.send("hello")
        assert socket.recv(timeout=10) == "HELLO"
