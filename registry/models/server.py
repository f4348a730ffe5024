"""Where the MLflow server of a home is: the note its supervisor leaves in the run folder."""

import json
import os
from pathlib import Path

from registry.errors import MlflowUnavailable
from registry.settings import Settings

STATIC_PREFIX = "/mlflow"


def _note(settings: Settings) -> Path:
    return settings.run_dir / "mlflow.json"


def announce(settings: Settings, port: int) -> str:
    """Write down the loopback port the server listens on; returns its URI."""
    draft = _note(settings).with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({"port": port}), encoding="utf-8")
    draft.replace(_note(settings))
    return tracking_uri(settings)


def withdraw(settings: Settings) -> None:
    """Take the note away."""
    _note(settings).unlink(missing_ok=True)


def tracking_uri(settings: Settings) -> str:
    """URI for MLflow's client. Raises MlflowUnavailable when no server is configured or running.

    Clients never open MLflow's database themselves: its server is the only writer, since several
    writers on SQLite lose transactions.
    """
    configured = settings.mlflow_tracking_uri or settings.read_mlflow_file().tracking_uri
    if configured:
        return configured
    try:
        port = int(json.loads(_note(settings).read_text(encoding="utf-8"))["port"])
    except FileNotFoundError as error:
        raise MlflowUnavailable(f"no MLflow server runs for the home {settings.home}") from error
    return f"http://127.0.0.1:{port}{STATIC_PREFIX}"
