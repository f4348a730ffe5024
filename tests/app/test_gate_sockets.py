"""How many websockets nobody may hold open."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import websockets
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from websockets.sync.client import ClientConnection, connect

from app.gate import Gate
from registry.records import Role

if TYPE_CHECKING:
    from tests.app.conftest import People

Serve = Callable[[ASGIApp], AbstractContextManager[str]]
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        if text == "break":
            raise ZeroDivisionError
        await websocket.send_text(text)


@dataclass(frozen=True)
class Door:
    people: "People"
    host: str

    def open(self, address: str = HERE, **headers: str) -> ClientConnection:
        sent = {"X-Forwarded-For": address} | headers
        opened = connect(f"ws://{self.host}/_stcore/stream", additional_headers=sent, proxy=None)
        opened.send("here")
        assert opened.recv(timeout=10) == "here"
        return opened

    def is_shut(self, address: str = HERE) -> bool:
        try:
            self.open(address).close()
        except websockets.InvalidStatus as refused:
            return refused.response.status_code == 403  # before it is accepted
        return False


@pytest.fixture
def door(people: "People", serve: Serve) -> Iterator[Door]:
    """Three sockets for an address, behind a proxy that is trusted to name it."""
    people.set_live(anonymous_sockets=3)
    inner = Starlette(routes=[WebSocketRoute("/_stcore/stream", _socket)])
    gate = Gate(inner, people.settings, people.sessions, people.tokens, people.limits)
    with serve(ProxyHeadersMiddleware(gate, "127.0.0.1")) as host:
        yield Door(people, host)


def test_an_address_holds_as_many_as_the_settings_say(door: Door) -> None:
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(door.open())
        assert door.is_shut()
        assert not door.is_shut(ELSEWHERE)
        door.people.set_live(anonymous_sockets=4)
        assert not door.is_shut()


def _close(opened: ClientConnection) -> None:
    opened.close()


def _vanish(opened: ClientConnection) -> None:
    opened.socket.shutdown(socket.SHUT_RDWR)
    opened.socket.close()


def _break(opened: ClientConnection) -> None:
    opened.send("break")
    with pytest.raises(websockets.ConnectionClosed):
        opened.recv(timeout=10)


@pytest.mark.parametrize("end", [_close, _vanish, _break])
def test_the_place_is_free_again_however_a_socket_ends(
    door: Door, end: Callable[[ClientConnection], None], until: Callable[[Callable[[], bool]], bool]
) -> None:
    for _ in range(3):
        with ExitStack() as held:
            sockets = [held.enter_context(door.open()) for _ in range(3)]
            assert door.is_shut()
            for each in sockets:
                end(each)
        assert until(lambda: not door.is_shut())


def test_a_line_of_ipv6_is_one_address(door: Door) -> None:
    with ExitStack() as held:
        for number in range(3):
            held.enter_context(door.open(f"2001:db8:0:1::{number}"))
        assert door.is_shut("2001:db8:0:1::ffff")
        assert not door.is_shut("2001:db8:0:2::1")


def test_whoever_is_signed_in_is_not_counted(door: Door) -> None:
    cookie = door.people.cookie(door.people.user("bob", Role.USER))["cookie"]
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(door.open(Cookie=cookie))
        for _ in range(3):
            held.enter_context(door.open())
        assert door.is_shut()
        held.enter_context(door.open(Cookie=cookie))
