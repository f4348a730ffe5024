"""How far two answers about one picture agree."""

import numpy as np
import pytest
import supervision as sv

from registry.errors import InvalidInput
from registry.runtime.answer_diff import ClassDiff, FoundDiff, VectorDiff, compare_answers
from registry.runtime.prediction import ClassScore, Prediction, TextLine

Box = tuple[float, float, float, float]
A, NEAR_A, B, FAR = (0, 0, 10, 10), (1, 0, 11, 10), (20, 20, 30, 30), (50, 50, 60, 60)


def found(*objects: tuple[Box, str, float]) -> Prediction:
    if not objects:
        return Prediction(64, 64, detections=sv.Detections.empty())
    boxes, names, scores = zip(*objects, strict=True)
    detections = sv.Detections(
        np.array(boxes, np.float32), confidence=np.array(scores, np.float32), class_id=np.arange(len(boxes))
    )
    detections.data["class_name"] = np.array(names)
    return Prediction(64, 64, detections=detections)


CASES = [
    ("the same", [(A, "cat", 0.9)], [(A, "cat", 0.9)], (1, 0, 0, 0)),
    ("a little aside", [(A, "cat", 0.9)], [(NEAR_A, "cat", 0.8)], (1, 0, 0, 0)),
    ("another name", [(A, "cat", 0.9)], [(A, "dog", 0.9)], (0, 1, 0, 0)),
    ("missed and new", [(A, "cat", 0.9), (B, "cat", 0.5)], [(A, "cat", 0.9), (FAR, "cat", 0.5)], (1, 0, 1, 1)),
    ("nothing at all", [], [], (0, 0, 0, 0)),
    ("nothing on the right", [(A, "cat", 0.9)], [], (0, 0, 1, 0)),
    ("two for one", [(A, "cat", 0.9)], [(A, "cat", 0.9), (NEAR_A, "cat", 0.8)], (1, 0, 0, 1)),
    ("the name counts before the overlap", [(A, "cat", 0.9)], [(A, "dog", 0.9), (NEAR_A, "cat", 0.8)], (1, 0, 0, 1)),
]


@pytest.mark.parametrize(("why", "left", "right", "counts"), CASES, ids=[case[0] for case in CASES])
def test_objects_are_matched_by_place_and_name(
    why: str, left: list[tuple[Box, str, float]], right: list[tuple[Box, str, float]], counts: tuple[int, ...]
) -> None:
    diff = compare_answers(found(*left), found(*right))
    assert isinstance(diff, FoundDiff)
    told = diff.to_dict()
    assert (told["same"], told["renamed"], told["only_left"], told["only_right"]) == counts, why
    assert diff.differences == sum(counts[1:])
    back = compare_answers(found(*right), found(*left)).to_dict()
    assert (back["same"], back["renamed"], back["only_right"], back["only_left"]) == counts, "mirrored"


def test_the_overlap_and_the_shift_of_scores_are_means_over_the_pairs() -> None:
    diff = compare_answers(found((A, "cat", 0.9), (B, "cat", 0.5)), found((NEAR_A, "cat", 0.7), (B, "cat", 0.6)))
    assert isinstance(diff, FoundDiff)
    assert diff.mean_iou == pytest.approx((9 / 11 + 1) / 2)
    assert diff.score_shift == pytest.approx((-0.2 + 0.1) / 2)


def test_lines_are_the_same_when_they_read_the_same() -> None:
    def read(*texts: str) -> Prediction:
        return Prediction(64, 64, lines=tuple(TextLine(text, 0.9, A, ()) for text in texts))

    diff = compare_answers(read("GATE 3"), read("GATE 8"))
    assert isinstance(diff, FoundDiff)
    assert (diff.same, diff.renamed) == ((), ((0, 0),))
    assert compare_answers(read("GATE 3"), read("GATE 3")).differences == 0


def test_classes_agree_when_the_best_is_the_same() -> None:
    def ranked(**scores: float) -> Prediction:
        return Prediction(64, 64, classes=tuple(ClassScore(0, label, score) for label, score in scores.items()))

    diff = compare_answers(ranked(three=0.8, eight=0.2), ranked(three=0.6, five=0.4))
    assert isinstance(diff, ClassDiff)
    assert diff.same_best
    assert diff.rows == (("three", 0.8, 0.6), ("eight", 0.2, None), ("five", None, 0.4))
    assert compare_answers(ranked(three=0.8), ranked(eight=0.6)).differences == 1


def test_vectors_agree_when_they_point_the_same_way() -> None:
    def vector(*values: float) -> Prediction:
        return Prediction(64, 64, embedding=np.array(values, np.float32))

    diff = compare_answers(vector(1, 0), vector(0.6, 0.8))
    assert isinstance(diff, VectorDiff)
    assert diff.cosine == pytest.approx(0.6)
    assert diff.differences == 1
    assert compare_answers(vector(1, 0), vector(1, 0)).differences == 0
    assert compare_answers(vector(1, 0), vector(1, 0, 0)).to_dict() == {"cosine": None, "differences": 1}


def test_answers_of_two_kinds_are_not_compared() -> None:
    with pytest.raises(InvalidInput, match="different kinds"):
        compare_answers(found((A, "cat", 0.9)), Prediction(64, 64, classes=(ClassScore(0, "cat", 1.0),)))
