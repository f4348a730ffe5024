"""The gate: every request is checked here before a page, a route or a proxied interface sees it."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import anyio
import anyio.to_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from app import gate_headers
from app.gate_answers import Answer, Body
from app.gate_cors import Cors
from app.gate_hosts import Hosts, same_origin
from app.gate_limits import Proven, Tally
from app.gate_rules import Rule, Zone, below, rule_for, session_in_path
from app.gate_sockets import POLICY_VIOLATION, Sockets
from app.gate_streams import goes_on, run_while_proven
from app.gate_visit import CookieNames, Identity, Visit
from registry.access import Action, Actor, require
from registry.access.bearers import Bearers
from registry.access.limits import Limits
from registry.access.sessions import Sessions
from registry.errors import Forbidden, InvalidInput, NotFound, NotSignedIn, RegistryError, UploadTooLarge
from registry.settings import Settings

log = logging.getLogger(__name__)

OwnerOf = Callable[[str], str | None]
_SAME = frozenset({"", "same-origin", "none"})
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def _nobody(_session_id: str) -> str | None:
    return None


class Gate:
    """ASGI middleware. `owner_of` names the browser session (its binding) behind a Streamlit session id.

    The application finds the actor in `scope["state"]["actor"]`; Streamlit finds the user's id in a header that
    only the gate can write.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        sessions: Sessions,
        bearers: Bearers,
        limits: Limits,
        owner_of: OwnerOf = _nobody,
    ) -> None:
        self._app = app
        self._settings = settings
        self._live = limits.live
        self._sessions = sessions
        self._bearers = bearers
        self._limits = limits
        self._owner_of = owner_of
        self._cookie = CookieNames.of(settings)
        self._hosts = Hosts(settings)
        self._cors = Cors(limits.live)
        self._proven = Proven()
        self._sockets = Sockets(app, sessions, limits.live)
        self._threads: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, one websocket, or the server's start and end."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = Visit.of(scope, self._cookie)
        rule = rule_for(visit.method, visit.path, self._live.latest())
        body = Body(receive, rule.cap_bytes)
        headers = gate_headers.for_path(visit.path, over_tls=self._settings.secure_cookies)
        tally, across = Tally(self._limits, visit), self._cors.headers(visit)
        answer = Answer(send, visit.request_id, headers, added=lambda: across + tally.headers())
        try:
            self._check_host(visit)
            _check_address(visit)
            if (preflight := self._cors.preflight(visit)) is not None:
                await answer.nothing(preflight)
                return
            body.check_declared(visit.header(b"content-length"))
            identity = await self._admit(visit, rule, scope["scheme"], tally)
        except RegistryError as error:
            as_page = rule.to_sign_in and visit.navigates
            if as_page and isinstance(error, NotSignedIn):
                await answer.redirect("/")
            else:
                await answer.refuse(error, as_page=as_page)
            return
        inner = visit.inner_scope(scope, identity, self._cookie, tell_streamlit=rule.streamlit)
        if goes_on(visit.method, visit.path):
            await run_while_proven(self._app, inner, body.receive, answer.send, self._proof(visit, identity))
        else:
            await self._forward(inner, body, answer)

    async def _forward(self, scope: Scope, body: Body, answer: Answer) -> None:
        answer.withhold = lambda: body.too_large  # whatever the application makes of a cut body, 413 is the answer
        try:
            await self._app(scope, body.receive, answer.send)
        except UploadTooLarge:
            if not body.too_large:
                raise
        if body.too_large and not answer.started:
            await answer.refuse(body.error())

    def _proof(self, visit: Visit, identity: Identity) -> Callable[[], Actor | None]:
        """Who stands behind what a request was let in with, now; to look is no sign of life."""
        if identity.cookie:
            return partial(self._sessions.look, identity.cookie)
        return partial(self._bearers.actor, visit.bearer)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = Visit.of(scope, self._cookie)
        rule = rule_for("WEBSOCKET", visit.path, self._live.latest())
        try:
            self._check_host(visit)
            identity = await self._admit(visit, rule, scope["scheme"], Tally(self._limits, visit))
        except RegistryError as error:
            log.info("websocket refused: %s", error.code)
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})  # before accept: HTTP 403
            return
        inner = visit.inner_scope(scope, identity, self._cookie, tell_streamlit=rule.streamlit)
        await self._sockets.run(inner, receive, send, identity)

    async def _admit(self, visit: Visit, rule: Rule, scheme: str, tally: Tally) -> Identity:
        """Who is let in. Raises NotSignedIn, SessionExpired, Forbidden, TooManyRequests, DatabaseUnavailable."""
        identity = await self._identify(visit, rule, scheme, tally)
        await tally.count_caller(identity.actor)
        if rule.zone is Zone.ADMIN:
            require(identity.actor, Action.READ_AUDIT)
        if rule.zone is Zone.KNOWN and not identity.actor.known:
            raise NotSignedIn("this needs a signed-in user")
        self._check_upload(visit, identity)
        return identity

    async def _identify(self, visit: Visit, rule: Rule, scheme: str, tally: Tally) -> Identity:
        if rule.zone is Zone.OPEN:
            return visit.anonymous()
        by_token = rule.by_token and bool(visit.bearer)
        if not by_token:
            _check_origin(visit, scheme)
        proof = visit.bearer if by_token else visit.cookie
        if not proof:
            return visit.anonymous()
        actor = self._bearers.remembered(proof) if by_token else self._sessions.remembered(proof)
        if actor is None:
            ask = self._bearers.actor if by_token else self._sessions.resolve
            actor = await self._look_up(proof, ask, tally)
        if actor is None:
            return visit.anonymous()
        return Identity(replace(actor, address=visit.address), "" if by_token else proof)

    async def _look_up(self, proof: str, ask: Callable[[str], Actor | None], tally: Tally) -> Actor | None:
        if self._threads is None:  # belongs to the running loop; apart from the limiter that slow routes fill
            self._threads = anyio.CapacityLimiter(16)
        if proof not in self._proven:
            await tally.count_proof()
        actor = None
        try:  # a thread costs more than all the rest of the gate, so what is remembered does not come here
            actor = await anyio.to_thread.run_sync(ask, proof, limiter=self._threads)
        finally:
            self._proven.note(proof, good=actor is not None)
        return actor

    def _check_host(self, visit: Visit) -> None:
        named = [value.decode("latin-1") for name, value in visit.headers if name == b"host"]
        if visit.path != "/health" and (len(named) != 1 or not self._hosts.answers_to(named[0])):
            raise Forbidden(
                "the platform does not answer to this host name",
                hint="Name it in NEXUSAI_ALLOWED_HOSTS, or use the address that `nexusai up` printed.",
            )

    def _check_upload(self, visit: Visit, identity: Identity) -> None:
        session_id = session_in_path(visit.path)
        if session_id is not None and self._owner_of(session_id) != identity.binding:
            raise Forbidden("files can only be sent to a page of your own")


def _check_address(visit: Visit) -> None:
    """Refuse what no route's pattern matches, before a router answers it in a shape of its own.

    Raises NotFound, InvalidInput for a query that no database takes alike.
    """
    if any(letter < " " or letter == "\x7f" for letter in visit.path):
        raise NotFound("the address holds control characters, which no address here has")
    if {".", ".."} & {*visit.path.split("/")} and not below(visit.path, "/mlflow", "/prefect"):
        raise NotFound("the address leads upwards, which no address here does")
    if b"%00" in visit.query:
        raise InvalidInput("the query holds a NUL character")


def _check_origin(visit: Visit, scheme: str) -> None:
    """Refuse what another site makes a browser send. Raises Forbidden."""
    foreign = visit.header(b"sec-fetch-site") not in _SAME
    if foreign and not (visit.method == "GET" and visit.header(b"sec-fetch-mode") == "navigate"):
        raise Forbidden("requests from another site are refused", hint="Open the platform itself.")
    origin = visit.header(b"origin")
    if origin and visit.method not in _READS and not same_origin(origin, visit.header(b"host"), scheme):
        raise Forbidden("requests from another origin are refused", hint="Open the platform itself.")
