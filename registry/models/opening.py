"""Opening a version as this machine was tuned for it, else by default; never by something slower in silence."""

import threading

import structlog

from registry.errors import BackendUnavailable, InvalidInput, InvalidModel, RegistryError
from registry.models.files import VersionFiles
from registry.models.types import ModelVersion
from registry.runtime.adaptive_session import Host
from registry.runtime.host_choice import Backend, HostChoice, default_choice
from registry.runtime.loading import load
from registry.runtime.vision_model import VisionModel

_log = structlog.get_logger(__name__)


class Opening:
    """How this process opens versions. Where a chosen backend does not start, the processor answers, and it is told:
    in the log, in the metrics and by `problems`.
    """

    def __init__(self, files: VersionFiles, host: Host) -> None:
        self._files, self._host = files, host
        self._lock = threading.Lock()
        self._problems: dict[str, str] = {}

    def open(self, version: ModelVersion) -> VisionModel:
        """The network of a version. Raises what reading its files and `load` by the processor do."""
        files = self._files.proven(version)
        choice = self.choice(version)
        try:
            network = load(files, version.card, host=self._host, choice=choice)
        except (BackendUnavailable, InvalidModel) as error:
            if choice.backend is Backend.CPU:
                raise
            self._tell(version, choice, error)
            return load(files, version.card, host=self._host, choice=default_choice(Backend.CPU, self._host.threads))
        self._forget(version)
        return network

    def choice(self, version: ModelVersion) -> HostChoice:
        """How a version should run here; a recorded choice that cannot be read counts as none."""
        if not version.tuned:
            return self._host.default()
        try:
            return HostChoice.parse(version.tuned).within(self._host.threads)
        except InvalidInput as error:
            _log.warning("choice_unreadable", model=version.name, version=version.version, problem=error.message)
            return self._host.default()

    def problem(self, version: ModelVersion) -> str:
        """Why a version does not run here as it should; empty when it does, or was not opened yet."""
        with self._lock:
            return self._problems.get(version.key, "")

    def _tell(self, version: ModelVersion, choice: HostChoice, error: RegistryError) -> None:
        _log.error("backend_unavailable", model=version.name, version=version.version, problem=error.message)
        self._host.metrics.unavailable.labels(str(choice.backend)).inc()
        with self._lock:
            self._problems[version.key] = f"{error.message} {error.hint}".strip()

    def _forget(self, version: ModelVersion) -> None:
        with self._lock:
            self._problems.pop(version.key, None)
