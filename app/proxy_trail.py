"""Changes through the interface of a server behind the gate, into the audit trail."""

import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import anyio
import anyio.to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.access import Actor
from registry.access.actor import ANONYMOUS
from registry.access.trail import trace_alone
from registry.errors import DatabaseUnavailable
from registry.records import Database
from registry.records.audit import Outcome

Asks = Callable[[str, str], bool]
_LONGEST_BODY = 16_384
_log = logging.getLogger(__name__)


class ProxyTrail:
    """ASGI middleware before a proxy. The row is written after the answer went out: nobody waits for it.

    `writes(method, path)` tells which requests may change something; of those, `worth_a_row` ones and those that are
    refused are traced, as `action`.
    """

    def __init__(self, app: ASGIApp, database: Database, action: str, writes: Asks, worth_a_row: Asks) -> None:
        self._app, self._database = app, database
        self._action, self._writes, self._worth_a_row = action, writes, worth_a_row

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; all but changes pass through as they are."""
        if scope["type"] != "http" or not self._writes(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        body, status = bytearray(), HTTPStatus.INTERNAL_SERVER_ERROR.value

        async def heard() -> Message:
            message = await receive()
            body.extend(message.get("body", b"")[: _LONGEST_BODY - len(body)])
            return message

        async def said(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, heard, said)
        finally:
            if status == HTTPStatus.FORBIDDEN or self._worth_a_row(scope["method"], scope["path"]):
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(self._trace, scope, bytes(body), status)

    def _trace(self, scope: Scope, body: bytes, status: int) -> None:
        actor: Actor = scope.get("state", {}).get("actor", ANONYMOUS)
        details = {"method": scope["method"], "status": status, **_asked(body)}
        try:
            trace_alone(self._database, actor, self._action, scope["path"], details, _outcome(status))
        except DatabaseUnavailable as error:
            _log.warning("%s is missing in the trail: %s", self._action, error.message)


def _outcome(status: int) -> Outcome:
    if status < HTTPStatus.BAD_REQUEST:
        return "ok"
    return "refused" if status == HTTPStatus.FORBIDDEN else "failed"


def _asked(body: bytes) -> dict[str, Any]:
    """What the request said, as far as it is JSON of a usual size: the path alone names no model."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if isinstance(asked, dict) and isinstance(asked.get("key"), str):
        asked["tag"] = asked.pop("key")  # MLflow's word for a tag's name; in the trail `key` is a secret
    return {"request": asked}
