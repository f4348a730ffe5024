"""Waiting for an answer for as long as somebody wants it."""

import asyncio
from concurrent.futures import Future
from typing import Any, TypeVar

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

Result = TypeVar("Result")


async def while_connected(request: Request, future: "Future[Result]") -> Result | None:
    """The future's result; None when the client is gone, and what still waited is dropped then."""
    answering = asyncio.wrap_future(future)
    leaving = asyncio.ensure_future(_left(request))
    either: set[asyncio.Future[Any]] = {answering, leaving}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return answering.result() if answering.done() else None
    finally:
        answering.cancel()
        leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class AdmittedRoute(APIRoute):
    """A route that needs the engine: when that is full, the request is refused before its body is read."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises EngineBusy."""
        scope["app"].state.platform.serving.engine.check()
        await super().handle(scope, receive, send)
