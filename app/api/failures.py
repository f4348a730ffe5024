"""The one error shape: whatever goes wrong answers it."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, params
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.refusals import Refusals
from registry.errors import Forbidden, InvalidInput, NotSignedIn, RegistryError
from registry.validation import OWN_CHECK

_log = structlog.get_logger(__name__)


def install(api: FastAPI) -> None:
    """Register the handlers; those of refused changes ask `api.state.refusals`."""
    api.add_exception_handler(RegistryError, _refused)
    api.add_exception_handler(RequestValidationError, _malformed)
    api.add_exception_handler(HTTPException, http_error)
    api.add_middleware(CatchAll)


def answer(error: RegistryError, request: Request) -> JSONResponse:
    """An error as JSON, with its status and the headers that go with it."""
    headers = {}
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    if "retry_after_s" in error.details:
        headers["Retry-After"] = str(error.details["retry_after_s"])
    return JSONResponse(error.to_dict(_request_id(request)), error.status, headers)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RegistryError)  # noqa: S101 - registered for this class
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("request_failed", code=error.code, message=error.message, request_id=_request_id(request))
    if isinstance(error, Forbidden):
        refusals: Refusals = request.app.state.refusals
        await refusals.note(request, error)
    return answer(error, request)


async def _malformed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    if _wants_a_form(request):
        given = request.headers.get("content-type", "").partition(";")[0] or "nothing"
        return answer(InvalidInput(f"this address takes a form (multipart/form-data), not {given[:80]}"), request)
    found = error.errors()[:20]
    fields = [{"field": ".".join(map(str, each["loc"])), "problem": _words(each)} for each in found]
    first = fields[0] if fields else {"field": "request", "problem": "is malformed"}
    refusal = InvalidInput(f"{first['field']}: {first['problem']}", details={"fields": fields})
    if found and found[0]["type"] == "json_invalid":
        why = found[0].get("ctx", {}).get("error") or _words(found[0])
        refusal = InvalidInput(f"the body is no JSON: {why}", details={"fields": fields})
    return answer(refusal, request)


def _words(problem: dict[str, Any]) -> str:
    """What is wrong with a field, without what pydantic puts before the words of our own checks."""
    return str(problem["msg"]).removeprefix(OWN_CHECK)


def _wants_a_form(request: Request) -> bool:
    """Whether a form was to be sent and something else was."""
    wanted = getattr(getattr(request.scope.get("route"), "body_field", None), "field_info", None)
    given = request.headers.get("content-type", "").lower()
    return isinstance(wanted, params.Form) and not given.startswith(("multipart/form-data", "application/x-www-form"))


async def http_error(request: Request, error: Exception) -> JSONResponse:
    """What HTTP itself refuses, such as a method that a path does not take, in the one shape."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    if error.status_code == HTTPStatus.BAD_REQUEST:  # nested too deep, a number too long, a form cut short
        return answer(InvalidInput("the body of the request cannot be read"), request)
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    message = f"{request.method} {request.url.path}: {error.detail}"
    body = {"code": code, "message": message, "hint": "See /api/v1/docs.", "details": {}}
    return JSONResponse(
        {"error": body | {"request_id": _request_id(request)}}, error.status_code, dict(error.headers or {})
    )


class CatchAll:
    """Answers what nobody foresaw, inside the server's own handler: that one would also close the connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            response = _unexpected(Request(scope), error)
            await response(scope, receive, send)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    request_id = _request_id(request)
    _log.error("unexpected_error", path=request.url.path, request_id=request_id, exc_info=error)
    return answer(RegistryError("something went wrong here", hint=f"The log names it under {request_id}."), request)


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))
