"""Where the servers of a home listen: the notes their supervisor leaves in the run folder."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from registry.errors import MlflowUnavailable
from registry.settings import Settings

STATIC_PREFIX = "/mlflow"


@dataclass(frozen=True, slots=True)
class PortNote:
    """The note about one server on loopback."""

    path: Path

    @classmethod
    def of(cls, settings: Settings, name: str) -> "PortNote":
        """The note of a home's server of that name."""
        return cls(settings.run_dir / f"{name}.json")

    def write(self, port: int) -> None:
        """Write down the port the server listens on."""
        draft = self.path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({"port": port}), encoding="utf-8")
        draft.replace(self.path)

    def read(self) -> int | None:
        """The port, None where no such server runs."""
        try:
            return int(json.loads(self.path.read_text(encoding="utf-8"))["port"])
        except FileNotFoundError:
            return None

    def remove(self) -> None:
        """Take the note away."""
        self.path.unlink(missing_ok=True)


def announce(settings: Settings, port: int) -> str:
    """Write down the loopback port MLflow's server listens on; returns its URI."""
    PortNote.of(settings, "mlflow").write(port)
    return tracking_uri(settings)


def withdraw(settings: Settings) -> None:
    """Take the note about MLflow's server away."""
    PortNote.of(settings, "mlflow").remove()


def configured_uri(settings: Settings) -> str:
    """URI of an MLflow server that is not the platform's own; empty where its own one is used."""
    return settings.mlflow_tracking_uri or settings.read_mlflow_file().tracking_uri


def tracking_uri(settings: Settings) -> str:
    """URI for MLflow's client. Raises MlflowUnavailable when no server is configured or running.

    Clients never open MLflow's database themselves: its server is the only writer, since several
    writers on SQLite lose transactions.
    """
    configured = configured_uri(settings)
    if configured:
        return configured
    port = PortNote.of(settings, "mlflow").read()
    if port is None:
        raise MlflowUnavailable(f"no MLflow server runs for the home {settings.home}")
    return f"http://127.0.0.1:{port}{STATIC_PREFIX}"
