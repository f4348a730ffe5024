"""Start the jobs of the schedules that are due, and end: `python -m flows.start_due`, which the runner calls."""

import structlog

from flows.logs import configure_logs
from flows.schedulable import Rooms, schedulable
from registry.access.live import Live
from registry.errors import RegistryError
from registry.jobs.jobs import Jobs
from registry.jobs.schedules import Schedules
from registry.libraries import prepare_libraries
from registry.models.registry import ModelRegistry
from registry.recordings.library import Recordings
from registry.records import Database, open_database, utc_now
from registry.settings import Settings, load_settings
from registry.storage import open_storage
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.workspace import Workspace

_log = structlog.get_logger(__name__)


def main() -> None:
    """Open the rooms, start what is due, say what is away."""
    prepare_libraries()
    settings = load_settings()
    configure_logs(settings.log_level)
    database = open_database(settings.records_url)
    schedules = Schedules(database, schedulable(_rooms(settings, database)))
    try:
        for job in schedules.start_due(utc_now()):
            _log.info("schedule_started", job=job.id, kind=job.kind)
    except RegistryError as error:
        _log.warning("schedules_wait", code=error.code, reason=error.message)
    finally:
        database.close()


def _rooms(settings: Settings, database: Database) -> Rooms:
    storage = open_storage(settings.storage_root, settings.storage_endpoint)
    live = Live(database, settings)
    return Rooms.over(
        Jobs(database, storage),
        ModelRegistry(settings, database, live),
        Datasets(database, Workspace(settings)),
        Recordings(settings, live, database, storage),
    )


if __name__ == "__main__":
    main()
