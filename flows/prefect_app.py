"""The application of Prefect's server, as uvicorn is told to run it."""

from starlette.types import ASGIApp

from registry.libraries import prepare_libraries


def create_app() -> ASGIApp:
    """What `prefect server start` runs, of the environment's settings."""
    prepare_libraries()
    from prefect.server.api.server import create_app as create_prefect

    return create_prefect()
