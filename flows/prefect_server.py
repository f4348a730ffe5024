"""The Prefect server of a home: how it is started, where it answers, the proof it wants."""

import base64

from registry.access.secret_files import read_or_make
from registry.errors import PrefectUnavailable
from registry.models.process import Command
from registry.models.server import PortNote
from registry.settings import PROJECT_ROOT, Settings, child_environment

UI_BASE = "/prefect"
QUIET = {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_CLI_PROMPT": "false"}


def prefect_server(settings: Settings, port: int, python: str) -> Command:
    """API and UI on loopback: one process, its own SQLite file in the home.

    `prefect server start` runs this very application, in this very way. The UI finds its API below the path that the
    gate serves both under.
    """
    home = settings.home / "prefect"
    address = ["--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--timeout-graceful-shutdown", "3"]
    environment = child_environment(
        settings,
        PYTHONPATH=str(PROJECT_ROOT),
        PREFECT_HOME=str(home),
        PREFECT__SERVER_FINAL="1",
        PREFECT_API_URL=f"http://127.0.0.1:{port}/api",
        PREFECT_API_DATABASE_CONNECTION_URL=f"sqlite+aiosqlite:///{settings.home / 'prefect.db'}",
        PREFECT_API_AUTH_STRING=auth_string(settings),
        PREFECT_SERVER_API_AUTH_STRING=auth_string(settings),
        PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS=f"http://127.0.0.1:{port}",
        PREFECT_SERVER_UI_SERVE_BASE=UI_BASE,
        PREFECT_SERVER_UI_API_URL=f"{UI_BASE}/api",
        PREFECT_SERVER_UI_STATIC_DIRECTORY=str(home / "ui"),
        PREFECT_SERVER_LOGGING_LEVEL="WARNING",
        **QUIET,
    )
    app = ["--factory", "flows.prefect_app:create_app", "--log-level", "warning"]
    return Command([python, "-m", "uvicorn", *app, *address], environment)


def prefect_runner(settings: Settings, python: str) -> Command:
    """The process that serves the flows; Python finds them in this project, whatever folder it is started from."""
    environment = child_environment(settings, PYTHONPATH=str(PROJECT_ROOT), **QUIET)
    return Command([python, "-m", "flows.serve"], environment)


def api_url(settings: Settings) -> str:
    """URL of Prefect's API. Raises PrefectUnavailable when no server is configured or running."""
    if settings.prefect_api_url:
        return settings.prefect_api_url
    port = PortNote.of(settings, "prefect").read()
    if port is None:
        raise PrefectUnavailable(f"no Prefect server runs for the home {settings.home}")
    return f"http://127.0.0.1:{port}/api"


def auth_string(settings: Settings) -> str:
    """What the server asks for, `name:password`; made once for a home's own server."""
    given = settings.prefect_auth_string.get_secret_value()
    if given or settings.prefect_api_url:
        return given
    return f"nexusai:{read_or_make(settings.secrets_dir / 'prefect.key').hex()}"


def basic_authorization(settings: Settings) -> dict[str, str]:
    """The header that proves it, where there is something to prove."""
    proof = auth_string(settings)
    return {"authorization": f"Basic {base64.b64encode(proof.encode()).decode()}"} if proof else {}


def client_environment(settings: Settings) -> dict[str, str]:
    """What Prefect's client library reads when it is imported. Raises PrefectUnavailable."""
    return {
        "PREFECT_HOME": str(settings.home / "prefect"),
        "PREFECT_API_URL": api_url(settings),
        "PREFECT_API_AUTH_STRING": auth_string(settings),
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
