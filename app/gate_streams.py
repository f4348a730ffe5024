"""Answers that go on for as long as somebody watches: they end soon after the proof they began with."""

import asyncio
import logging
from collections.abc import Callable

import anyio.to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.gate_rules import below
from registry.access import Actor
from registry.errors import RegistryError, Unavailable

LOOK_EVERY_S = 0.75  # with the one-second caches of sessions, tokens and keys, an end is seen within two seconds

log = logging.getLogger(__name__)
Prove = Callable[[], Actor | None]


def goes_on(method: str, path: str) -> bool:
    """Whether what is answered there has no end of its own."""
    return method in {"GET", "POST"} and below(path, "/live")


async def run_while_proven(app: ASGIApp, scope: Scope, receive: Receive, send: Send, prove: Prove) -> None:
    """Serve one answer until it ends, or until `prove` names nobody, somebody else, or another role."""
    actor: Actor = scope["state"]["actor"]
    started = False
    as_is = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]  # pictures are small
    scope = {**scope, "headers": as_is}

    async def telling(message: Message) -> None:
        nonlocal started
        started = started or message["type"] == "http.response.start"
        await send(message)

    serving = asyncio.ensure_future(app(scope, receive, telling))
    watching = asyncio.ensure_future(_until_over(actor, prove))
    try:
        await asyncio.wait({serving, watching}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
            return
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        log.info("a stream ended with its session")
        if started:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        for task in (serving, watching):
            task.cancel()


async def _until_over(actor: Actor, prove: Prove) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            now = await anyio.to_thread.run_sync(prove)
        except Unavailable:  # a database that is away for a moment ends nobody's session
            continue
        except RegistryError:
            return
        if now is None or (now.id, now.role, now.scopes) != (actor.id, actor.role, actor.scopes):
            return
