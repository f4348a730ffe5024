"""The same network through Ultralytics and through ours: the same boxes, one to one.

YOLO11n's architecture with seeded weights is exported once into build/; the answers of `YOLO(onnx).predict` are
the reference. The plain loop of tests/perf is held to the same reference, or the benchmark would compare apples.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest

from registry.runtime.infer_card import infer_card
from registry.runtime.predictor import Predictor

ROOT = Path(__file__).parents[3]
DIGITS = ROOT / "data" / "starter" / "digit-detector" / "model.onnx"
ultralytics = pytest.importorskip("ultralytics")

VARIANTS = {
    "dynamic": {"dynamic": True, "nms": False},
    "static": {"dynamic": False, "nms": False},
    "dynamic-nms": {"dynamic": True, "nms": True},
    "static-nms": {"dynamic": False, "nms": True},
}
CONFIDENCE = {"dynamic": (0.25, 0.05), "static": (0.25, 0.05), "dynamic-nms": (0.25,), "static-nms": (0.25,)}


def matched(ours: np.ndarray, reference: np.ndarray) -> int:
    """Rows (x1, y1, x2, y2, score, class) of ours with a reference row of their own within 1 px and 0.001."""
    free, count = np.ones(len(reference), bool), 0
    for row in ours:
        near = (np.abs(reference[:, :4] - row[:4]).max(axis=1) <= 1) & (np.abs(reference[:, 4] - row[4]) <= 1e-3)
        candidates = np.flatnonzero(near & (reference[:, 5] == row[5]) & free)
        if len(candidates):
            free[candidates[0]] = False
            count += 1
    return count


def compare(path: Path, images: dict[str, np.ndarray], confidences: tuple[float, ...], least: int) -> tuple[int, int]:
    """Matched and all detections over every image; asserts that there are at least `least` of them."""
    data = path.read_bytes()
    predictor = Predictor(data, infer_card(data), threads=2)
    peer = ultralytics.YOLO(path, task="detect")
    agreed, total = 0, 0
    for image in images.values():
        for confidence in confidences:
            result = peer.predict(image, conf=confidence, iou=0.7, max_det=300, verbose=False, device="cpu")[0]
            reference = result.boxes.data.numpy()
            found = predictor.predict(image, confidence=confidence, iou=0.7, max_detections=300).detections
            ours = np.column_stack([found.xyxy, found.confidence, found.class_id])
            agreed += matched(ours, reference)
            total += max(len(ours), len(reference))
    assert total >= least, "too few detections to say anything"
    return agreed, total


@pytest.mark.parametrize(
    "variant", ["dynamic", *(pytest.param(name, marks=pytest.mark.slow) for name in list(VARIANTS)[1:])]
)
def test_yolo11n_answers_the_same_boxes(variant, perf_loop, images, capsys):
    path = perf_loop.make_yolo11n_onnx(ROOT / "build" / f"yolo11n-{variant}.onnx", **VARIANTS[variant])
    agreed, total = compare(path, images, CONFIDENCE[variant], least=300)
    with capsys.disabled():
        print(f" [{variant}: {agreed} of {total} agree]", end="")
    assert agreed >= 0.99 * total


@pytest.mark.skipif(not DIGITS.exists(), reason="the starter detector is made by `dvc repro`")
def test_the_digit_detector_answers_the_same_boxes(images):
    sample = sorted((DIGITS.parent).glob("**/*.jpg")) + sorted((DIGITS.parent).glob("**/*.png"))
    data = DIGITS.read_bytes()
    predictor = Predictor(data, infer_card(data), threads=2)
    peer = ultralytics.YOLO(DIGITS, task="detect")
    pictures = [cv2.imread(str(path)) for path in sample[:8]] or list(images.values())
    agreed, total = 0, 0
    for image in pictures:
        result = peer.predict(image, conf=0.05, iou=0.7, imgsz=predictor.card.input.width, verbose=False, device="cpu")
        reference = result[0].boxes.data.numpy()
        found = predictor.predict(image, confidence=0.05, iou=0.7).detections
        agreed += matched(np.column_stack([found.xyxy, found.confidence, found.class_id]), reference)
        total += max(len(found), len(reference))
    assert agreed >= 0.99 * total


def test_the_plain_loop_of_the_benchmark_answers_the_same_boxes(perf_loop):
    path = perf_loop.make_yolo11n_onnx(ROOT / "build" / "yolo11n-dynamic.onnx")
    loop = perf_loop.PredictLoop(path)
    data = path.read_bytes()
    predictor = Predictor(data, infer_card(data), threads=2)
    for name in ("bus.jpg", "zidane.jpg"):
        jpeg = (Path(ultralytics.utils.ASSETS) / name).read_bytes()
        rows = np.array([[*row["box"], row["score"], row["class_id"]] for row in loop(jpeg)])
        found = predictor.predict_bytes(jpeg).detections
        ours = np.column_stack([found.xyxy, found.confidence, found.class_id])
        assert matched(ours, rows) >= 0.99 * max(len(ours), len(rows)) > 0


def test_yolo11n_cls_answers_the_same_probabilities(perf_loop, images):
    """Resize, crop, normalisation and softmax: the same five classes, best first, for every proportion."""
    path = perf_loop.make_yolo11n_onnx(ROOT / "build" / "yolo11n-cls.onnx", dynamic=False, architecture="yolo11n-cls")
    data = path.read_bytes()
    predictor = Predictor(data, infer_card(data), threads=2)
    peer = ultralytics.YOLO(path, task="classify")
    for name, image in images.items():
        reference = peer.predict(image, verbose=False, device="cpu", imgsz=224)[0].probs.data.numpy()
        found = predictor.predict(image).classes
        assert found[0].score > 0.01, "a spread that says something about a thousand classes"
        assert [each.score for each in found] == pytest.approx(np.sort(reference)[::-1][:5], abs=0.002), name
        assert all(each.score == pytest.approx(reference[each.class_id], abs=0.002) for each in found), name
