"""The API's own documentation page, served from this machine: many platforms are offline."""

from importlib.resources import files

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

_BASE = "/api/v1"


def install(api: FastAPI) -> None:
    """Serve the page at /docs, with its script and style beside it."""
    api.mount("/docs/assets", StaticFiles(directory=str(files("fastapi_offline") / "static")), name="docs-assets")
    page = get_swagger_ui_html(
        openapi_url=f"{_BASE}/openapi.json",
        title=f"{api.title} API",
        swagger_js_url=f"{_BASE}/docs/assets/swagger-ui-bundle.js",
        swagger_css_url=f"{_BASE}/docs/assets/swagger-ui.css",
        swagger_favicon_url="/favicon.png",
    )

    @api.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return page
