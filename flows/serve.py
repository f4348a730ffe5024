"""The runner: serves every flow's deployment, or has a work pool serve them, and cares for the jobs.

`python -m flows.serve`
"""

import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

import structlog

from flows.due import Due
from flows.logs import configure_logs
from flows.prefect_api import PrefectApi
from flows.prefect_schedules import PrefectSchedules
from flows.prefect_server import api_url, client_environment
from flows.work_pool import register
from registry.access.live import Live
from registry.errors import RegistryError
from registry.jobs.care import Care
from registry.libraries import import_path_of_children, prepare_libraries
from registry.records import Aging, open_database
from registry.runtime.machine import usable_cores
from registry.settings import Settings, adopt_environment, load_settings

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

_PASS_S, _SCHEDULES_S = 0.5, 1.0
_PROCESSES_MOST = 1_000  # how many run at once is decided where jobs are handed over
_log = structlog.get_logger(__name__)


def main() -> None:
    """Care for the jobs at once; serve the flows as soon as Prefect answers."""
    prepare_libraries()
    settings = load_settings()
    configure_logs(settings.log_level)
    prefect = PrefectApi(settings)
    threading.Thread(target=_care, args=(settings, prefect), name="care", daemon=True).start()
    threading.Thread(target=_schedules, args=(settings, prefect), name="schedules", daemon=True).start()
    while not prefect.healthy():
        time.sleep(_PASS_S)
    served = api_url(settings)
    adopt_environment(client_environment(settings) | import_path_of_children())
    threading.Thread(target=_leave_when_moved, args=(settings, served), name="moved", daemon=True).start()
    if settings.work_pool:
        register(settings.work_pool, _deployments())
    else:
        _serve()


def _serve() -> None:
    from prefect import serve

    serve(*_deployments(), pause_on_shutdown=False, print_starting_message=False, limit=_PROCESSES_MOST)


def _deployments() -> "list[RunnerDeployment]":
    from prefect.deployments.runner import RunnerDeployment
    from prefect.types.entrypoint import EntrypointType

    from flows.backup import backup
    from flows.batch import batch
    from flows.clean import clean
    from flows.import_dataset import import_dataset
    from flows.optimise import optimise
    from flows.retrain import retrain
    from flows.schedules import schedules
    from flows.tune import tune
    from flows.video import video

    module = EntrypointType.MODULE_PATH
    flows = (batch, video, optimise, tune, retrain, import_dataset, clean, backup, schedules)
    return [RunnerDeployment.from_flow(flow, flow.name, entrypoint_type=module) for flow in flows]


def _care(settings: Settings, prefect: PrefectApi) -> None:
    database = open_database(settings.records_url)
    cores = None if settings.work_pool else usable_cores()
    aging = Aging(kept=settings.clock_file)
    runner = f"{socket.gethostname()}-{os.getpid()}"
    care = Care(database, Live(database, settings), prefect, runner, cores=cores, aging=aging)
    while True:
        try:
            care.step()
        except RegistryError as error:
            _log.warning("care_interrupted", code=error.code, reason=error.message)
        except Exception as error:  # noqa: BLE001 - a thread's edge: without it no job would start any more
            _log.error("care_failed", exc_info=error)
        time.sleep(_PASS_S)


def _schedules(settings: Settings, prefect: PrefectApi) -> None:
    """Start what is due, in a process of its own that needs everything; show the schedules in Prefect."""
    database = open_database(settings.records_url)
    due, shown, before = Due(database, settings), PrefectSchedules(database, prefect), ""
    while True:
        try:
            due.step()
            shown.bring_up_to_date()
            before = ""
        except RegistryError as error:
            if error.code != before:
                _log.info("schedules_interrupted", code=error.code, reason=error.message)
            before = error.code
        except Exception as error:  # noqa: BLE001 - a thread's edge: without it nothing is started on time
            _log.error("schedules_failed", exc_info=error)
        time.sleep(_SCHEDULES_S)


def _leave_when_moved(settings: Settings, served: str) -> None:
    """End this process when Prefect answers elsewhere by now: its supervisor starts it again."""
    while True:
        time.sleep(_PASS_S)
        try:
            moved = api_url(settings) != served
        except RegistryError:
            continue
        if moved:
            os.kill(os.getpid(), signal.SIGTERM)
            return


if __name__ == "__main__":
    main()
