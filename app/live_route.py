"""`/live/{camera_id}.mjpg` and `/live/{camera_id}/offer`: the live picture of a camera, as MJPEG and by WebRTC."""

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import anyio.to_thread
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from app.gate_answers import error_response
from app.live import LivePictures
from app.live_offer import MOST_BYTES
from app.proxy import actor_of
from registry.errors import InvalidInput, NotFound, RegistryError, UploadTooLarge
from registry.worker.live_proof import BOUNDARY

if TYPE_CHECKING:
    from app.live_peers import Peer, Peers

_AS_IT_COMES = {"cache-control": "no-store", "x-accel-buffering": "no"}
_SIGN_OF_LIFE_S = 5.0
_YES_OR_NO = TypeAdapter(bool)


class LiveRoute:
    """Streams what `pictures` fetches; the gate ends it with the session it began with."""

    def __init__(self, pictures: LivePictures) -> None:
        self._pictures = pictures
        self._peers: Peers | None = None

    def routes(self) -> list[BaseRoute]:
        """Below `/live`."""
        return [
            Route("/live/{camera_id}.mjpg", self._live),
            Route("/live/{camera_id}/offer", self._offer, methods=["POST"]),
            Route("/live/{rest:path}", _nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),  # no page either
        ]

    async def _live(self, request: Request) -> Response:
        try:
            camera_id, overlay = _asked(request)
            parts = await self._pictures.stream(actor_of(request.scope), camera_id, overlay=overlay)
        except RegistryError as error:
            return error_response(error, request.scope)
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        return StreamingResponse(parts, media_type=kind, headers=_AS_IT_COMES)

    async def _offer(self, request: Request) -> Response:
        try:
            camera_id, overlay = _asked(request)
            offer = await _body(request)
            peers = await self._connections()
            peer = await peers.show(actor_of(request.scope), camera_id, offer, overlay=overlay)
        except RegistryError as error:
            return error_response(error, request.scope)
        return _Held(peer)

    async def _connections(self) -> "Peers":
        """Made for the first who asks: aiortc takes its time to import, and most servers start without a viewer."""
        if self._peers is None:
            made = await anyio.to_thread.run_sync(_make_peers, self._pictures)
            self._peers = self._peers or made  # somebody else may have been first meanwhile
        return self._peers


def _make_peers(pictures: LivePictures) -> "Peers":
    from app.live_peers import Peers

    return Peers(pictures)


class _Held(StreamingResponse):
    """Tells the answer, then goes on for as long as the connection: whichever ends first ends the other.

    So a connection needs no name and no second call to end it: leaving the page, signing out and a lost network
    all end this answer.
    """

    def __init__(self, peer: "Peer") -> None:
        super().__init__(_told(peer), media_type="application/x-ndjson", headers=_AS_IT_COMES)
        self._peer = peer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._peer.close()


async def _nothing(request: Request) -> Response:
    error = NotFound(
        f"{request.method} {request.url.path[:200]} is no live picture",
        hint="GET /live/{camera_id}.mjpg is a camera's pictures, POST /live/{camera_id}/offer WebRTC.",
    )
    return error_response(error, request.scope)


def _asked(request: Request) -> tuple[str, bool]:
    """Which camera, and whether with what was found drawn on it, in the snapshot's words. Raises InvalidInput."""
    try:
        overlay = _YES_OR_NO.validate_python(request.query_params.get("overlay", "1"))
    except ValidationError as error:
        raise InvalidInput("overlay is 1 or 0: with what was found drawn on the picture, or without") from error
    return request.path_params["camera_id"], overlay


async def _told(peer: "Peer") -> AsyncIterator[str]:
    yield json.dumps({"type": "answer", "sdp": peer.sdp}) + "\n"
    while not await peer.over(_SIGN_OF_LIFE_S):
        yield "\n"


async def _body(request: Request) -> bytes:
    """An offer's bytes. Raises InvalidInput, UploadTooLarge."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/sdp":
        raise InvalidInput("an offer is SDP", hint="Send it with the header `content-type: application/sdp`.")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise UploadTooLarge(
                f"an offer has at most {MOST_BYTES} bytes",
                hint="Offer one video to be received, and nothing else.",
                details={"max_bytes": MOST_BYTES},
            )
    return body
