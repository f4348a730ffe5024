"""Average precision of shapes against supervision's, and similarities against what can be worked out by hand."""

import numpy as np
import pytest
import supervision as sv
from supervision.metrics import MeanAveragePrecision

from registry.training.average_precision import IOUS, AveragePrecision
from registry.training.similarity import keypoint_similarity, mask_similarity, packed_outlines

SQUARE, RIGHT_HALF = (10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0), (20.0, 10.0, 30.0, 10.0, 30.0, 30.0, 20.0, 30.0)


def _boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    corner = rng.uniform(0, 80, (count, 2))
    return np.hstack([corner, corner + rng.uniform(10, 30, (count, 2))])


@pytest.mark.parametrize("seed", range(4))
def test_it_is_supervisions_where_boxes_are_likened(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ours, theirs = AveragePrecision(), MeanAveragePrecision()
    for _ in range(25):
        true, ids = _boxes(rng, count := int(rng.integers(0, 6))), rng.integers(0, 3, count)
        far = _boxes(rng, int(rng.integers(0, 4)))
        near_ids = np.where(rng.random(count) < 0.9, ids, 0)
        found = sv.Detections(
            np.vstack([true + rng.normal(0, 2, true.shape), far]),
            confidence=rng.random(count + len(far)).astype(np.float32),
            class_id=np.concatenate([near_ids, rng.integers(0, 3, len(far))]).astype(int),
        )
        theirs.update(found, sv.Detections(true, class_id=ids.astype(int)) if count else sv.Detections.empty())
        ours.update(sv.box_iou_batch(true, found.xyxy).reshape(count, len(found)), found, ids)
    expected = theirs.compute()
    assert ours.at_50() == pytest.approx(expected.map50)
    assert ours.at_50_95() == pytest.approx(expected.map50_95)
    assert 0.05 < ours.at_50_95() < ours.at_50() < 1
    assert np.array(list(ours.by_class().values())) == pytest.approx(expected.ap_per_class, abs=1e-6)


def test_nothing_labelled_and_nothing_found_are_zero() -> None:
    average = AveragePrecision()
    assert (average.at_50(), average.at_50_95(), average.by_class()) == (0.0, 0.0, {})
    average.update(np.zeros((2, 0)), sv.Detections.empty(), np.array([1, 1]))
    assert average.by_class()[1].tolist() == [0.0] * len(IOUS)
    average.update(
        np.zeros((0, 1)),
        sv.Detections(np.zeros((1, 4)), confidence=np.ones(1), class_id=np.array([4])),
        np.zeros(0, int),
    )
    assert list(average.by_class()) == [1]


def test_masks_are_compared_by_what_they_cover_whatever_their_boxes() -> None:
    labelled = packed_outlines([(SQUARE,), (SQUARE, (40.0, 40.0, 50.0, 40.0, 50.0, 50.0, 40.0, 50.0))], (64, 48))
    half = packed_outlines([(RIGHT_HALF,)], (64, 48))
    found = sv.Detections(np.array([[0.0, 0.0, 64.0, 48.0]]), mask=half)
    one, two = mask_similarity(labelled, found).ravel()
    assert one == pytest.approx(1 / 2)
    assert two == pytest.approx(10 * 20 / (20 * 20 + 8 * 10))  # the picture ends with its 48th row
    assert mask_similarity(labelled, sv.Detections.empty()).shape == (2, 0)
    assert packed_outlines([], (64, 48)).shape == (0, 48, 64)


def test_key_points_are_compared_by_distance_for_the_objects_size() -> None:
    labelled = np.array([[[10, 10, 2], [20, 10, 2]], [[10, 10, 2], [0, 0, 0]]], float)
    boxes = np.array([[0, 0, 100, 100], [0, 0, 100, 100]], float)
    off = np.sqrt(2 * 100 * 100 * 0.53) * 2 * (1 / 2)  # one deviation of two points
    found = np.array([[[10, 10], [20, 10]], [[10 + off, 10], [20, 10]], [[10, 10], [900, 900]]], float)
    assert keypoint_similarity(labelled, boxes, found) == pytest.approx(
        np.array([[1.0, (np.exp(-1) + 1) / 2, 0.5], [1.0, np.exp(-1), 1.0]])
    )
    assert keypoint_similarity(labelled * [1, 1, 0], boxes, found).max() == 0.0
