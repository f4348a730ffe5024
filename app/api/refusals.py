"""Changes that somebody was not allowed to make, into the audit trail."""

import logging

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from registry.access.actor import ANONYMOUS, Actor
from registry.access.recent import Recent
from registry.access.trail import trace_alone
from registry.errors import DatabaseUnavailable, Forbidden
from registry.records import Database

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_log = logging.getLogger(__name__)


class Refusals:
    """Notes refused changes; one that is tried again and again is noted once a second."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lately = Recent[bool]()

    async def note(self, request: Request, error: Forbidden) -> None:
        """Leave a row that names the permission which was missing; reading is not noted."""
        actor: Actor = getattr(request.state, "actor", ANONYMOUS)
        target = f"{request.method} {request.url.path}"
        if request.method in _READS or not actor.known or self._lately.get(f"{actor.id} {target}"):
            return
        self._lately.put(f"{actor.id} {target}", True)
        action = str(error.details.get("action", error.code))
        try:
            await run_in_threadpool(trace_alone, self._database, actor, action, target, {"via": actor.via}, "refused")
        except DatabaseUnavailable as unavailable:
            _log.warning("a refusal is missing in the trail: %s", unavailable.message)
