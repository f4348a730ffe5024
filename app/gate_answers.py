"""The gate's own answers: a refusal in the platform's error shape, the headers and the timing of everything else."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from app import gate_headers, refusal_page
from app.gate_headers import Headers
from registry.errors import NotSignedIn, RegistryError, TooManyAttempts, TooManyRequests, UploadTooLarge

_TOLD_BY_US = frozenset({b"x-request-id", b"x-process-time-ms"})


def error_response(error: RegistryError, scope: Scope) -> Response:
    """A refusal as an HTTP answer, for the routes that are not the API's: to a browser that navigates, a page."""
    request_id = scope.get("state", {}).get("request_id", "")
    if gate_headers.navigates(scope["headers"]):
        response = Response(refusal_page.page(error, request_id), error.status, _extra(error))
        response.raw_headers += refusal_page.HEADERS
        return response
    return JSONResponse(error.to_dict(request_id), status_code=error.status, headers=_extra(error))


def _extra(error: RegistryError) -> dict[str, str]:
    if isinstance(error, NotSignedIn):
        return {"www-authenticate": 'Bearer realm="nexusai"'}
    if isinstance(error, TooManyAttempts | TooManyRequests):
        return {"retry-after": str(error.details.get("retry_after_s", 1))}
    return {"connection": "close"} if isinstance(error, UploadTooLarge) else {}


@dataclass(slots=True)
class Answer:
    """Sends an answer with our headers.

    `added` names those that only show while the request is looked at; `withhold` holds an application's answer back.
    """

    _send: Send
    request_id: str
    headers: Headers
    added: Callable[[], Headers] = list
    withhold: Callable[[], bool] = lambda: False
    started: bool = False
    _since: float = field(default_factory=time.perf_counter)

    async def send(self, message: Message) -> None:
        """Pass one ASGI message on."""
        if self.withhold() and not self.started:
            return
        if message["type"] == "http.response.start":
            self.started = True
            message = {**message, "headers": self._complete(list(message.get("headers", [])))}
        await self._send(message)

    async def refuse(self, error: RegistryError, *, as_page: bool = False) -> None:
        """Answer an error; a page of it to a browser that would show the answer."""
        body, headers = json.dumps(error.to_dict(self.request_id)).encode(), [(b"content-type", b"application/json")]
        if as_page:
            body, headers = refusal_page.page(error, self.request_id), [*refusal_page.HEADERS]
        headers.append((b"content-length", str(len(body)).encode()))
        headers += [(name.encode(), value.encode()) for name, value in _extra(error).items()]
        await self._plain(error.status, headers, body)

    async def redirect(self, location: str) -> None:
        """Send a browser elsewhere with a GET."""
        await self._plain(303, [(b"location", location.encode()), (b"content-length", b"0")], b"")

    async def nothing(self, headers: Headers) -> None:
        """Answer 204: headers alone."""
        await self._plain(204, headers, b"")

    async def _plain(self, status: int, headers: Headers, body: bytes) -> None:
        self.withhold = lambda: False
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def _complete(self, headers: Headers) -> Headers:
        kept = [(name, value) for name, value in headers if name not in _TOLD_BY_US]
        there = {name for name, _ in kept}
        kept += [(name, value) for name, value in self.headers if name not in there]
        kept += self.added()
        took_ms = f"{(time.perf_counter() - self._since) * 1000:.2f}".encode()
        kept += [(b"x-request-id", self.request_id.encode()), (b"x-process-time-ms", took_ms)]
        return [*kept, (b"server-timing", b"app;dur=" + took_ms)]


@dataclass(slots=True)
class Body:
    """A request's body, bounded while it streams."""

    _receive: Receive
    cap_bytes: int
    too_large: bool = False
    _seen: int = 0

    def check_declared(self, content_length: str) -> None:
        """Refuse by the Content-Length alone. Raises UploadTooLarge."""
        if content_length.isdecimal() and int(content_length) > self.cap_bytes:
            raise self.error()

    async def receive(self) -> Message:
        """The next part. Raises UploadTooLarge as soon as the parts exceed the cap."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            if self._seen > self.cap_bytes:
                self.too_large = True
                raise self.error()
        return message

    def error(self) -> UploadTooLarge:
        """What is answered to a body above the cap."""
        return UploadTooLarge(
            f"the request body is larger than {self.cap_bytes} bytes, the most this address takes",
            details={"max_bytes": self.cap_bytes},
        )
