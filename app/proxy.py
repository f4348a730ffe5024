"""A proxied user interface: requests and websockets pass on to a server that listens on loopback only."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote, urlsplit, urlunsplit

import anyio.to_thread
import httpx
import websockets
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.gate_answers import error_response
from app.gate_visit import OWN_PREFIX
from registry.access import Actor
from registry.access.actor import ANONYMOUS
from registry.errors import RegistryError, Unavailable

# RFC 9110, 7.6.1, and what would carry a proof of identity or the public host name further than it should go.
_HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)
_NOT_FORWARDED = _HOP_BY_HOP | {"host", "authorization", "cookie", "origin", "referer", "x-forwarded-host", "forwarded"}
_NOT_RETURNED = _HOP_BY_HOP | {"server", "date", "set-cookie"}
_LOGGED_BYTES = 2_000
_log = logging.getLogger(__name__)
_TIMEOUT = httpx.Timeout(60.0, connect=3.0, read=300.0)


@dataclass(frozen=True, slots=True)
class Proxy:
    """An ASGI application that hands everything below its mount to `upstream()`, the URL of that very path there.

    `upstream` is asked for each request, because a restarted server may listen elsewhere; it may raise Unavailable.
    `admit` is asked with actor, method and path, and raises where something may not be done there.
    `failed` is asked with a path at which the server failed, for what to tell instead of `unavailable`.
    `headers` are added to what goes up, for a server that wants its own proof; `greeting` takes the place of the
    first text that a websocket's client says, for one that wants it there.
    """

    name: str
    upstream: Callable[[], str]
    admit: Callable[[Actor, str, str], None]
    unavailable: type[Unavailable] = Unavailable
    failed: Callable[[str], RegistryError | None] = field(default=lambda _path: None)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    greeting: str = field(default="", repr=False)
    client: httpx.AsyncClient = field(
        default_factory=lambda: httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False, trust_env=False)
    )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or websocket."""
        if scope["type"] == "websocket":
            await self._websocket(WebSocket(scope, receive, send))
        else:
            response = await self._http(Request(scope, receive))
            await response(scope, receive, send)

    async def aclose(self) -> None:
        """Close the pooled connections."""
        await self.client.aclose()

    async def _http(self, request: Request) -> Response:
        try:
            self.admit(actor_of(request.scope), request.method, request.scope["path"])
            answer = await self._ask(request)
        except RegistryError as error:
            return error_response(error, request.scope)
        except ClientDisconnect:
            return Response(status_code=499)
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return error_response(await self._failure(request, answer), request.scope)
        response = StreamingResponse(_stream(answer), answer.status_code)
        response.raw_headers = _returned(answer)
        return response

    async def _failure(self, request: Request, answer: httpx.Response) -> RegistryError:
        """What is told of a request that the server failed at; what it said of itself, paths perhaps, is logged."""
        told = b""
        with contextlib.suppress(httpx.HTTPError):
            async with contextlib.aclosing(_stream(answer)) as parts:
                async for part in parts:
                    told += part
                    if len(told) > _LOGGED_BYTES:
                        break
        path = request.scope["path"]
        _log.warning("%s failed at %s %s: %r", self.name, request.method, path, told[:_LOGGED_BYTES])
        return self.failed(path) or self.unavailable(f"{self.name} failed at this request")

    async def _ask(self, request: Request) -> httpx.Response:
        url = await self._url(request.scope)
        length = request.headers.get("content-length")
        has_body = length not in (None, "0") or "transfer-encoding" in request.headers
        outgoing = self.client.build_request(
            request.method,
            url,
            headers=self._outgoing(request.scope),
            content=request.stream() if has_body else None,
        )
        try:
            return await self.client.send(outgoing, stream=True)
        except httpx.HTTPError as error:
            raise self.unavailable(f"{self.name} does not answer: {type(error).__name__}") from error

    async def _url(self, scope: Scope) -> str:
        base = urlsplit(await anyio.to_thread.run_sync(self.upstream))
        prefix = scope.get("root_path", "")
        raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
        below = raw.decode("ascii").split("?")[0].removeprefix(prefix)
        query: bytes = scope["query_string"]
        return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + below, query.decode("latin-1"), ""))

    def _outgoing(self, scope: Scope) -> list[tuple[str, str]]:
        given = [(key.decode("latin-1").lower(), value.decode("latin-1")) for key, value in scope["headers"]]
        listed = {part.strip().lower() for key, value in given if key == "connection" for part in value.split(",")}
        dropped = _NOT_FORWARDED | listed
        kept = [(k, v) for k, v in given if k not in dropped and not k.startswith(OWN_PREFIX.decode())]
        if not any(key == "accept-encoding" for key, _ in kept):
            kept.append(("accept-encoding", "identity"))  # or the client that asks upstream would say what it reads
        return kept + list(self.headers.items())

    async def _websocket(self, browser: WebSocket) -> None:
        try:
            self.admit(actor_of(browser.scope), "GET", browser.scope["path"])
            base = await self._url(browser.scope)
            offered = [websockets.Subprotocol(each) for each in browser.scope.get("subprotocols", [])]
            connection = await websockets.connect(
                "ws" + base.removeprefix("http"),
                additional_headers=self.headers,
                subprotocols=offered or None,
                proxy=None,
                max_size=2**22,
                open_timeout=3,
            )
        except (RegistryError, OSError, websockets.WebSocketException):
            await browser.close(code=1011)
            return
        async with connection:
            await browser.accept(subprotocol=connection.subprotocol)
            await _both_ways(browser, connection, self.greeting)


def actor_of(scope: Scope) -> Actor:
    """Whom the gate found."""
    found: Actor = scope.get("state", {}).get("actor", ANONYMOUS)
    return found


def _returned(answer: httpx.Response) -> list[tuple[bytes, bytes]]:
    """The headers that go back; a redirect to the server's own address becomes one to ours."""
    origin = f"{answer.url.scheme}://{answer.url.netloc.decode()}".encode()
    kept = [(key.lower(), value) for key, value in answer.headers.raw if key.decode().lower() not in _NOT_RETURNED]
    return [(key, value.removeprefix(origin) if key == b"location" else value) for key, value in kept]


async def _stream(answer: httpx.Response) -> AsyncGenerator[bytes, None]:
    try:
        async for part in answer.aiter_raw():
            yield part
    finally:
        await answer.aclose()


async def _both_ways(browser: WebSocket, server: websockets.ClientConnection, greeting: str) -> None:
    async def up() -> None:
        instead = greeting
        while True:
            message = await browser.receive()
            if message["type"] == "websocket.disconnect":
                return
            data = message.get("text")
            await server.send(instead or (data if data is not None else message["bytes"]))
            instead = ""

    async def down() -> None:
        async for data in server:
            await (browser.send_text(data) if isinstance(data, str) else browser.send_bytes(data))

    tasks = {asyncio.ensure_future(up()), asyncio.ensure_future(down())}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(WebSocketDisconnect, websockets.WebSocketException):
            await asyncio.gather(*tasks, return_exceptions=True)
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the browser may have closed first
        await browser.close()
