"""Segmenting by prompt: a tiny pair whose masks numpy can work out."""

import cv2
import numpy as np
import pytest

from registry.errors import InvalidCard, InvalidInput, InvalidModel, UnsupportedOutputs
from registry.runtime.loading import load
from registry.runtime.predictor import Predictor
from registry.runtime.prompt_segmenter import KEPT_IMAGES, PromptSegmenter
from registry.runtime.prompts import Prompts
from registry.testing import onnx_models as tiny
from registry.testing.prompt_models import CELL, PROMPT_CARD, SIDE, colour_decoder, colour_encoder

PAIR = {"encoder.onnx": colour_encoder(), "decoder.onnx": colour_decoder()}


@pytest.fixture
def segmenter() -> PromptSegmenter:
    return PromptSegmenter(PAIR, PROMPT_CARD)


def scene() -> np.ndarray:
    """64 wide, 32 high: a red and a blue rectangle on black, all on the grid of cells."""
    image = np.zeros((32, 64, 3), np.uint8)
    image[8:20, 12:32] = (0, 0, 255)
    image[4:28, 40:56] = (255, 0, 0)
    return image


def expected(image: np.ndarray, x: int, y: int) -> np.ndarray:
    """What the pair is documented to do, in numpy."""
    padded = np.zeros((SIDE, SIDE, 3), np.float32)
    padded[: image.shape[0], : image.shape[1]] = image / 255
    cells = padded.reshape(SIDE // CELL, CELL, SIDE // CELL, CELL, 3).mean(axis=(1, 3))
    logits = 0.5 - np.abs(cells - cells[y // CELL, x // CELL]).max(axis=2)
    return (cv2.resize(logits, (SIDE, SIDE)) > 0)[: image.shape[0], : image.shape[1]]


@pytest.mark.parametrize(("x", "y"), [(20, 12), (45, 20), (2, 2)])
def test_a_point_answers_the_object_under_it(segmenter, x, y):
    detections = segmenter.segment(scene(), Prompts(points=[(x, y)])).detections
    (mask,) = np.asarray(detections.mask)
    assert np.array_equal(mask, expected(scene(), x, y))
    rows, columns = np.nonzero(mask)
    assert detections.xyxy.tolist() == [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]
    assert detections.confidence.tolist() == [0.5]


def test_every_box_is_an_object_and_the_points_together_are_one(segmenter):
    prompts = Prompts(points=[(20, 12), (24, 12), (45, 20, 0)], boxes=[(41, 5, 55, 27), (13, 9, 31, 19)])
    rows = segmenter.segment(scene(), prompts).to_dict()["detections"]
    assert [row["score"] for row in rows] == [0.75, 0.75, 0.5], "the labels of corners and points arrive"
    assert [row["box"][0] for row in rows] == [40, 12, 12]
    assert rows[1]["mask"] == rows[2]["mask"]
    assert len(segmenter.segment(scene(), prompts, confidence=0.6).detections) == 2


def test_masks_lie_in_the_pixels_of_a_larger_source(segmenter):
    large = cv2.resize(scene(), None, fx=5, fy=5, interpolation=cv2.INTER_NEAREST)
    (mask,) = np.asarray(segmenter.segment(large, Prompts(points=[(100, 60)])).detections.mask)
    wanted = large[..., 2] > 0
    assert mask.shape == wanted.shape
    assert (mask & wanted).sum() / (mask | wanted).sum() > 0.95


def test_an_image_is_encoded_once_and_the_oldest_is_let_go(segmenter, monkeypatch):
    encoded = []
    run = segmenter._encoder.run
    monkeypatch.setattr(segmenter._encoder, "run", lambda tensor: encoded.append(1) or run(tensor))
    for x in (20, 45, 2):
        segmenter.segment(scene(), Prompts(points=[(x, 12)]))
    assert len(encoded) == 1
    for shade in range(KEPT_IMAGES):
        segmenter.segment(np.full((8, 8, 3), shade, np.uint8), Prompts(points=[(1, 1)]))
    segmenter.segment(scene(), Prompts(points=[(20, 12)]))
    assert len(encoded) == 1 + KEPT_IMAGES + 1


WRONG = [
    ({}, "nothing"),
    ({"points": [(1,)]}, "half a point"),
    ({"points": [(1, 2, 5)]}, "a label that is none"),
    ({"points": [(1, 2, 0)]}, "only beside"),
    ({"points": [(float("nan"), 2)]}, "not a number"),
    ({"boxes": [(5, 5, 5, 9)]}, "a box without width"),
    ({"points": [(1, 1)] * 65}, "too many"),
]


@pytest.mark.parametrize(("given", "why"), WRONG, ids=[row[1] for row in WRONG])
def test_a_prompt_that_is_none_is_refused(given, why):
    with pytest.raises(InvalidInput):
        Prompts(**given)


def test_prompts_and_models_go_together(segmenter):
    with pytest.raises(InvalidInput, match="points or boxes"):
        segmenter.predict(scene())
    with pytest.raises(InvalidInput, match="task detect"):
        Predictor(tiny.blob_detector(), tiny.BLOB_CARD).segment(scene(), Prompts(points=[(1, 1)]))


def test_a_pair_that_is_none_is_refused():
    with pytest.raises(InvalidModel, match=r"missing: decoder\.onnx"):
        load({"encoder.onnx": PAIR["encoder.onnx"]}, PROMPT_CARD)
    with pytest.raises(UnsupportedOutputs, match="point_coords"):
        load(PAIR | {"decoder.onnx": tiny.blob_detector()}, PROMPT_CARD)
    with pytest.raises(InvalidCard, match="segment-by-prompt"):
        load(PAIR, PROMPT_CARD.model_copy(update={"task": "detect"}))
    load(PAIR, PROMPT_CARD).warm_up()
