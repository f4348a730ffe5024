"""Live pictures end with the proof they were asked for with."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from app.gate import Gate
from registry.access.actor import of_user
from registry.access.bearers import TokensOrKeys
from registry.access.keys import Keys
from registry.access.permissions import Scope
from registry.records import Role, User

if TYPE_CHECKING:
    from tests.app.conftest import People

ENDS_S = 2.0
Serve = Callable[[ASGIApp], AbstractContextManager[str]]
Proof = Callable[["People", User], tuple[dict[str, str], Callable[[], None]]]


async def _pictures() -> AsyncIterator[bytes]:
    while True:
        yield b"picture"
        await asyncio.sleep(0.05)


async def _live(_request: Request) -> Response:
    return StreamingResponse(_pictures(), media_type="multipart/x-mixed-replace; boundary=picture")


@pytest.fixture
def door(people: "People", serve: Serve) -> Iterator[str]:
    inner = Starlette(
        routes=[Route("/live/{camera}.mjpg", _live, methods=["GET", "POST"])], middleware=[Middleware(GZipMiddleware)]
    )
    bearers = TokensOrKeys(people.tokens, Keys(people.database))
    with serve(Gate(inner, people.settings, people.sessions, bearers, people.limits)) as host:
        yield f"http://{host}/live/a.mjpg"


def _cookie(people: "People", user: User) -> tuple[dict[str, str], Callable[[], None]]:
    return people.cookie(user), lambda: people.sessions.end_all(user.id)


def _token(people: "People", user: User) -> tuple[dict[str, str], Callable[[], None]]:
    pair = people.tokens.issue(user)
    return {"authorization": f"Bearer {pair.access_token}"}, lambda: people.tokens.revoke_all(user.id)


def _key(people: "People", user: User) -> tuple[dict[str, str], Callable[[], None]]:
    keys, actor = Keys(people.database), of_user(user, "session")
    made = keys.make(actor, "wall", [Scope.CAMERAS])
    return {"x-api-key": made.secret}, lambda: keys.revoke(actor, made.record.id)


@pytest.mark.parametrize(
    ("method", "proof"),
    [("GET", _cookie), ("GET", _token), ("GET", _key), ("POST", _cookie)],
    ids=["session", "token", "key", "offer"],
)
def test_a_stream_goes_on_while_its_proof_holds_and_ends_with_it(
    people: "People", door: str, method: str, proof: Proof
) -> None:
    headers, end = proof(people, people.user("olga", Role.OPERATOR))
    with httpx.stream(method, door, headers=headers | {"accept-encoding": "gzip"}, timeout=10) as response:
        assert "content-encoding" not in response.headers  # a compressor would hold pictures back
        parts = response.iter_raw()
        watched_until = time.monotonic() + 1.5  # two looks
        while time.monotonic() < watched_until:
            assert next(parts)
        end()
        ended_at = time.monotonic()
        for _ in parts:
            assert time.monotonic() - ended_at < ENDS_S + 1
        print(f"ended after {time.monotonic() - ended_at:.1f} s")
    assert httpx.get(door, headers=headers, timeout=60).status_code == 401


def test_nobody_is_shown_anything(door: str) -> None:
    assert httpx.get(door, timeout=60).status_code == 401
