"""Decoding and suppression: known answers, invariants, and the reference's semantics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import UnsupportedOutputs
from registry.runtime import heads
from registry.runtime.nms import box_iou, suppress


def yolo_output(boxes_cxcywh: list[list[float]], scores: list[list[float]]) -> np.ndarray:
    return np.concatenate([np.array(boxes_cxcywh).T, np.array(scores).T]).astype(np.float32)[None]


def crowd(seed: int, anchors: int, labels: int, hot: int) -> np.ndarray:
    """A head whose `hot` anchors clear a confidence of 0.25, boxes overlapping at random."""
    rng = np.random.default_rng(seed)
    output = np.zeros((1, 4 + labels, anchors), np.float32)
    output[0, :2] = rng.uniform(0, 640, (2, anchors))
    output[0, 2:4] = rng.uniform(5, 200, (2, anchors))
    output[0, 4:] = rng.uniform(0, 0.2, (labels, anchors))
    chosen = rng.choice(anchors, hot, replace=False)
    output[0, 4 + rng.integers(0, labels, hot), chosen] = rng.uniform(0.3, 1, hot)
    return output


def test_a_box_is_turned_from_centre_and_size_to_corners():
    found = heads.decode_yolo(yolo_output([[50, 40, 20, 10]], [[0.1, 0.9]]), 0.25, 0.7, 10)
    assert found.boxes_xyxy.tolist() == [[40, 35, 60, 45]]
    assert found.class_ids.tolist() == [1]
    assert found.scores.tolist() == [pytest.approx(0.9)]


SUPPRESSION = [
    ([[50, 50, 20, 20], [51, 50, 20, 20]], [[0.9, 0], [0.8, 0]], 1, "same class, nearly the same box: one stays"),
    ([[50, 50, 20, 20], [51, 50, 20, 20]], [[0.9, 0], [0, 0.8]], 2, "another class is never suppressed"),
    ([[50, 50, 20, 20], [90, 50, 20, 20]], [[0.9, 0], [0.8, 0]], 2, "apart: both stay"),
    ([[50, 50, 20, 20], [50, 50, 20, 20]], [[0.25, 0], [0.2, 0]], 0, "a score equal to the threshold is not above it"),
    ([[50, 50, 0, 0], [50, 50, 0, 0]], [[0.9, 0], [0.8, 0]], 2, "boxes without an area overlap nothing"),
    ([[np.nan, 50, 20, 20], [90, 50, 20, 20]], [[0.9, 0], [0.8, 0]], 1, "a box that is not a number is dropped"),
    ([[50, 50, np.inf, 20], [90, 50, 20, 20]], [[0.9, 0], [0.8, 0]], 1, "an endless box is dropped"),
    ([[50, 50, 20, 20], [90, 50, 20, 20]], [[np.nan, 0], [0.8, 0]], 1, "a score that is not a number is no score"),
]


@pytest.mark.parametrize(("boxes", "scores", "stay", "why"), SUPPRESSION, ids=[row[3] for row in SUPPRESSION])
def test_which_boxes_stay(boxes, scores, stay, why):
    assert len(heads.decode_yolo(yolo_output(boxes, scores), 0.25, 0.7, 10).scores) == stay


CROWDS = [
    (8400, 80, 100, 0.7, 300, "the usual image"),
    (5040, 3, 500, 0.7, 300, "more than may stay"),
    (8400, 80, 8400, 0.3, 300, "every anchor a candidate"),
    (8400, 1, 8400, 0.7, 3000, "one class, many may stay"),
    (40_000, 2, 35_000, 0.5, 300, "more than the 30,000 that take part"),
]


@pytest.mark.parametrize(("anchors", "labels", "hot", "iou", "limit", "why"), CROWDS, ids=[row[5] for row in CROWDS])
def test_suppression_equals_the_references(anchors, labels, hot, iou, limit, why):
    reference = pytest.importorskip("ultralytics.utils.nms")
    torch = pytest.importorskip("torch")
    output = crowd(11, anchors, labels, hot)
    expected = reference.non_max_suppression(torch.from_numpy(output.copy()), 0.25, iou, max_det=limit)[0].numpy()
    found = heads.decode_yolo(output, 0.25, iou, limit)
    assert np.array_equal(found.scores, expected[:, 4])
    assert np.array_equal(found.boxes_xyxy, expected[:, :4])
    assert np.array_equal(found.class_ids, expected[:, 5])


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), hot=st.integers(0, 120))
def test_the_order_of_the_anchors_does_not_matter(seed, hot):
    output = crowd(seed, 120, 3, hot)
    shuffled = output[..., np.random.default_rng(seed).permutation(120)]
    first, second = (heads.decode_yolo(each, 0.25, 0.5, 300) for each in (output, shuffled))
    assert np.array_equal(first.boxes_xyxy, second.boxes_xyxy)
    assert np.array_equal(first.class_ids, second.class_ids)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.sampled_from([0.25, 0.5, 2.0, 4.0]))
def test_scaling_every_box_keeps_the_same_ones(seed, factor):
    output = crowd(seed, 200, 1, 150)
    scaled = output.copy()
    scaled[:, :4] *= factor
    first, second = (heads.decode_yolo(each, 0.25, 0.5, 300) for each in (output, scaled))
    assert np.array_equal(first.scores, second.scores)
    assert np.array_equal(first.boxes_xyxy * np.float32(factor), second.boxes_xyxy)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), iou=st.floats(0.1, 0.9))
def test_what_stays_does_not_overlap_and_what_goes_had_a_better_neighbour(seed, iou):
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 300, (400, 2))
    boxes = np.concatenate([low, low + rng.uniform(5, 90, (400, 2))], axis=1).astype(np.float32)
    scores = rng.uniform(0, 1, 400).astype(np.float32)
    kept = suppress(boxes, scores, np.zeros(400, np.intp), iou, 400)
    overlaps = box_iou(boxes[kept], boxes)
    assert (np.triu(overlaps[:, kept], 1) <= iou).all()
    assert (np.diff(scores[kept]) <= 0).all()
    for gone in set(range(400)) - set(kept.tolist()):
        assert (overlaps[scores[kept] >= scores[gone], gone] > iou).any()


def test_built_in_suppression_drops_padding_and_sorts():
    rows = np.array(
        [[[1, 2, 3, 4, 0.3, 1], [5, 6, 7, 8, 0.9, 0], [0, 0, 0, 0, 0, 0], [1, 1, 2, np.nan, 1, 0]]], np.float32
    )
    found = heads.decode_yolo_nms(rows, 0.25, 10)
    assert found.class_ids.tolist() == [0, 1]
    assert found.boxes_xyxy.tolist() == [[5, 6, 7, 8], [1, 2, 3, 4]]


def test_logits_of_any_size_become_probabilities_that_add_up_to_one():
    found = heads.decode_logits(np.array([[1000.0, 1000.0, -1000.0]], np.float32))
    assert found.tolist() == [0.5, 0.5, 0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=40), st.floats(-20, 20, width=32))
def test_adding_a_constant_to_logits_changes_nothing(logits, constant):
    row = np.array([logits], np.float32)
    assert heads.decode_logits(row + np.float32(constant)) == pytest.approx(heads.decode_logits(row), abs=1e-4)


WRONG_SHAPES = [
    (lambda: heads.decode_yolo(np.zeros((1, 3, 8400), np.float32), 0.25, 0.7, 10), "fewer rows than a box has"),
    (lambda: heads.decode_yolo(np.zeros((2, 84, 10), np.float32), 0.25, 0.7, 10), "a batch of two"),
    (lambda: heads.decode_yolo(np.zeros((84, 10), np.float32), 0.25, 0.7, 10), "no batch axis"),
    (lambda: heads.decode_yolo_nms(np.zeros((1, 10, 7), np.float32), 0.25, 10), "seven columns"),
    (lambda: heads.decode_probabilities(np.zeros((1, 3, 7, 7), np.float32)), "a feature map"),
    (lambda: heads.decode_probabilities(np.zeros((1, 0), np.float32)), "no classes"),
    (lambda: heads.decode_probabilities(np.array([[np.nan, 1.0]], np.float32)), "not a number"),
    (lambda: heads.decode_logits(np.array([[np.inf, 1.0]], np.float32)), "infinite"),
    (lambda: heads.decode_logits(np.zeros((1, 0), np.float32)), "no logits"),
]


@pytest.mark.parametrize(("decode", "why"), WRONG_SHAPES, ids=[row[1] for row in WRONG_SHAPES])
def test_an_answer_of_another_shape_is_refused(decode, why):
    with pytest.raises(UnsupportedOutputs):
        decode()


def test_the_worst_image_costs_little_more_than_reading_its_scores():
    """All 8,400 anchors are candidates: a ratio against the plain pairwise table of them, never an absolute time."""
    from time import perf_counter

    output = crowd(5, 8400, 80, 8400)
    boxes = np.ascontiguousarray(output[0, :4].T)
    ours, table = [], []
    for _ in range(3):
        started = perf_counter()
        heads.decode_yolo(output, 0.25, 0.7, 300)
        ours.append(perf_counter() - started)
        started = perf_counter()
        for start in range(0, 8400, 840):
            box_iou(boxes[start : start + 840], boxes)
        table.append(perf_counter() - started)
    assert min(ours) < min(table) / 5
