"""What is wrong with a schedule's parameters is told as the form calls its fields, with what each takes."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from flows import schedulable
from registry.jobs.care_parameters import CleanParameters
from registry.jobs.parameter_words import wrong_parameter

TRAIN = {"model": "m", "dataset": "d"}


@pytest.mark.parametrize(
    ("kind", "given", "field", "told"),
    [
        (schedulable.TrainSchedule, TRAIN | {"epochs": 0}, "epochs", "'Epochs' is a whole number from 1 to 1,000"),
        (schedulable.TrainSchedule, TRAIN | {"epochs": 1.5}, "epochs", "'Epochs' is a whole number from 1 to 1,000"),
        (
            schedulable.TrainSchedule,
            TRAIN | {"new_classes": "maybe"},
            "new_classes",
            "'New classes' is either yes or no",
        ),
        (schedulable.TrainSchedule, {"dataset": "d"}, "model", "'Model' is empty"),
        (
            schedulable.TrainSchedule,
            TRAIN | {"augment": "x"},
            "augment",
            "'Augment': Input should be 'none', 'light' or",
        ),
        (schedulable.TrainSchedule, TRAIN | {"model": "m" * 64}, "model", "'Model' has at most 63 characters"),
        (
            schedulable.TrainSchedule,
            TRAIN | {"colour": 1},
            "colour",
            "there is no field 'colour'; there are Model, Alias",
        ),
        (schedulable.TuneSchedule, TRAIN | {"minutes": "x"}, "minutes", "'Minutes' is a number from 0.1 to 240"),
        (schedulable.OptimiseSchedule, TRAIN | {"forms": []}, "forms", "choose at least one under 'Forms'"),
        (
            schedulable.VideoSchedule,
            {"model": "m", "path": "/a", "hours": 0},
            "hours",
            "is a number above 0, at most 24",
        ),
        (schedulable.VideoSchedule, {"model": "m"}, "", "either a file on the server or what a camera recorded"),
        (CleanParameters, {"job_days": 0}, "job_days", "'Job days' is a whole number from 1 to 3,650"),
    ],
)
def test_the_field_is_named_with_its_bounds(
    kind: type[BaseModel], given: dict[str, Any], field: str, told: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        kind.model_validate(given)
    problem = wrong_parameter(refused.value, kind)
    assert problem.field == field
    assert told in problem.message
