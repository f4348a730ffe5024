"""Open websockets end with the browser session they were opened by."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import anyio.to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.gate_visit import Identity
from registry.access.sessions import Sessions
from registry.errors import Unavailable

LOOK_EVERY_S = 0.75  # with the one-second cache of Sessions, an end is seen within two seconds
_MOST = 10_000
POLICY_VIOLATION = 1008  # RFC 6455, 7.4.1


class Activity:
    """When each browser session last asked for something.

    Looking whether a session still holds also keeps it alive, so an open tab alone would never go idle:
    the sockets' watchers end a session from which nothing came for as long as the settings allow.
    """

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._seen: dict[str, float] = {}

    def note(self, binding: str) -> None:
        """Something came from this session."""
        if len(self._seen) >= _MOST:
            self._seen.clear()
        self._seen[binding] = time.monotonic()

    def idle(self, binding: str) -> bool:
        """Whether nothing came for too long."""
        return time.monotonic() - self._seen.setdefault(binding, time.monotonic()) > self._idle_s


class Sockets:
    """Runs websocket connections under the eye of their session."""

    def __init__(self, app: ASGIApp, sessions: Sessions, activity: Activity) -> None:
        self._app = app
        self._sessions = sessions
        self._activity = activity

    async def run(self, scope: Scope, receive: Receive, send: Send, identity: Identity) -> None:
        """Serve one connection until it closes or its session ends."""
        if not identity.cookie:
            await self._app(scope, receive, send)
            return
        serving = asyncio.ensure_future(self._app(scope, self._noting(receive, identity), send))
        watching = asyncio.ensure_future(self._until_over(identity))
        try:
            await asyncio.wait({serving, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
                await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": "the session has ended"})
            elif serving.exception() is not None:
                raise serving.exception() or RuntimeError
        finally:
            for task in (serving, watching):
                task.cancel()

    def _noting(self, receive: Receive, identity: Identity) -> Callable[[], Awaitable[Message]]:
        async def noted() -> Message:
            message = await receive()
            self._activity.note(identity.binding)
            return message

        return noted

    async def _until_over(self, identity: Identity) -> None:
        """Return when the session has ended, or its user is somebody else by now."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._activity.idle(identity.binding):
                await anyio.to_thread.run_sync(self._sessions.end, identity.cookie)
                return
            try:
                actor = await anyio.to_thread.run_sync(self._sessions.resolve, identity.cookie)
            except Unavailable:  # a database that is away for a moment ends nobody's session
                continue
            if actor is None or actor.id != identity.actor.id:
                return
