"""Who cancels a measuring waits for no run of a slow model."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

import cv2
import numpy as np
import pytest

from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun
from registry.jobs.tuning_parameters import OptimiseParameters, TuneParameters
from registry.records import Job
from registry.testing.onnx_models import COLOUR_LOGITS_CARD
from registry.testing.requirements import require_package
from registry.testing.slow_models import slow_between
from registry.training.datasets.changes import DatasetChanges, NewVersion
from registry.tuning.optimise_job import optimise
from registry.tuning.tune_job import tune_as_job
from tests.registry.tuning.works import ADA, Works

RUN_S = 20  # the longest that a run of the model may take


@pytest.fixture
def bright(works: Works, tmp_path: Path, unique: str) -> str:
    """A dataset of pictures on which the model runs for minutes."""
    require_package("dvc", "train")
    for split in ("train", "val"):
        for shade, label in enumerate(COLOUR_LOGITS_CARD.labels):
            folder = tmp_path / "bright" / split / label
            folder.mkdir(parents=True)
            cv2.imwrite(str(folder / f"{split}-{label}.png"), np.full((32, 32, 3), 235 + shade, np.uint8))
    settings, live = works.models.settings, works.models.live
    changes = DatasetChanges(settings, works.database, live, works.datasets)
    changes.add(ADA, tmp_path / "bright", NewVersion(f"{unique}-bright"))
    return f"{unique}-bright"


@pytest.mark.parametrize("kind", ["optimise", "tune"])
def test_a_run_of_a_slow_model_outlasts_no_cancel(works: Works, bright: str, unique: str, kind: str) -> None:
    works.publish(unique, slow_between(0.9, 0.95), COLOUR_LOGITS_CARD)
    job, work = _start(works, kind, unique, bright)
    works.rooms = replace(works.rooms, settings=works.rooms.settings.model_copy(update={"run_max_seconds": RUN_S}))
    works.models.settings = works.rooms.settings
    cancelled_at: list[float] = []

    def cancel() -> None:
        works.jobs.cancel(ADA, job.id)
        cancelled_at.append(time.monotonic())

    def watched(run: JobRun, rooms: JobRooms) -> dict[str, Any]:
        Timer(3, cancel).start()
        return work(run, rooms)

    assert works.run(job, watched).state == "cancelled"
    assert time.monotonic() - cancelled_at[0] < RUN_S / 2


def _start(
    works: Works, kind: str, model: str, dataset: str
) -> tuple[Job, Callable[[JobRun, JobRooms], dict[str, Any]]]:
    if kind == "optimise":
        asked = OptimiseParameters(model=model, version=1, dataset=dataset, repeats=5)
        return works.measuring.optimise(ADA, asked), optimise
    return works.measuring.tune(ADA, TuneParameters(model=model, version=1, dataset=dataset)), tune_as_job
