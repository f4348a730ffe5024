"""Where a browser turns a one-time code into a session, and gives the session back."""

import json
from dataclasses import dataclass

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.gate_answers import error_response
from app.gate_visit import CookieNames, cookie_name
from registry.access.browsers import DAYS, browser_hash, new_value
from registry.access.sessions import Sessions
from registry.errors import InvalidInput, RegistryError
from registry.settings import Settings


@dataclass(frozen=True, slots=True)
class SigningIn:
    """The two routes under `/auth`. The code travels in a body, never in an address."""

    settings: Settings
    sessions: Sessions

    def routes(self) -> list[Route]:
        """POST /auth/exchange and POST /auth/logout."""
        return [
            Route("/auth/exchange", self.exchange, methods=["POST"]),
            Route("/auth/logout", self.logout, methods=["POST"]),
        ]

    async def exchange(self, request: Request) -> Response:
        """`{"code"}` for the session cookie; a code works once, for 30 seconds."""
        try:
            return await self.begin(request, _code(await request.body()), Response(status_code=204))
        except RegistryError as error:
            return error_response(error, request.scope)

    async def begin(self, request: Request, code: str, response: Response) -> Response:
        """Put a new session's cookie on a response, and end the browser's former session. Raises SessionExpired.

        The browser's own cookie, by which it is known after the session, is made or kept for another year.
        """
        address = request.client.host if request.client else ""
        agent = request.headers.get("user-agent", "")
        cookies = CookieNames.of(self.settings)
        previous = request.cookies.get(cookies.session)
        browser = request.cookies.get(cookies.browser, "")
        browser = browser if browser_hash(browser) else new_value()
        value = await anyio.to_thread.run_sync(
            lambda: self.sessions.exchange(code, address=address, user_agent=agent, browser=browser_hash(browser))
        )
        if previous:
            await anyio.to_thread.run_sync(self.sessions.end, previous, address)
        self._set(response, cookies.session, value, int(self.sessions.longest.total_seconds()))
        self._set(response, cookies.browser, browser, DAYS * 86_400)
        return response

    def _set(self, response: Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path="/",
            secure=self.settings.secure_cookies,
            httponly=True,
            samesite="lax",
        )

    async def logout(self, request: Request) -> Response:
        """End the browser's session and forget its cookie; the browser itself stays known."""
        value, address = request.cookies.get(cookie_name(self.settings)), request.client.host if request.client else ""
        if value:
            try:
                await anyio.to_thread.run_sync(self.sessions.end, value, address)
            except RegistryError as error:
                return error_response(error, request.scope)
        response = Response(status_code=204)
        response.delete_cookie(
            cookie_name(self.settings), path="/", secure=self.settings.secure_cookies, httponly=True, samesite="lax"
        )
        return response


def _code(body: bytes) -> str:
    try:
        code = json.loads(body)["code"]
        code.encode("ascii")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput('expected {"code": "..."} as JSON') from error
    if not isinstance(code, str) or not 0 < len(code) <= 256:
        raise InvalidInput("the sign-in code is a text of up to 256 characters")
    return code
