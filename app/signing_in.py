"""Where a browser turns a one-time code into a session, and gives the session back."""

import json
from dataclasses import dataclass

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.gate_answers import error_response
from app.gate_visit import cookie_name
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
        address = request.client.host if request.client else ""
        agent = request.headers.get("user-agent", "")
        previous = request.cookies.get(cookie_name(self.settings))
        try:
            code = _code(await request.body())
            value = await anyio.to_thread.run_sync(
                lambda: self.sessions.exchange(code, address=address, user_agent=agent)
            )
            if previous:
                await anyio.to_thread.run_sync(self.sessions.end, previous)
        except RegistryError as error:
            return error_response(error, request.state.request_id)
        response = Response(status_code=204)
        response.set_cookie(
            cookie_name(self.settings),
            value,
            max_age=self.settings.session_max_hours * 3600,
            path="/",
            secure=self.settings.secure_cookies,
            httponly=True,
            samesite="lax",
        )
        return response

    async def logout(self, request: Request) -> Response:
        """End the browser's session and forget its cookie."""
        value = request.cookies.get(cookie_name(self.settings))
        if value:
            try:
                await anyio.to_thread.run_sync(self.sessions.end, value)
            except RegistryError as error:
                return error_response(error, request.state.request_id)
        response = Response(status_code=204)
        response.delete_cookie(
            cookie_name(self.settings), path="/", secure=self.settings.secure_cookies, httponly=True, samesite="lax"
        )
        return response


def _code(body: bytes) -> str:
    try:
        code = json.loads(body)["code"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput('expected {"code": "..."} as JSON') from error
    if not isinstance(code, str) or not 0 < len(code) <= 256:
        raise InvalidInput("the sign-in code is a text of up to 256 characters")
    return code
