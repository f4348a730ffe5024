"""How MLflow's server is started for a home."""

from dataclasses import dataclass

from registry.models.server import STATIC_PREFIX
from registry.settings import Settings, child_environment


@dataclass(frozen=True, slots=True)
class Command:
    """A command line with its environment."""

    line: list[str]
    environment: dict[str, str]


def mlflow_server(settings: Settings, port: int, python: str) -> Command:
    """MLflow's server on loopback: one process, its own SQLite file and artifacts folder in the home.

    `mlflow server` would keep a second interpreter of 280 MB only to wait for this one, so the same ASGI
    application is started directly, with the variables that command would set (mlflow/server/constants.py).
    """
    home = settings.home
    environment = child_environment(
        settings,
        _MLFLOW_SERVER_FILE_STORE=f"sqlite:///{home / 'mlflow.db'}",
        _MLFLOW_SERVER_ARTIFACT_ROOT="mlflow-artifacts:/",
        _MLFLOW_SERVER_ARTIFACT_DESTINATION=(home / "mlflow-artifacts").as_uri(),
        _MLFLOW_SERVER_SERVE_ARTIFACTS="true",
        _MLFLOW_STATIC_PREFIX=STATIC_PREFIX,
        _MLFLOW_SGI_NAME="uvicorn",
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",  # its job runners are eight processes of 280 MB
        MLFLOW_SERVER_ALLOWED_HOSTS=f"127.0.0.1:{port},localhost:{port}",
        MLFLOW_DISABLE_TELEMETRY="true",
        DO_NOT_TRACK="true",
    )
    address = ["--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--timeout-graceful-shutdown", "3"]
    return Command([python, "-m", "uvicorn", "mlflow.server.fastapi_app:app", *address], environment)
