"""Start the jobs of the schedules that are due, and end: `python -m flows.start_due`, which the runner calls."""

import structlog

from flows.logs import configure_logs
from flows.schedulable import schedulable
from registry.errors import RegistryError
from registry.jobs.batches import Batches
from registry.jobs.caring import Caring
from registry.jobs.jobs import Jobs
from registry.jobs.schedules import Schedules
from registry.libraries import prepare_libraries
from registry.models.registry import ModelRegistry
from registry.records import open_database, utc_now
from registry.settings import load_settings
from registry.storage import open_storage
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.workspace import Workspace
from registry.tuning.measuring import Measuring

_log = structlog.get_logger(__name__)


def main() -> None:
    """Open the rooms, start what is due, say what is away."""
    prepare_libraries()
    settings = load_settings()
    configure_logs(settings.log_level)
    database = open_database(settings.records_url)
    jobs = Jobs(database, open_storage(settings.storage_root, settings.storage_endpoint))
    models = ModelRegistry(settings, database)
    measuring = Measuring(jobs, models, Datasets(database, Workspace(settings)))
    schedules = Schedules(database, schedulable(Batches(jobs, models), measuring, Caring(jobs)))
    try:
        for job in schedules.start_due(utc_now()):
            _log.info("schedule_started", job=job.id, kind=job.kind)
    except RegistryError as error:
        _log.warning("schedules_wait", code=error.code, reason=error.message)
    finally:
        database.close()


if __name__ == "__main__":
    main()
