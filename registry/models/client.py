"""MLflow's client for one home, with its errors turned into ours."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from registry.errors import Conflict, MlflowUnavailable, ModelNotFound, RegistryError
from registry.models.server import tracking_uri
from registry.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

_TIMEOUT_S = 20


class Mlflow:
    """Connects on first use, and again when the server moved to another port."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._uri = ""
        self._client: Any = None

    @contextmanager
    def connected(self) -> Iterator[MlflowClient]:
        """A client for a few calls. Raises MlflowUnavailable, ModelNotFound, Conflict."""
        client = self._connect()
        from mlflow.exceptions import MlflowException

        try:
            yield client
        except MlflowException as error:
            raise _ours(error, self._uri) from error

    def _connect(self) -> MlflowClient:
        uri = tracking_uri(self._settings)
        with self._lock:
            if uri != self._uri:
                from mlflow import MlflowClient

                _be_quick_and_quiet()
                registry_uri = self._settings.read_mlflow_file().registry_uri or uri
                self._client = MlflowClient(tracking_uri=uri, registry_uri=registry_uri)
                self._uri = uri
            return self._client


def _be_quick_and_quiet() -> None:
    from mlflow import environment_variables as mlflow_settings

    mlflow_settings.MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(1)
    mlflow_settings.MLFLOW_HTTP_REQUEST_TIMEOUT.set(_TIMEOUT_S)
    mlflow_settings.MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)
    mlflow_settings.MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.set(True)
    logging.getLogger("mlflow").setLevel(logging.WARNING)


def _ours(error: Any, uri: str) -> RegistryError:
    code = getattr(error, "error_code", "")
    text = (str(error).splitlines() or [""])[0][:300]
    if code == "RESOURCE_DOES_NOT_EXIST":
        return ModelNotFound(f"MLflow does not have it: {text}")
    if code == "RESOURCE_ALREADY_EXISTS":
        return Conflict(f"MLflow has it already: {text}")
    if "HTTPConnectionPool" in text or "Connection" in text:
        return MlflowUnavailable("the MLflow server does not answer", details={"uri": uri})
    return MlflowUnavailable(f"the MLflow server did not do what was asked: {text}", details={"uri": uri})
