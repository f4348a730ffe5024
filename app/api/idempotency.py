"""`Idempotency-Key`: a creating request that is repeated gets its first answer again."""

from collections.abc import Callable

import structlog
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.failures import answer
from app.api.spooled_body import spooled
from registry.access.actor import ANONYMOUS
from registry.access.idempotency import LONGEST_KEY, Answers, Claim, Kept
from registry.errors import RegistryError, Unavailable

_PASSING = frozenset({401, 403, 429})  # may be answered otherwise a moment later
_NOT_CREATING = frozenset({"/auth/login", "/auth/refresh", "/auth/logout", "/inference/predict", "/inference/identify"})
PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A text of your own. The same request with the same key is done once within 24 hours; "
    "later ones get the first answer again, with `Idempotency-Replayed: true`.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
    "example": "5a2f6b1e-order-17",
}

_log = structlog.get_logger(__name__)


def takes_key(method: str, path: str) -> bool:
    """Whether an operation of the API (path below its root) creates something that a repetition would double."""
    return method == "POST" and path not in _NOT_CREATING


class Idempotency:
    """ASGI middleware of the API: finds who asks where the gate left it, and keeps answers in `answers`."""

    def __init__(self, app: ASGIApp, answers: Answers) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; without the header it passes untouched."""
        key = Headers(scope=scope).get("idempotency-key") if scope["type"] == "http" else None
        if key is None or not takes_key(scope["method"], scope["path"].removeprefix(scope.get("root_path", ""))):
            await self._app(scope, receive, send)
            return
        async with spooled(scope, receive) as body:
            if body is None:  # whoever asked is gone
                return
            try:
                actor = scope.get("state", {}).get("actor", ANONYMOUS)
                begun = await run_in_threadpool(self._answers.begin, actor, key, body.fingerprint)
            except RegistryError as error:
                await answer(error, Request(scope))(scope, receive, send)
                return
            if isinstance(begun, Kept):
                await _replay(begun)(scope, receive, send)
            else:
                await self._run(begun, scope, body.receive, send)

    async def _run(self, claim: Claim, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request, keep its answer, then give it.

        A request that is cancelled keeps its claim: what it started may still be going on.
        """
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        try:
            await self._app(scope, receive, keep)
        except Exception:
            await self._settle(self._answers.release, claim)
            raise
        status = messages[0]["status"]
        if status >= 500 or status in _PASSING:
            await self._settle(self._answers.release, claim)
        else:
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in messages[0]["headers"]]
            body = b"".join(message.get("body", b"") for message in messages[1:])
            await self._settle(self._answers.finish, claim, Kept(status, headers, body))
        for message in messages:
            await send(message)

    async def _settle(self, settle: Callable[..., None], *arguments: object) -> None:
        try:
            await run_in_threadpool(settle, *arguments)
        except Unavailable as error:  # the request is done: its answer matters more
            _log.warning("answer_not_kept", code=error.code, message=error.message)


def _replay(kept: Kept) -> Response:
    response = Response(kept.body, kept.status)
    response.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in kept.headers]
    response.headers["Idempotency-Replayed"] = "true"
    return response
