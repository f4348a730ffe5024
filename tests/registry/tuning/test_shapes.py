"""Models that answer more than boxes are tuned and optimised by how right their masks and key points are."""

from collections.abc import Callable
from pathlib import Path

import pytest

from registry.errors import InvalidInput
from registry.jobs.tuning_parameters import TuneParameters
from registry.models.tuning import tunings
from registry.runtime.card import ModelCard
from registry.testing.onnx_models import (
    BLOB_CARD,
    BLOB_POSE_CARD,
    BLOB_SEGMENT_CARD,
    COLOUR_EMBED_CARD,
    blob_poser,
    blob_segmenter,
)
from registry.tuning.dataset_data import fits, open_registered, teaches
from registry.tuning.tune_job import tune_as_job
from tests.registry.tuning.works import ADA, Works, make_spots, outlined, posed, wanted

Row = Callable[[int, int], tuple[float, ...]]
SHAPES: dict[str, tuple[ModelCard, bytes, Row, str]] = {
    "segment": (BLOB_SEGMENT_CARD, blob_segmenter(), outlined, ""),
    "pose": (BLOB_POSE_CARD, blob_poser(), posed, "kpt_shape: [2, 3]\n"),
}


@pytest.mark.parametrize("task", SHAPES)
def test_a_model_that_answers_more_than_boxes_is_judged_by_it(
    works: Works, tmp_path: Path, unique: str, task: str
) -> None:
    card, model, row, further = SHAPES[task]
    name = works.publish(make_spots(works, tmp_path, unique, row, further), model, card)
    tuned = works.run(
        works.measuring.tune(ADA, TuneParameters(model=name, version=1, dataset=name, minutes=0.1)), tune_as_job
    )
    assert tuned.state == "succeeded", tuned.error
    [found] = tunings(works.models, ADA, name, 1)
    metric = {"segment": "mask mAP50-95", "pose": "pose mAP50-95"}[task]
    assert found.table.metric == metric
    assert found.table.default_accuracy > 0.9
    optimised = works.run(works.measuring.optimise(ADA, wanted(name, name, forms=("fp16",))))
    assert optimised.state == "succeeded", optimised.error
    report = works.report(optimised)
    assert (report.metric, report.own_accuracy) == (metric, found.table.default_accuracy)


def test_a_dataset_with_other_key_points_or_of_another_task_is_refused(
    works: Works, tmp_path: Path, unique: str
) -> None:
    make_spots(works, tmp_path, unique, posed, "kpt_shape: [2, 3]\n")
    face = BLOB_POSE_CARD.model_copy(update={"keypoint_shape": (5, 3)})
    with pytest.raises(InvalidInput, match="have 2 key points, this model answers 5"):
        open_registered(works.datasets, ADA, unique, face)
    with pytest.raises(InvalidInput, match="is for task pose, this model answers segment"):
        open_registered(works.datasets, ADA, unique, BLOB_SEGMENT_CARD)
    assert len(list(open_registered(works.datasets, ADA, unique, BLOB_CARD).held_out())) == 9
    assert teaches(COLOUR_EMBED_CARD) == ()
    [summary] = [each for each in works.datasets.list(ADA)[0] if each.record.name == unique]
    cards = (BLOB_POSE_CARD, face, BLOB_CARD, BLOB_CARD.model_copy(update={"labels": ("other",)}))
    assert [fits(works.datasets, ADA, summary, card) for card in cards] == [True, False, True, False]
