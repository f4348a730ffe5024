"""Open websockets: those of a browser session end with it, those of nobody are counted by address."""

import asyncio
import logging
from collections import Counter

import anyio.to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.gate_visit import Identity
from registry.access.live import Live
from registry.access.networks import network_of
from registry.access.sessions import Sessions
from registry.errors import Unavailable

LOOK_EVERY_S = 0.75  # with the one-second cache of Sessions, an end is seen within two seconds
POLICY_VIOLATION = 1008  # RFC 6455, 7.4.1

log = logging.getLogger(__name__)


class Sockets:
    """Runs websocket connections."""

    def __init__(self, app: ASGIApp, sessions: Sessions, live: Live) -> None:
        self._app = app
        self._sessions = sessions
        self._live = live
        self._of_nobody: Counter[str] = Counter()

    async def run(self, scope: Scope, receive: Receive, send: Send, identity: Identity) -> None:
        """Serve one connection until it closes or its session ends."""
        if not identity.cookie:
            await self._run_anonymous(scope, receive, send, network_of(identity.actor.address))
            return
        heard = Heard(receive)
        serving = asyncio.ensure_future(self._app(scope, heard, send))
        watching = asyncio.ensure_future(self._until_over(identity, heard))
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

    async def _run_anonymous(self, scope: Scope, receive: Receive, send: Send, network: str) -> None:
        if self._of_nobody[network] >= self._live.latest().anonymous_sockets:
            log.info("websocket refused: too many of one address")
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})  # before accept: HTTP 403
            return
        self._of_nobody[network] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._of_nobody[network] -= 1
            if not self._of_nobody[network]:
                del self._of_nobody[network]

    async def _until_over(self, identity: Identity, heard: "Heard") -> None:
        """Return when the session has ended, or its user is somebody else by now.

        Only what the browser sends is a sign of life: an open tab alone does not keep a session from going idle.
        """
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            ask = self._sessions.resolve if heard.take() else self._sessions.look
            try:
                actor = await anyio.to_thread.run_sync(ask, identity.cookie)
            except Unavailable:  # a database that is away for a moment ends nobody's session
                continue
            if actor is None or actor.id != identity.actor.id:
                return


class Heard:
    """A connection's incoming messages, and whether there were any since somebody last asked."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._any = False

    async def __call__(self) -> Message:
        """The next message."""
        message = await self._receive()
        self._any = True
        return message

    def take(self) -> bool:
        """Whether something came since the last call."""
        found, self._any = self._any, False
        return found
