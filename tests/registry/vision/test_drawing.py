"""Drawings are new pictures of the right size, with marks where the objects are."""

import numpy as np
import pytest
import supervision as sv

from registry.runtime.prediction import ClassScore, Prediction, TextLine
from registry.vision.drawing import draw


def _grey(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def _detections(boxes: list[list[float]], labels: list[str] | None = None) -> sv.Detections:
    names = labels or ["thing"] * len(boxes)
    return sv.Detections(
        xyxy=np.array(boxes, np.float32).reshape(-1, 4),
        confidence=np.linspace(0.9, 0.5, len(boxes), dtype=np.float32),
        class_id=np.arange(len(boxes)),
        data={"class_name": np.array(names)},
    )


def _predict(image: np.ndarray, **answer: object) -> Prediction:
    return Prediction(image.shape[1], image.shape[0], **answer)  # type: ignore[arg-type]


@pytest.mark.parametrize(("width", "height"), [(640, 427), (4000, 3000), (320, 64), (1, 5000)])
def test_a_picture_keeps_its_size_and_the_source_is_not_touched(width: int, height: int) -> None:
    image = _grey(width, height)
    drawn = draw(image, _predict(image, detections=_detections([[0, 0, width * 0.5, height * 0.5]])))
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert drawn.flags.c_contiguous
    assert (image == 128).all()


@pytest.mark.parametrize(("width", "height"), [(32, 24), (1, 1), (100, 319)])
def test_a_tiny_picture_is_enlarged_by_a_whole_factor(width: int, height: int) -> None:
    drawn = draw(_grey(width, height), _predict(_grey(width, height), detections=_detections([])))
    factor = drawn.shape[1] // width
    assert drawn.shape[:2] == (height * factor, width * factor)
    assert max(drawn.shape[:2]) >= 320


def test_a_box_is_drawn_where_the_object_is_in_rgb() -> None:
    image = _grey(640, 480)
    drawn = draw(image, _predict(image, detections=_detections([[100, 200, 300, 400]])))
    assert tuple(drawn[300, 100]) == (0x3A, 0x57, 0xE8)  # the palette's first colour, red first
    assert tuple(drawn[450, 500]) == (128, 128, 128)


def test_a_small_box_lies_above_a_large_one() -> None:
    image = _grey(640, 480)
    drawn = draw(image, _predict(image, detections=_detections([[300, 200, 340, 240], [300, 100, 640, 480]])))
    assert tuple(drawn[230, 300]) == (0x3A, 0x57, 0xE8)


@pytest.mark.parametrize("label", ["", "größe", "塔 дом", "x" * 500, "%s {} \n"])
def test_any_label_can_be_drawn(label: str) -> None:
    image = _grey(640, 480)
    draw(image, _predict(image, detections=_detections([[10, 10, 90, 90]], [label])))
    draw(image, _predict(image, classes=(ClassScore(0, label, 0.5),)))


def test_hundreds_of_boxes_leave_the_picture_visible() -> None:
    boxes = [[x, y, x + 30, y + 30] for x in range(0, 640, 32) for y in range(0, 480, 32)]
    image = _grey(640, 480)
    drawn = draw(image, _predict(image, detections=_detections(boxes)))
    assert (drawn == 128).all(axis=2).mean() > 0.3


def test_boxes_without_class_or_score_are_drawn() -> None:
    image = _grey(640, 480)
    bare = sv.Detections(xyxy=np.array([[10, 10, 90, 90]], np.float32))
    assert (draw(image, _predict(image, detections=bare)) != 128).any()


def test_lines_of_text_are_outlined() -> None:
    image = _grey(640, 480)
    corners = ((100.0, 100.0), (300.0, 110.0), (300.0, 150.0), (100.0, 140.0))
    drawn = draw(image, _predict(image, lines=(TextLine("hello", 0.9, (100, 100, 300, 150), corners),)))
    assert (drawn[125, 200] != 128).any()
    assert (drawn[300, 200] == 128).all()


def test_an_answer_with_nothing_in_it_is_the_picture_itself() -> None:
    image = _grey(640, 480)
    for answer in ({"detections": sv.Detections.empty()}, {"classes": ()}, {"lines": ()}):
        assert (draw(image, _predict(image, **answer)) == 128).all()


def test_a_mask_tints_its_pixels_and_no_others() -> None:
    image = _grey(640, 480)
    mask = np.zeros((1, 480, 640), bool)
    mask[0, 200:300, 100:200] = True
    found = _detections([[100, 200, 400, 400]])
    found.mask = sv.CompactMask.from_dense(mask, found.xyxy, image_shape=(480, 640))
    drawn = draw(image, _predict(image, detections=found))
    assert (drawn[250, 150] != 128).any()
    assert (drawn[350, 300] == 128).all()


def test_a_mask_grows_with_a_tiny_picture() -> None:
    image = _grey(32, 32)
    found = _detections([[8, 8, 24, 24]])
    mask = np.zeros((1, 32, 32), bool)
    mask[0, 8:24, 8:24] = True
    found.mask = sv.CompactMask.from_dense(mask, found.xyxy, image_shape=(32, 32))
    drawn = draw(image, _predict(image, detections=found))
    assert (drawn[160, 160] != 128).any()
    assert (drawn[20, 300] == 128).all()


@pytest.mark.parametrize(("points", "bones"), [(17, True), (5, False)])
def test_a_pose_has_its_points_and_for_cocos_17_its_skeleton(points: int, bones: bool) -> None:
    image = _grey(640, 480)
    found = _detections([[0, 0, 639, 479]])
    keypoints = np.ones((1, points, 3), np.float32)
    keypoints[0, :, 0] = np.linspace(40, 600, points)
    keypoints[0, :, 1] = 240
    keypoints[0, 0, 1], keypoints[0, 1, 2] = 100, 0.1
    found.data["keypoints"] = keypoints
    drawn = draw(image, _predict(image, detections=found))
    assert tuple(drawn[100, 40]) == (0x12, 0xA5, 0x94)
    assert (drawn == (0xE0, 0xB1, 0x00)).all(axis=2).any() == bones
    assert tuple(drawn[240, round(40 + 560 / (points - 1))]) != (0x12, 0xA5, 0x94), "a hidden point is not drawn"
