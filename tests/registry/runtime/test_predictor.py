"""Predictor: known answers from tiny graphs, the contract between graph and card, cards made from graphs."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from registry.errors import ImageTooLarge, InvalidCard, InvalidImage, InvalidInput, InvalidModel, UnsupportedOutputs
from registry.runtime.card import Decoder, InputSpec, ModelCard, Task
from registry.runtime.infer_card import infer_card
from registry.runtime.loading import load
from registry.runtime.prediction import TIMING_STAGES
from registry.runtime.predictor import Predictor
from registry.testing import onnx_models as tiny

RED, BLUE = (0, 0, 255), (255, 0, 0)


def scene(width: int = 64, height: int = 64) -> np.ndarray:
    """Black, with a pure red cell at (40, 16) and a dimmer blue one at (0, 0)."""
    image = np.zeros((height, width, 3), np.uint8)
    image[16:24, 40:48] = RED
    image[0:8, 0:8] = (204, 0, 0)
    return image


DETECTORS = [
    (tiny.blob_detector(), tiny.BLOB_CARD, "fixed size"),
    (tiny.blob_detector(0), tiny.BLOB_DYNAMIC_CARD, "free size"),
    (tiny.blob_detector_with_nms(), tiny.BLOB_NMS_CARD, "suppression inside"),
]


@pytest.mark.parametrize(("model", "card", "why"), DETECTORS, ids=[row[2] for row in DETECTORS])
def test_a_detector_finds_the_two_blobs(model, card, why):
    prediction = Predictor(model, card).predict(scene())
    found = prediction.to_dict()["detections"]
    assert [(row["label"], row["box"]) for row in found] == [("red", [40, 16, 48, 24]), ("blue", [0, 0, 8, 8])]
    assert [row["score"] for row in found] == pytest.approx([1.0, 0.8], abs=1e-5)
    assert prediction.detections.data["class_name"].tolist() == ["red", "blue"]


def test_boxes_are_in_the_pixels_of_the_source():
    """A picture four times as large, letterboxed down to the network, answers four times as large."""
    large = np.zeros((256, 512, 3), np.uint8)
    large[64:128, 128:192] = RED
    for model, card, _ in DETECTORS[:2]:
        boxes = Predictor(model, card).predict(large).detections.xyxy
        assert boxes.tolist() == [[128, 64, 192, 128]]


def test_an_image_without_blobs_answers_no_detections():
    prediction = Predictor(tiny.blob_detector(), tiny.BLOB_CARD).predict(np.zeros((40, 90, 3), np.uint8))
    assert prediction.to_dict()["detections"] == []
    assert (prediction.width, prediction.height) == (90, 40)


@pytest.mark.parametrize(
    ("asked", "found", "why"),
    [
        ({}, 2, "the card's thresholds"),
        ({"confidence": 0.9}, 1, "a higher confidence"),
        ({"max_detections": 1}, 1, "the best one only"),
        ({"confidence": 0.0}, 2, "black cells score 0, which is not above 0"),
        ({"confidence": 1.0}, 0, "nothing is above 1"),
    ],
)
def test_a_request_may_choose_its_thresholds(asked, found, why):
    for model, card, _ in DETECTORS:
        assert len(Predictor(model, card).predict(scene(), **asked).detections) == found, why


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"confidence": 1.5}, "confidence"),
        ({"iou": -0.1}, "iou"),
        ({"max_detections": 0}, "max_detections"),
        ({"confidence": float("nan")}, "confidence"),
        ({"max_detections": 10**9}, "max_detections"),
    ],
)
def test_a_threshold_out_of_bounds_is_refused_by_name(asked, names):
    with pytest.raises(InvalidInput, match=names):
        Predictor(tiny.blob_detector(), tiny.BLOB_CARD).predict(scene(), **asked)


@pytest.mark.parametrize(("softmax", "card"), [(True, tiny.COLOUR_CARD), (False, tiny.COLOUR_LOGITS_CARD)])
def test_a_classifier_answers_classes_by_probability(softmax, card):
    predictor = Predictor(tiny.colour_classifier(softmax=softmax), card)
    green = np.full((50, 90, 3), (10, 200, 30), np.uint8)
    classes = predictor.predict(green).classes
    weights = np.exp(np.array([30, 200, 10]) / 255 * 10)
    assert [each.label for each in classes] == ["green", "red", "blue"]
    assert [each.score for each in classes] == pytest.approx((weights / weights.sum())[[1, 0, 2]], abs=1e-5)
    assert len(predictor.predict(green, max_detections=2).classes) == 2
    assert len(predictor.predict(green, confidence=0.5).classes) == 1
    assert len(predictor.predict(green, confidence=1.0).classes) == 1, "the best class is always answered"


def test_bytes_are_decoded_and_every_stage_is_timed():
    data = cv2.imencode(".png", scene())[1].tobytes()
    prediction = Predictor(tiny.blob_detector(), tiny.BLOB_CARD).predict_bytes(data)
    assert len(prediction.detections) == 2
    timing = prediction.timing_ms
    assert set(timing) == set(TIMING_STAGES)
    stages = sum(timing[name] for name in ("decode", "preprocess", "inference", "postprocess"))
    assert timing["total"] == pytest.approx(stages)
    assert all(timing[name] > 0 for name in ("decode", "preprocess", "inference", "postprocess"))


def test_what_is_no_image_is_refused_before_the_graph_runs():
    predictor = Predictor(tiny.blob_detector(), tiny.BLOB_CARD)
    with pytest.raises(InvalidImage):
        predictor.predict_bytes(b"hello")
    with pytest.raises(InvalidImage):
        predictor.predict(np.zeros((4, 4), np.uint8))
    with pytest.raises(ImageTooLarge):
        predictor.predict_bytes(cv2.imencode(".png", scene())[1].tobytes(), max_pixels=100)


def test_the_callers_image_is_left_as_it_was():
    image = scene()
    before = image.copy()
    Predictor(tiny.blob_detector(), tiny.BLOB_CARD).predict(image)
    assert np.array_equal(image, before)


def test_threads_share_a_predictor_and_each_gets_its_own_answer():
    predictor = Predictor(tiny.blob_detector(0), tiny.BLOB_DYNAMIC_CARD)

    def find(index: int) -> tuple[list[float], list[float]]:
        factor, row = 1 + index % 3, 8 * (index % 8)
        image = np.zeros((64 * factor, 64 * factor, 3), np.uint8)
        image[row * factor : (row + 8) * factor, : 8 * factor] = RED
        expected = [0, row * factor, 8 * factor, (row + 8) * factor]
        return predictor.predict(image).detections.xyxy[0].tolist(), expected

    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found, expected in pool.map(find, range(200)))


def test_a_predictor_warms_up_on_an_image_of_the_cards_size():
    for model, card, _ in DETECTORS:
        Predictor(model, card).warm_up()
    Predictor(tiny.colour_classifier(), tiny.COLOUR_CARD).warm_up()


def card_with(card: ModelCard, **changes: object) -> ModelCard:
    return ModelCard.model_validate(card.model_dump() | changes)


def spec(**changes: object) -> InputSpec:
    return InputSpec.model_validate({"height": 64, "width": 64, "stride": 8} | changes)


@dataclass
class Mismatch:
    model: bytes
    card: ModelCard
    error: type[Exception]
    says: str


MISMATCHES = {
    "another size": Mismatch(
        tiny.blob_detector(), card_with(tiny.BLOB_CARD, input=spec(width=128)), InvalidModel, "128"
    ),
    "gray for colour": Mismatch(
        tiny.blob_detector(), card_with(tiny.BLOB_CARD, input=spec(colour="gray")), InvalidModel, "1 channels"
    ),
    "dynamic for fixed": Mismatch(
        tiny.blob_detector(), card_with(tiny.BLOB_CARD, input=spec(dynamic=True)), InvalidModel, "fixes it"
    ),
    "one label too many": Mismatch(
        tiny.blob_detector(), card_with(tiny.BLOB_CARD, labels=list("abcd")), UnsupportedOutputs, "4 labels"
    ),
    "suppressed for raw": Mismatch(tiny.blob_detector_with_nms(), tiny.BLOB_CARD, UnsupportedOutputs, r"\(1, 10, 6\)"),
    "raw for suppressed": Mismatch(tiny.blob_detector(), tiny.BLOB_NMS_CARD, UnsupportedOutputs, r"\(1, n, 6\)"),
    "a classifier for a detector": Mismatch(
        tiny.colour_classifier(64), tiny.BLOB_CARD, UnsupportedOutputs, r"probabilities float \(1, 3\)"
    ),
    "two outputs": Mismatch(tiny.model_with_outputs((1, 7, 64), 2), tiny.BLOB_CARD, UnsupportedOutputs, "output1"),
    "a decoder of another task": Mismatch(
        tiny.blob_detector(), card_with(tiny.BLOB_CARD, task="classify"), InvalidCard, "answers task detect"
    ),
    "no ONNX at all": Mismatch(b"PK\x03\x04", tiny.BLOB_CARD, InvalidModel, "not an ONNX file"),
}


@pytest.mark.parametrize("name", MISMATCHES)
def test_a_graph_that_does_not_fit_its_card_is_refused_at_once(name):
    case = MISMATCHES[name]
    with pytest.raises(case.error, match=case.says):
        Predictor(case.model, case.card)


def test_a_class_beyond_the_labels_is_an_error_and_not_a_wrong_name():
    card = card_with(tiny.BLOB_NMS_CARD, labels=["red"])
    with pytest.raises(UnsupportedOutputs, match="class 2"):
        Predictor(tiny.blob_detector_with_nms(), card).predict(scene())


def test_a_card_without_labels_numbers_its_classes():
    card = card_with(tiny.BLOB_CARD, labels=[])
    assert Predictor(tiny.blob_detector(), card).predict(scene()).detections.data["class_name"][0] == "class 0"


def test_load_picks_by_decoder_and_takes_bytes_or_paths(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny.blob_detector())
    assert len(load({"model.onnx": path}, tiny.BLOB_CARD).predict(scene()).detections) == 2
    assert load({"model.onnx": tiny.colour_classifier()}, tiny.COLOUR_CARD).card is tiny.COLOUR_CARD
    with pytest.raises(InvalidModel, match=r"needs model.onnx; there is weights.bin"):
        load({"weights.bin": b""}, tiny.BLOB_CARD)


ULTRALYTICS = {"task": "detect", "names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "8", "imgsz": "[64, 64]"}


def test_a_card_is_read_from_the_exporters_metadata():
    card = infer_card(tiny.blob_detector(0, metadata=ULTRALYTICS))
    assert (card.task, card.decoder, card.labels) == (Task.DETECT, Decoder.YOLO, ("red", "green", "blue"))
    assert card.input == InputSpec(height=64, width=64, dynamic=True, stride=8)
    assert "metadata" in card.description


INFERRED = [
    (tiny.blob_detector(), Decoder.YOLO, 3, "anchors of stride 8"),
    (tiny.blob_detector_with_nms(), Decoder.YOLO_NMS, 0, "six columns"),
    (tiny.blob_detector_with_nms(metadata=ULTRALYTICS), Decoder.YOLO_NMS, 3, "six columns and labels"),
    (
        tiny.model_with_outputs((1, 7, 6), metadata=ULTRALYTICS | {"args": "{'nms': True}"}),
        Decoder.YOLO_NMS,
        3,
        "7 is 4 + 3 too",
    ),
    (tiny.colour_classifier(), Decoder.PROBABILITIES, 3, "ends in a softmax"),
    (tiny.colour_classifier(softmax=False), Decoder.LOGITS, 3, "ends in none"),
    (tiny.model_with_outputs((1, 84, 84)), Decoder.YOLO, 80, "anchors of strides 8, 16 and 32"),
]


@pytest.mark.parametrize(("model", "decoder", "labels", "why"), INFERRED, ids=[row[3] for row in INFERRED])
def test_a_card_is_derived_from_the_graph_and_runs_it(model, decoder, labels, why):
    card = infer_card(model)
    assert (card.decoder, len(card.labels)) == (decoder, labels)
    Predictor(model, card).warm_up()


def test_a_derived_classifier_says_what_was_assumed():
    card = infer_card(tiny.colour_classifier())
    assert card.input.mean == (0.485, 0.456, 0.406)
    assert "please check" in card.description
    assert card.labels[0] == "class 0"


NOT_SERVED = [
    (tiny.model_with_outputs((1, 25_200, 85)), r"\(1, 25200, 85\)", "YOLOv5's layout"),
    (tiny.model_with_outputs((1, 100, 7)), r"\(1, 100, 7\)", "SSD's layout"),
    (tiny.model_with_outputs((1, 3, 8, 8)), r"\(1, 3, 8, 8\)", "a feature map"),
    (tiny.model_with_outputs((1, 116, 84), 2), "found 2: output0, output1", "boxes and masks"),
    (tiny.model_with_outputs((7,)), r"\(7\)", "a vector"),
    (tiny.blob_detector(metadata=ULTRALYTICS | {"task": "segment"}), "segment", "a task that is not served"),
]


@pytest.mark.parametrize(("model", "says", "why"), NOT_SERVED, ids=[row[2] for row in NOT_SERVED])
def test_a_graph_that_no_decoder_reads_gets_no_card(model, says, why):
    with pytest.raises(UnsupportedOutputs, match=says):
        infer_card(model)


@pytest.mark.parametrize(
    "names",
    ["{0: 'a'", "__import__('os')", "[" * 5000, "{'a': 'b'}", "{-1: 'x'}", "{900000000: 'x'}", "7", "()"],
)
def test_labels_that_do_not_parse_count_as_absent(names):
    card = infer_card(tiny.blob_detector(metadata=ULTRALYTICS | {"names": names}))
    assert card.labels == ("class 0", "class 1", "class 2")


def test_gaps_and_long_names_in_the_metadata_become_usable_labels():
    names = str({0: " ", 2: "x" * 500})
    assert infer_card(tiny.blob_detector(metadata=ULTRALYTICS | {"names": names})).labels == (
        "class 0",
        "class 1",
        "x" * 120,
    )


def test_a_dynamic_card_must_name_a_multiple_of_its_stride():
    with pytest.raises(InvalidCard, match="multiple of stride 32"):
        ModelCard.parse('{"task": "detect", "decoder": "yolo", "input": {"dynamic": true, "width": 650}}')
