"""The browser's way to the OpenID Connect provider and back."""

import logging
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlencode

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.gate_answers import error_response
from app.gate_hosts import split_host
from app.gate_rules import PAGE_PATHS
from app.platform import Platform
from app.signing_in import SigningIn
from registry.access.accounts import Accounts
from registry.access.single_sign_on import SingleSignOn
from registry.access.single_sign_on.attempts import SECONDS
from registry.access.single_sign_on.sign_on import Arrival
from registry.errors import NotFound, RegistryError, SingleSignOnFailed
from registry.settings import Settings

PROBLEM, UNAVAILABLE = "sso", "unavailable"  # the query parameter that tells the sign-in page what went wrong
_LOGIN, _CALLBACK = "/auth/oidc/login", "/auth/oidc/callback"
log = logging.getLogger(__name__)


def login_address(wanted: str) -> str:
    """Where the sign-in page's button leads; afterwards the wanted page opens."""
    return f"{_LOGIN}?{urlencode({'next': wanted})}"


def cookie_name(settings: Settings) -> str:
    """The name of the cookie that an attempt waits in; `__Host-` keeps a neighbouring host from planting one."""
    return "__Host-nexusai_sso" if settings.secure_cookies else "nexusai_sso"


@dataclass(frozen=True, slots=True)
class SingleSignOnRoutes:
    """The two routes under `/auth/oidc`; whatever goes wrong, the browser ends on the sign-in page."""

    settings: Settings
    single_sign_on: SingleSignOn | None
    accounts: Accounts
    signing_in: SigningIn
    # A provider may take seconds to answer: apart from the threads that everything else waits for.
    _threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(8))

    @classmethod
    def of(cls, platform: Platform, signing_in: SigningIn) -> Self:
        """The routes of a platform. Raises InvalidSetting."""
        settings = platform.settings
        provider = SingleSignOn(settings, platform.database, platform.people) if settings.oidc_issuer else None
        return cls(settings, provider, platform.accounts, signing_in)

    def routes(self) -> list[Route]:
        """GET /auth/oidc/login and GET /auth/oidc/callback."""
        return [
            Route(_LOGIN, self.login, methods=["GET"]),
            Route(_CALLBACK, self.callback, methods=["GET"]),
        ]

    async def login(self, request: Request) -> Response:
        """Send the browser to the provider, with what it must bring back."""
        provider = self.single_sign_on
        if provider is None:
            return _not_set_up(request)
        wanted = request.query_params.get("next", "/")
        wanted = wanted if wanted in PAGE_PATHS else "/"
        try:
            departure = await anyio.to_thread.run_sync(
                provider.begin, self._redirect_uri(request), wanted, limiter=self._threads
            )
        except RegistryError as error:
            return _to_sign_in(error)
        response = _redirect(departure.address)
        response.set_cookie(
            cookie_name(self.settings),
            departure.sealed,
            max_age=SECONDS,
            path=self._cookie_path,
            secure=self.settings.secure_cookies,
            httponly=True,
            samesite="lax",
        )
        return response

    async def callback(self, request: Request) -> Response:
        """The browser is back: a session for whom the provider vouches."""
        provider = self.single_sign_on
        if provider is None:
            return _not_set_up(request)
        try:
            code, arrival = await anyio.to_thread.run_sync(self._arrive, provider, request, limiter=self._threads)
            response = await self.signing_in.begin(request, code, _redirect(arrival.wanted))
        except RegistryError as error:
            response = _to_sign_in(error)
        return self._without_attempt(response)

    def _arrive(self, provider: SingleSignOn, request: Request) -> tuple[str, Arrival]:
        """A one-time code for the user who arrived."""
        sealed = request.cookies.get(cookie_name(self.settings), "")
        address = request.client.host if request.client else ""
        arrival = provider.finish(sealed, request.query_params, address)
        return self.accounts.code_for(arrival.user), arrival

    def _redirect_uri(self, request: Request) -> str:
        """Our callback at the host that the browser used; the gate has checked that it is ours."""
        name, port = split_host(request.headers.get("host", ""))
        host = f"[{name}]" if ":" in name else name
        scheme = "https" if self.settings.secure_cookies else request.url.scheme
        return f"{scheme}://{host}{':' if port else ''}{port}{_CALLBACK}"

    @property
    def _cookie_path(self) -> str:
        return "/" if self.settings.secure_cookies else "/auth/oidc"  # `__Host-` asks for the root

    def _without_attempt(self, response: Response) -> Response:
        response.delete_cookie(
            cookie_name(self.settings),
            path=self._cookie_path,
            secure=self.settings.secure_cookies,
            httponly=True,
            samesite="lax",
        )
        return response


def _to_sign_in(error: RegistryError) -> Response:
    """Back with a word; the provider's own text goes nowhere."""
    log.info("no single sign-on: %s (%s)", error.code, error.message)
    word = error.details["refusal"] if isinstance(error, SingleSignOnFailed) else UNAVAILABLE
    return _redirect(f"/?{urlencode({PROBLEM: word})}")


def _redirect(address: str) -> Response:
    return RedirectResponse(address, 303, headers={"cache-control": "no-store"})


def _not_set_up(request: Request) -> Response:
    return error_response(NotFound("single sign-on is not set up here"), request.scope)
