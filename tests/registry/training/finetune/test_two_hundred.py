"""The whole loop on two hundred pictures: dataset, training, measurement, new version, in eight minutes."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry.jobs.train_parameters import Recipe
from registry.records import JobState
from registry.testing.digit_set import write_digit_set

if TYPE_CHECKING:
    from tests.registry.training.finetune.conftest import School

MOST_S = 8 * 60


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_the_starter_is_trained_further_on_two_hundred_pictures_within_eight_minutes(
    school: "School", tmp_path: Path
) -> None:
    source = write_digit_set(tmp_path / "set", {"train": 140, "val": 30, "test": 30}, 192)
    load, started = os.getloadavg()[0], time.monotonic()
    name = school.add(source, f"{school.dataset}-two-hundred")
    imported = time.monotonic() - started
    recipe = Recipe(epochs=5, batch=16, learning_rate=0.001)
    ended = school.run(school.trainings.start(school.actor, school.asked(dataset=name, recipe=recipe)))
    took = time.monotonic() - started
    assert ended.state == JobState.SUCCEEDED, ended.error
    result = ended.result or {}
    figures, before = result["figures"], result["parent_figures"]
    print(
        f"200 pictures, {result['epochs']} epochs: {took:.0f} s of {MOST_S} s, import {imported:.0f} s, "
        f"{result['seconds_an_epoch']} s an epoch; mAP50 {before['mAP50']} to {figures['mAP50']}; "
        f"load {load:.1f} before, {os.getloadavg()[0]:.1f} after"
    )
    assert took <= MOST_S
    assert figures["mAP50"] > 0.5
