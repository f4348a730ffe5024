"""A Prefect work pool in place of the runner: its workers, on whatever hosts, start the runs of jobs.

Which job may run when stays with the one who cares for the jobs; a pool only says where.
"""

import os
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from flows.prefect_server import QUIET, client_environment
from registry.errors import InvalidSetting
from registry.libraries import import_path_of_children
from registry.models.process import Command
from registry.settings import PROJECT_ROOT, Settings, child_environment

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

_LOOKS_EVERY_S = "1"
_log = structlog.get_logger(__name__)


def register(pool: str, deployments: "Sequence[RunnerDeployment]") -> None:
    """Give every deployment to the pool, which is made for processes unless it is there, and stay."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):
        client.create_work_pool(WorkPoolCreate(name=pool, type=ProcessWorker.type, base_job_template=template))
    for deployment in deployments:
        deployment.work_pool_name = pool
        deployment.apply()
    _log.info("work_pool_registered", pool=pool, deployments=len(deployments))
    threading.Event().wait()


def job_worker(settings: Settings, limit: int | None) -> Command:
    """Prefect's own worker for the pool, with what a run needs in its environment.

    Raises InvalidSetting without a pool, PrefectUnavailable.
    """
    if not settings.work_pool:
        raise InvalidSetting(
            "no work pool is named", hint="Set NEXUSAI_WORK_POOL to the same name here and where the runner runs."
        )
    name = f"{socket.gethostname()}-{os.getpid()}"
    line = ["worker", "start", "--pool", settings.work_pool, "--name", name, "--install-policy", "never"]
    environment = child_environment(
        settings,
        NEXUSAI_HOME=str(settings.home.absolute()),  # a run's own folder is another one
        PREFECT_WORKER_QUERY_SECONDS=_LOOKS_EVERY_S,
        **client_environment(settings),
        **QUIET,
    )
    paths = [import_path_of_children()["PYTHONPATH"], str(PROJECT_ROOT)]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    return Command([sys.executable, "-m", "prefect", *line, *(["--limit", str(limit)] if limit else [])], environment)
