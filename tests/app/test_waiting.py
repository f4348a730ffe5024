"""A request that waits for the engine: refused before its body when full, dropped when its client leaves."""

import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from threading import Event
from types import SimpleNamespace

import pytest
from fastapi import APIRouter, FastAPI, Request
from starlette.types import ASGIApp

from app.api import failures
from app.api.waiting import AdmittedRoute, while_connected
from registry.runtime.admission import Admission, Pace
from registry.runtime.engine import Engine
from registry.runtime.metrics import EngineMetrics

PATIENCE_S = 20
HEAD = b"POST /ask HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


class Asking:
    """One route over an engine of one slot in front of which one request may wait."""

    def __init__(self) -> None:
        self.engine = Engine(1, Admission(1, 1, 60.0), EngineMetrics())
        self.let_go = Event()
        self.taken, self.dropped = Event(), Event()
        self.api = FastAPI()
        self.api.state.platform = SimpleNamespace(serving=SimpleNamespace(engine=self.engine))
        routes = APIRouter(route_class=AdmittedRoute)
        routes.add_api_route("/ask", self.ask, methods=["POST"])
        self.api.include_router(routes)
        failures.install(self.api)

    async def ask(self, request: Request, body: dict[str, int]) -> dict[str, int] | None:
        future = self.engine.submit(lambda _: body, Pace())
        self.taken.set()
        future.add_done_callback(self._drop)
        return await while_connected(request, future)

    def _drop(self, future: "Future[dict[str, int]]") -> None:
        if future.cancelled():
            self.dropped.set()

    def hold(self) -> None:
        """Keep the slot taken."""
        begun = Event()
        self.engine.submit(lambda _: begun.set() or self.let_go.wait(PATIENCE_S), Pace())
        assert begun.wait(PATIENCE_S)


@pytest.fixture
def asking(
    serve: Callable[[ASGIApp], AbstractContextManager[str]],
) -> Iterator[tuple[Asking, Callable[[], socket.socket]]]:
    made = Asking()
    with serve(made.api) as address:
        host, port = address.split(":")
        yield made, lambda: socket.create_connection((host, int(port)), timeout=PATIENCE_S)
        made.let_go.set()
    made.engine.close()


def _post(connection: socket.socket, body: bytes = b'{"a": 1}') -> None:
    connection.sendall(HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)


def test_an_answer_comes_back(asking: tuple[Asking, Callable[[], socket.socket]]) -> None:
    _, connect = asking
    with connect() as connection:
        _post(connection)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")


def test_a_client_that_leaves_while_it_waits_is_dropped(asking: tuple[Asking, Callable[[], socket.socket]]) -> None:
    server, connect = asking
    server.hold()
    with connect() as connection:
        _post(connection)
        assert server.taken.wait(PATIENCE_S)
    assert server.dropped.wait(PATIENCE_S)
    assert server.engine.metrics.registry.get_sample_value("nexusai_engine_waiting") == 0


def test_a_full_engine_refuses_before_the_body_has_come(asking: tuple[Asking, Callable[[], socket.socket]]) -> None:
    server, connect = asking
    server.hold()
    server.engine.submit(lambda _: None, Pace())
    with connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n")
        said = connection.recv(65_536)
        head, _, body = said.partition(b"\r\n\r\n")
        body = body or connection.recv(65_536)
    assert head.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in head
    assert json.loads(body)["error"]["code"] == "engine_busy"
