"""A batch over a Ray cluster of this machine with two workers, against the same with one.

The cluster is a real one (`ray start`), reached by its `ray://` address; a worker is one processor of it. On a machine
whose cores one worker keeps busy already, two must lose nothing. What more hosts would give is planned from the same
figures: what a job does once (`fixed`), and what it does for each image and can be shared out.
"""

import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from flows.prefect_server import client_environment
from registry.models.process import free_port
from registry.settings import PROJECT_ROOT, child_environment
from registry.testing.ray_cluster import ray_cluster
from tests.perf.batch_jobs import Jobs, running_jobs, write_images
from tests.perf.predict_loop import make_yolo11n_onnx
from tests.perf.report import Report, spread

COUNT, FEW, ROUNDS = 1_000, 96, 2
HOSTS = (1, 2, 4, 8)


def main() -> Report:
    """One worker and two in turn."""
    network = make_yolo11n_onnx(PROJECT_ROOT / "build" / "bench" / "yolo11n-shaped.onnx")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="nexusai-bench-") as name:
        folder = Path(name)
        write_images(folder / "few", FEW)
        write_images(folder / "images", COUNT)
        places = {"batch_folders": f"{folder / 'images'},{folder / 'few'}", "task_runner": f"ray://127.0.0.1:{port}"}
        with running_jobs(folder / "home", network, folder / "images", **places) as jobs:
            runs = [
                (workers, _runs(jobs, folder / "few", port, workers, 10 * number + workers))
                for number in range(ROUNDS)
                for workers in (1, 2)
            ]
    times = {wanted: [whole_s for workers, (_, whole_s) in runs if workers == wanted] for wanted in (1, 2)}
    one, two = (statistics.median(times[workers]) for workers in (1, 2))
    few_s = statistics.median(few_s for workers, (few_s, _) in runs if workers == 2)
    an_image_s = (two - few_s) / (COUNT - FEW)
    fixed_s = max(two - COUNT * an_image_s, 0.0)
    return Report(
        name="ray",
        figures={
            "two_workers_s": spread(times[2]),
            "fixed_s": fixed_s,
            "an_image_s": an_image_s,
            "planned_speed_up": planned(fixed_s, COUNT * an_image_s),
            "planned_speed_up_of_100000": planned(fixed_s, 100_000 * an_image_s),
        },
        baseline={"name": "one worker", "one_worker_s": spread(times[1])},
        ratio=two / one,
        bound=1.0,
        repeats=ROUNDS,
        limits={},
    )


def planned(fixed_s: float, shared_s: float) -> Mapping[str, float]:
    """How much sooner so many hosts like this one would end, if only what is shared out gets faster."""
    alone = fixed_s + shared_s
    return {f"{hosts} hosts": round(alone / (fixed_s + shared_s / hosts), 2) for hosts in HOSTS}


def _runs(jobs: Jobs, few: Path, port: int, workers: int, number: int) -> tuple[float, float]:
    """Seconds of a job of few images and of one of all, on a new cluster whose workers have loaded the network."""
    settings = jobs.running.settings
    environment = {**child_environment(settings), **client_environment(settings), "PYTHONPATH": str(PROJECT_ROOT)}
    with ray_cluster(workers, port, environment):
        on_few = replace(jobs, folder=few)
        on_few.run(number)
        return on_few.run(number + 5).seconds, jobs.run(number).seconds
