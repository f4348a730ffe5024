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
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp
from streamlit.runtime import Runtime
from streamlit.runtime.pages_manager import PagesManager

from app import mlflow_rules, readiness
from app.api import create_api, failures
from app.following import cap_uploads, follow
from app.gate import Gate
from app.gate_answers import error_response
from app.gate_rules import PAGES
from app.gate_visit import BINDING_HEADER
from app.live_route import LiveRoute
from app.mlflow_guard import MlflowGuard
from app.platform import Platform
from app.ports import mlflow_url
from app.prefect_ui import PrefectUi
from app.proxy import Proxy
from app.proxy_trail import ProxyTrail
from app.signing_in import SigningIn
from app.single_sign_on import SingleSignOnRoutes
from app.ui import session
from registry.errors import MlflowUnavailable, RegistryError, Unavailable
from registry.runtime.metrics import CONTENT_TYPE
from registry.settings import PROJECT_ROOT, load_settings

MAIN_PAGE = Path(__file__).with_name("main.py")
ICON = Path(__file__).with_name("static") / "favicon.png"
PAGE_MODULES = (
    "app.ui.sign_in",
    *(f"app.pages.{name}" for name in ("dashboard", *PAGES)),
)
log = logging.getLogger(__name__)


def create_app() -> Gate:
    """For `uvicorn app.server:create_app --factory`: the platform of the environment's settings."""
    return build(Platform.open(load_settings()))


def build(platform: Platform) -> Gate:
    """The application over an opened platform. Streamlit allows one per process."""
    _configure_streamlit(platform)
    session.hold(platform)
    mlflow = Proxy(
        "MLflow",
        lambda: mlflow_url(platform.settings),
        mlflow_rules.admit,
        unavailable=MlflowUnavailable,
        failed=mlflow_rules.failure,
    )
    prefect = PrefectUi.of(platform.settings, platform.database)
    guard = MlflowGuard(mlflow, lambda: mlflow_url(platform.settings), platform.settings.models_experiment)

    @asynccontextmanager
    async def lifespan(_app: st.App) -> AsyncIterator[None]:
        warming = asyncio.ensure_future(anyio.to_thread.run_sync(_warm_up, platform))
        following = asyncio.ensure_future(follow(platform.live))
        yield
        following.cancel()
        await asyncio.gather(warming, following, return_exceptions=True)
        await guard.aclose()
        await mlflow.aclose()
        await prefect.aclose()
        await platform.pictures.aclose()
        await platform.limits.aclose()
        platform.serving.close()
        platform.database.close()

    pages = st.App(
        MAIN_PAGE,
        routes=[*_routes(platform, guard), *prefect.routes()],
        lifespan=lifespan,
        exception_handlers={Exception: _unexpected, HTTPException: failures.http_error},
    )
    return Gate(
        pages, platform.settings, platform.sessions, platform.bearers, platform.limits, owner_of=streamlit_owner
    )


def streamlit_owner(session_id: str) -> str | None:
    """The browser session that an open Streamlit session belongs to, by what the gate told Streamlit at its start."""
    client = Runtime.instance().get_client(session_id) if Runtime.exists() else None
    context = client.client_context if client else None
    return dict(context.headers).get(BINDING_HEADER.decode()) if context else None


def _routes(platform: Platform, mlflow: ASGIApp) -> list[BaseRoute]:
    async def ready(_request: Request) -> Response:
        ok, checks = await anyio.to_thread.run_sync(readiness.report, platform)
        return JSONResponse({"ready": ok, "checks": checks}, 200 if ok else 503)

    signing_in = SigningIn(platform.settings, platform.sessions)

    async def metrics(_request: Request) -> Response:
        told = platform.serving.metrics.exposition()
        with contextlib.suppress(Unavailable):  # what this process knows is told without the records as well
            told += await anyio.to_thread.run_sync(platform.viewing.exposition)
        return Response(told, media_type=CONTENT_TYPE)

    traced = ProxyTrail(mlflow, platform.database, "mlflow.change", mlflow_rules.writes, mlflow_rules.worth_a_row)
    return [
        Route("/health", _health),
        Route("/metrics", metrics),
        Route("/health/ready", ready),
        Route("/favicon.png", _icon),
        *signing_in.routes(),
        *SingleSignOnRoutes.of(platform, signing_in).routes(),
        *LiveRoute(platform.pictures).routes(),
        Mount("/api/v1", app=create_api(platform)),
        Route("/mlflow", _to_mlflow),  # without the slash the page's own links would lead nowhere
        Mount("/mlflow", app=traced),
    ]


def _warm_up(platform: Platform) -> None:
    """Take the slow imports now, rather than from the first person who opens a page."""
    for module in ("altair", "jsonschema", "streamlit_authenticator", *PAGE_MODULES):
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
        RegistryError("something went wrong here", hint=f"The log names it under {request_id}."), request.scope
    )


def _configure_streamlit(platform: Platform) -> None:
    """Make the project's `.streamlit/config.toml` count from any working directory, then add what settings decide.

    Streamlit reads a configuration beside its "main script"; the private name is the one `st.App` itself sets
    when it is still empty.
    """
    streamlit.config._main_script_path = str(PROJECT_ROOT / "app.py")
    streamlit.config.get_config_options(force_reparse=True)
    PagesManager.uses_pages_directory = False  # else a deep link, opened before any other page, is run as a script
    cap_uploads(platform.live.latest())
