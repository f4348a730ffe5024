"""The web server's application: the gate, and behind it the pages, the API and the proxied interfaces."""

import asyncio
import contextlib
import importlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread
import streamlit as st
import streamlit.config
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from streamlit.runtime import Runtime

from app import mlflow_rules, readiness
from app.api import create_api
from app.gate import Gate
from app.gate_answers import error_response
from app.gate_visit import BINDING_HEADER
from app.platform import Platform
from app.ports import mlflow_url
from app.proxy import Proxy
from app.signing_in import SigningIn
from app.ui import session
from registry.errors import MlflowUnavailable, RegistryError
from registry.settings import PROJECT_ROOT, load_settings

MAIN_PAGE = Path(__file__).with_name("main.py")
ICON = Path(__file__).with_name("static") / "favicon.png"
_PAGES = ("app.ui.sign_in", "app.pages.dashboard", "app.pages.models", "app.pages.inference", "app.pages.account")
log = logging.getLogger(__name__)


def create_app() -> Gate:
    """For `uvicorn app.server:create_app --factory`: the platform of the environment's settings."""
    return build(Platform.open(load_settings()))


def build(platform: Platform) -> Gate:
    """The application over an opened platform. Streamlit allows one per process."""
    _configure_streamlit(platform)
    session.hold(platform)
    mlflow = Proxy("MLflow", lambda: mlflow_url(platform.settings), mlflow_rules.admit, unavailable=MlflowUnavailable)

    @asynccontextmanager
    async def lifespan(_app: st.App) -> AsyncIterator[None]:
        warming = asyncio.ensure_future(anyio.to_thread.run_sync(_warm_up, platform))
        yield
        await asyncio.gather(warming, return_exceptions=True)
        await mlflow.aclose()
        platform.database.close()

    pages = st.App(
        MAIN_PAGE,
        routes=_routes(platform, mlflow),
        lifespan=lifespan,
        exception_handlers={Exception: _unexpected},
    )
    return Gate(pages, platform.settings, platform.sessions, platform.bearers, owner_of=streamlit_owner)


def streamlit_owner(session_id: str) -> str | None:
    """The browser session that an open Streamlit session belongs to, by what the gate told Streamlit at its start."""
    client = Runtime.instance().get_client(session_id) if Runtime.exists() else None
    context = client.client_context if client else None
    return dict(context.headers).get(BINDING_HEADER.decode()) if context else None


def _routes(platform: Platform, mlflow: Proxy) -> list[BaseRoute]:
    async def ready(_request: Request) -> Response:
        ok, checks = await anyio.to_thread.run_sync(readiness.report, platform)
        return JSONResponse({"ready": ok, "checks": checks}, 200 if ok else 503)

    return [
        Route("/health", _health),
        Route("/health/ready", ready),
        Route("/favicon.png", _icon),
        *SigningIn(platform.settings, platform.sessions).routes(),
        Mount("/api/v1", app=create_api(platform)),
        Route("/mlflow", _to_mlflow),  # without the slash the page's own links would lead nowhere
        Mount("/mlflow", app=mlflow),
    ]


def _warm_up(platform: Platform) -> None:
    """Take the slow imports now, rather than from the first person who opens a page."""
    for module in ("altair", "jsonschema", "rfc3987_syntax", "streamlit_authenticator", *_PAGES):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module)
    try:
        platform.models.ping()
    except RegistryError as error:
        log.info("MLflow does not answer yet: %s", error.message)


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _to_mlflow(_request: Request) -> Response:
    return RedirectResponse("/mlflow/", 307)


async def _icon(_request: Request) -> Response:
    return FileResponse(ICON, media_type="image/png", headers={"cache-control": "public, max-age=86400"})


async def _unexpected(request: Request, error: Exception) -> Response:
    request_id = getattr(request.state, "request_id", "")
    log.error("request %s to %s failed", request_id, request.url.path, exc_info=error)
    return error_response(
        RegistryError("something went wrong here", hint=f"The log names it under {request_id}."), request_id
    )


def _configure_streamlit(platform: Platform) -> None:
    """Make the project's `.streamlit/config.toml` count from any working directory, then add what settings decide.

    Streamlit reads a configuration beside its "main script"; the private name is the one `st.App` itself sets
    when it is still empty.
    """
    streamlit.config._main_script_path = str(PROJECT_ROOT / "app.py")
    streamlit.config.get_config_options(force_reparse=True)
    largest_mb = max(platform.settings.upload_max_mb, platform.settings.image_max_mb)
    streamlit.config.set_option("server.maxUploadSize", largest_mb)
