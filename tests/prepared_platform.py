"""A platform whose home has copies of MLflow's and Prefect's databases: each start saves seconds of migrations.

Their own servers make the originals, once for a release of either.
"""

import fcntl
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from flows.prefect_server import prefect_server
from registry.models.process import free_port, running_mlflow, wait_for
from registry.settings import PROJECT_ROOT, Settings, load_settings
from registry.testing.platform import Running, running_platform

MLFLOW, PREFECT = "mlflow.db", "prefect.db"
_KEPT = PROJECT_ROOT / "build" / "test-homes"
_STOPS_S = 30


@contextmanager
def prepared_platform(home: Path, *, jobs: bool = False, **further: Any) -> Iterator[Running]:
    """`running_platform` on a home that need not be migrated."""
    home.mkdir(parents=True, exist_ok=True)
    kept = _made()
    for name in (MLFLOW, PREFECT) if jobs else (MLFLOW,):
        shutil.copyfile(kept / name, home / name)
    with running_platform(home, jobs=jobs, **further) as running:
        yield running


def _made() -> Path:
    """The folder of the installed releases' databases, which the first to ask makes."""
    kept = _KEPT / "-".join(version(each) for each in ("mlflow", "prefect"))
    with _alone():
        if not kept.exists():
            with tempfile.TemporaryDirectory(prefix="nexusai-home-") as folder:
                settings = load_settings(home=Path(folder) / "home", port=free_port())
                settings.prepare_home()
                with running_mlflow(settings) as uri, _running_prefect(settings):
                    MlflowClient(uri).search_registered_models()  # MLflow makes its tables when it is first asked
                draft = Path(tempfile.mkdtemp(dir=_KEPT))
                for name in (MLFLOW, PREFECT):
                    _copy_whole(settings.home / name, draft / name)
                draft.rename(kept)
    return kept


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time."""
    _KEPT.mkdir(parents=True, exist_ok=True)
    with (_KEPT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _running_prefect(settings: Settings) -> Iterator[None]:
    port, log = free_port(), settings.logs / "prefect.log"
    command = prefect_server(settings, port, sys.executable)
    with log.open("ab") as file:
        process = subprocess.Popen(command.line, env=command.environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        wait_for(process, f"http://127.0.0.1:{port}/api/health", log)
        yield
    finally:
        process.terminate()
        process.wait(_STOPS_S)


def _copy_whole(source: Path, target: Path) -> None:
    """With what its write-ahead log still holds."""
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target)) as here:
        there.backup(here)
