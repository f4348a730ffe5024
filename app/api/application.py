"""The FastAPI application: routes, documents and the one error shape, wired."""

from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware

from app.api import auth, documents, failures, inference, models, users
from app.platform import Platform

VERSION = "0.1.0"
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
    api.add_middleware(GZipMiddleware, minimum_size=2_048, compresslevel=4)
    for router in (auth.router, models.router, inference.router, users.router):
        api.include_router(router)
    failures.install(api)
    documents.install(api)
    return api
