"""The FastAPI application: routes, documents and the one error shape, wired."""

from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware

from app.api import (
    audit,
    auth,
    camera_events,
    camera_groups,
    camera_live,
    cameras,
    care,
    dataset_content,
    datasets,
    description,
    documents,
    failures,
    gallery,
    history,
    idempotency,
    inference,
    jobs,
    keys,
    me,
    model_aliases,
    model_catalogue,
    model_grants,
    model_training,
    model_tuning,
    model_uploads,
    models,
    notifications,
    recordings,
    schedules,
    sessions,
    settings,
    users,
    videos,
)
from app.api.refusals import Refusals
from app.platform import Platform

VERSION = "0.1.0"
_ROOMS = (
    inference,  # first: routes are tried in this order, and this is the one asked most often
    auth,
    me,
    sessions,
    keys,
    model_catalogue,
    model_uploads,
    models,
    model_aliases,
    model_grants,
    model_training,
    model_tuning,
    history,
    gallery,
    jobs,
    schedules,
    care,
    videos,
    datasets,
    dataset_content,
    camera_live,
    recordings,
    notifications,
    cameras,
    camera_groups,
    camera_events,
    users,
    settings,
    audit,
)
DESCRIPTION = """\
Sign in at `POST /auth/login` and send the access token as `Authorization: Bearer …`; a browser's session works too.
Every error has the shape `{"error": {"code", "message", "hint", "details", "request_id"}}`.
"""


def create_api(platform: Platform) -> FastAPI:
    """The API over one platform; who is asking comes from the gate in front of it."""
    api = FastAPI(
        title="NexusAI",
        version=VERSION,
        description=DESCRIPTION,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    api.state.platform = platform
    api.state.refusals = Refusals(platform.database)
    api.add_middleware(idempotency.Idempotency, answers=platform.answers)
    api.add_middleware(GZipMiddleware, minimum_size=2_048, compresslevel=4)
    for room in _ROOMS:
        api.include_router(room.router)
    failures.install(api)
    documents.install(api)
    description.install(api)
    return api
