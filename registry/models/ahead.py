"""What a version's first answer would wait for, done when it is published and nobody waits yet."""

from collections.abc import Mapping

import structlog

from registry.errors import RegistryError
from registry.models.files import VersionFiles
from registry.runtime.background import unhurried
from registry.runtime.card import MODEL_FILE
from registry.runtime.host_choice import Backend
from registry.runtime.machine import usable_cores
from registry.runtime.prepared import prepare
from registry.runtime.proven_file import ProvenFile
from registry.settings import Settings

_log = structlog.get_logger(__name__)


def make_ready(files: VersionFiles, contents: Mapping[str, bytes], settings: Settings) -> None:
    """Optimise the graph that was published for this home's processor, or keep the files where that does not run them.

    A version that is loaded here the first time, as a hot swap does under load, then neither asks MLflow for its files
    nor has the cores busy with its graph. What fails here is done, and told, when the version is loaded.
    """
    try:
        if MODEL_FILE in contents and _runs_prepared(settings):
            with unhurried():
                prepare(ProvenFile.of(contents[MODEL_FILE]), settings.prepared_graphs)
        else:
            for data in contents.values():
                files.keep(data)
    except (RegistryError, OSError) as error:
        _log.warning("not_ready_ahead", files=sorted(contents), reason=str(error)[:300])


def _runs_prepared(settings: Settings) -> bool:
    """Whether this home's processor runs graphs, by more than one session each."""
    cores = settings.inference_threads or usable_cores()
    return Backend(settings.inference_backend) is Backend.CPU and cores > 1
