"""A batch of 1,000 images of 720p as a job, against the best plain loop over the same files.

Whole jobs are timed by what the platform says of them, from the first work to the stored results, with the model
loaded by the job; and how long it takes from the submission to the first work. The loop's sessions are made beforehand.
"""

import statistics
import tempfile
from pathlib import Path

from registry.settings import PROJECT_ROOT
from tests.perf.batch_jobs import loop_seconds, running_jobs, write_images
from tests.perf.predict_loop import make_yolo11n_onnx
from tests.perf.report import Report, machine, spread

COUNT, ROUNDS = 1_000, 3
LEAST_OF_LOOP, MOST_TO_START_S = 0.90, 8.0
_WARM_UP = 100


def main() -> Report:
    """The loop and the job in turn."""
    network = make_yolo11n_onnx(PROJECT_ROOT / "build" / "bench" / "yolo11n-shaped.onnx")
    cores = int(machine()["cores"])
    with tempfile.TemporaryDirectory(prefix="nexusai-bench-") as name:
        folder = Path(name)
        paths = write_images(folder / "images", COUNT)
        with running_jobs(folder / "home", network, folder / "images") as jobs:
            loop_seconds(network, paths[:_WARM_UP], cores)
            runs = [(loop_seconds(network, paths, cores), jobs.run(number)) for number in range(ROUNDS)]
    ratios = [job.seconds / loop_s for loop_s, job in runs]
    return Report(
        name="batch",
        figures={
            "images_a_second": COUNT / statistics.median(job.seconds for _, job in runs),
            "seconds": spread([job.seconds for _, job in runs]),
            "submit_to_start_s": spread([job.to_start_s for _, job in runs]),
            "found": runs[-1][1].found,
        },
        baseline={
            "name": "one session of one thread on each core",
            "images_a_second": COUNT / statistics.median(loop_s for loop_s, _ in runs),
            "seconds": spread([loop_s for loop_s, _ in runs]),
        },
        ratio=statistics.median(ratios),
        bound=1 / LEAST_OF_LOOP,
        repeats=ROUNDS,
        limits={"submit_to_start_s": (statistics.median(job.to_start_s for _, job in runs), MOST_TO_START_S)},
    )
