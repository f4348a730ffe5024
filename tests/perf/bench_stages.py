"""What stands around the graph, each step alone: fitting a 720p picture, reading a head of 80 classes, twenty masks.

The peer is ultralytics' own function for each step, given the same arrays in turn, and its own thread count.
"""

import statistics
from collections.abc import Callable, Mapping

import cv2
import numpy as np
import torch
from ultralytics.data.augment import LetterBox
from ultralytics.utils.nms import non_max_suppression
from ultralytics.utils.ops import process_mask_native, scale_boxes

from registry.runtime.answers import AnswerReader
from registry.runtime.infer_card import infer_card
from registry.runtime.masks import instance_masks
from registry.runtime.onnx_session import OnnxSession
from registry.runtime.preprocess import preprocess
from registry.settings import PROJECT_ROOT
from tests.perf.bench_predict import photo_720p
from tests.perf.predict_loop import make_yolo11n_onnx
from tests.perf.report import Report, spread
from tests.perf.side_by_side import alternate, paired_ratio

BLOCKS = 40
MOST_MS = {"preprocess": 3.0, "postprocess": 3.0, "masks": 10.0}
_INSTANCES, _PROTOTYPES = 20, 32

Step = tuple[Callable[[], object], Callable[[], object]]


def main() -> Report:
    """Each step of ours beside the peer's; the ratio is the worst of them."""
    times = {name: alternate(*step, BLOCKS) for name, step in steps().items()}
    ratios = {name: paired_ratio(*each) for name, each in times.items()}
    return Report(
        name="stages",
        figures={name: spread(ours) for name, (ours, _) in times.items()} | {"ratios": ratios},
        baseline={name: spread(theirs) for name, (_, theirs) in times.items()},
        ratio=max(ratios.values()),
        bound=1.0,
        repeats=BLOCKS,
        limits={f"{name}_ms": (statistics.median(times[name][0]), most) for name, most in MOST_MS.items()},
    )


def steps() -> Mapping[str, Step]:
    """Ours and the peer's way through each step, on the same arrays."""
    network = make_yolo11n_onnx(PROJECT_ROOT / "build" / "bench" / "yolo11n-shaped.onnx").read_bytes()
    image_bgr = cv2.imdecode(np.frombuffer(photo_720p(), np.uint8), cv2.IMREAD_COLOR)
    card = infer_card(network)
    tensor, placement = preprocess(image_bgr, card.input)
    outputs = OnnxSession(network, 1).run(tensor)
    reader, box = AnswerReader(card), LetterBox((card.input.height, card.input.width), auto=True, stride=32)
    thresholds, shape_hw = reader.defaults, image_bgr.shape[:2]

    def peer_preprocess() -> object:
        fitted = torch.from_numpy(box(image=image_bgr)).unsqueeze(0)
        return fitted.permute(0, 3, 1, 2).contiguous().flip(1).float().div_(255)

    def peer_postprocess() -> object:
        (found,) = non_max_suppression(
            torch.from_numpy(outputs[0]), thresholds.confidence, thresholds.iou, max_det=thresholds.max_detections
        )
        return scale_boxes(tensor.shape[2:], found[:, :4], image_bgr.shape)

    prototypes, coefficients, boxes = scene(tensor.shape[2:], shape_hw)
    theirs = [torch.from_numpy(each) for each in (prototypes[0], coefficients, boxes)]
    return {
        "preprocess": (lambda: preprocess(image_bgr, card.input), peer_preprocess),
        "postprocess": (lambda: reader.read(outputs, placement, thresholds), peer_postprocess),
        "masks": (
            lambda: instance_masks(prototypes, coefficients, boxes, placement),
            lambda: process_mask_native(*theirs, shape_hw),
        ),
    }


def scene(network_hw: tuple[int, ...], source_hw: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Smooth prototypes, coefficients, and boxes from a twentieth to half of a picture's sides."""
    chance = np.random.default_rng(7)
    coarse = chance.normal(size=(_PROTOTYPES, 12, 20)).astype(np.float32)
    size_wh = (network_hw[1] // 4, network_hw[0] // 4)
    prototypes = np.stack([cv2.resize(each, size_wh, interpolation=cv2.INTER_CUBIC) for each in coarse])[np.newaxis]
    coefficients = chance.normal(size=(_INSTANCES, _PROTOTYPES)).astype(np.float32)
    source_wh = np.array(source_hw[::-1], np.float32)
    sides = chance.uniform(0.05, 0.5, (_INSTANCES, 2)) * source_wh
    corners = chance.uniform(0, 1, (_INSTANCES, 2)) * (source_wh - sides)
    return prototypes, coefficients, np.concatenate([corners, corners + sides], axis=1).astype(np.float32)
