"""From `nexusai up` on a prepared home to `/health/ready`, and what it costs to stand idle.

The baseline is the peer that a team would start alone, `mlflow server` with one worker, started in turn.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from registry.models.process import free_port
from registry.settings import child_environment, load_settings
from registry.testing.platform import Running, running_platform
from tests.perf.report import Report, spread

REPEATS = 3
READY_MOST_S, IDLE_MEMORY_MOST_GIB, IDLE_CPU_MOST = 25.0, 1.3, 5.0
_SETTLE_S, _IDLE_S = 8.0, 15.0


def main() -> Report:
    """Start both in turn, then watch ours stand idle."""
    with tempfile.TemporaryDirectory(prefix="nexusai-bench-") as folder:
        home = Path(folder) / "home"
        with running_platform(home, demo=True):
            pass  # prepares the home
        ours, peers, idle = [], [], {}
        for _ in range(REPEATS):
            peers.append(_mlflow_alone(Path(folder) / "peer"))
            started = time.perf_counter()
            with running_platform(home, administrator=False) as running:
                ours.append(time.perf_counter() - started)
                idle = idle or _idle(running)
    ready_s = spread(ours)["p50"]
    return Report(
        name="start",
        figures={"ready_s": spread(ours), **idle},
        baseline={"name": "mlflow server --workers 1", "ready_s": spread(peers)},
        ratio=ready_s / spread(peers)["p50"],
        bound=2.0,
        repeats=REPEATS,
        limits={
            "ready_s": (ready_s, READY_MOST_S),
            "idle_memory_gib": (idle["idle_memory_gib"], IDLE_MEMORY_MOST_GIB),
            "idle_cpu_percent": (idle["idle_cpu_percent"], IDLE_CPU_MOST),
        },
    )


def _mlflow_alone(folder: Path) -> float:
    folder.mkdir(exist_ok=True)
    port = free_port()
    command = [str(Path(sys.executable).with_name("mlflow")), "server", "--port", str(port), "--workers", "1"]
    store = ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--artifacts-destination", str(folder)]
    environment = child_environment(load_settings(), MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, *store],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not _answers(f"http://127.0.0.1:{port}/health"):
            time.sleep(0.05)
        return time.perf_counter() - started
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _idle(running: Running) -> dict[str, float]:
    """Memory (proportional share, so that shared pages count once) and processor time of all processes."""
    time.sleep(_SETTLE_S)
    tree = [psutil.Process(running.process.pid), *psutil.Process(running.process.pid).children(recursive=True)]
    before, since = sum(_cpu_s(each) for each in tree), time.perf_counter()
    time.sleep(_IDLE_S)
    busy = sum(_cpu_s(each) for each in tree) - before
    return {
        "idle_memory_gib": sum(each.memory_full_info().pss for each in tree) / 2**30,
        "idle_resident_gib": sum(each.memory_info().rss for each in tree) / 2**30,
        "idle_cpu_percent": 100 * busy / (time.perf_counter() - since),
        "processes": len(tree),
    }


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
