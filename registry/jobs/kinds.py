"""The kinds of job: what each takes, and how many of each run at once.

A new kind is an entry here, a library function that takes a `JobRun`, and a flow of that name in `flows/`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel

from registry.access.live import LiveSettings
from registry.errors import InvalidInput
from registry.jobs.batch_parameters import BatchParameters
from registry.jobs.care_parameters import BackupParameters, CleanParameters
from registry.jobs.dataset_parameters import ImportParameters
from registry.jobs.train_parameters import TrainParameters
from registry.jobs.tuning_parameters import OptimiseParameters, TuneParameters
from registry.jobs.video.parameters import VideoParameters


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job. `most_losses` runs may be lost in a row, none of which came further than those before; then it
    has failed.

    A kind that must not run twice has `most_losses` 0. What is `beside` runs beside the total of jobs at once: the care
    of a platform, and what is sent to it, wait for nobody's long jobs. What is `alone` measures, or takes every core:
    on a machine with few of them it runs beside no other job. What `ages` things waits where the clock was set forward.
    """

    name: str
    title: str
    parameters: type[BaseModel]
    at_once: Callable[[LiveSettings], int]
    most_losses: int = 3
    beside: bool = False
    alone: bool = False
    ages: bool = False


VIDEO = Kind("video", "Video analysis", VideoParameters, lambda live: live.video_jobs_at_once)
BATCH = Kind("batch", "Batch inference", BatchParameters, lambda live: live.batch_jobs_at_once)
# two of one of these would slow each other, and measure that
OPTIMISE = Kind("optimise", "Optimisation", OptimiseParameters, lambda _live: 1, alone=True)
TUNE = Kind("tune", "Tuning", TuneParameters, lambda _live: 1, alone=True)
TRAIN = Kind("train", "Training", TrainParameters, lambda _live: 1, alone=True)
IMPORT = Kind("import", "Dataset import", ImportParameters, lambda _live: 1, beside=True)
CLEAN = Kind("clean", "Clean-up", CleanParameters, lambda _live: 1, beside=True, ages=True)
BACKUP = Kind("backup", "Backup", BackupParameters, lambda _live: 1, beside=True)
KINDS = {kind.name: kind for kind in (BATCH, VIDEO, OPTIMISE, TUNE, TRAIN, IMPORT, CLEAN, BACKUP)}


def kind_of(name: str) -> Kind:
    """The kind of that name. Raises InvalidInput."""
    if name not in KINDS:
        raise InvalidInput(f"there is no kind of job {name[:40]!r}; there are {', '.join(KINDS)}")
    return KINDS[name]
