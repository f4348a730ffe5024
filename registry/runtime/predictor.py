"""One ONNX graph with its card: images in, predictions out."""

from collections.abc import Sequence
from time import perf_counter

import numpy as np
import numpy.typing as npt
import supervision as sv

from registry.errors import UnsupportedOutputs
from registry.runtime import heads
from registry.runtime.card import Decoder, ModelCard, Task, Thresholds
from registry.runtime.contract import check_contract
from registry.runtime.onnx_session import CPU, OnnxSession
from registry.runtime.prediction import ClassScore, Prediction
from registry.runtime.preprocess import preprocess
from registry.runtime.vision_model import VisionModel, resolve_thresholds, stage_timings
from registry.vision.images import ImageBgr, check_image
from registry.vision.letterbox import Placement

_TOP_CLASSES = 5


class Predictor(VisionModel):
    """A detector or classifier in one ONNX Runtime session of `threads` threads a run.

    Construction parses, checks and builds the graph; nothing of `model_bytes` is kept afterwards.

    Raises:
        InvalidModel: the graph is refused, cannot be built, or does not take the card's input.
        UnsupportedOutputs: its outputs do not fit the card's decoder and labels.
        InvalidCard: the card's decoder does not answer the card's task.
    """

    def __init__(
        self, model_bytes: bytes, card: ModelCard, threads: int = 1, providers: Sequence[str] = (CPU,)
    ) -> None:
        self.card = card
        self._session = OnnxSession(model_bytes, threads, providers)
        self.providers = self._session.providers
        check_contract(self._session, card)
        self._labels = np.array(card.labels, dtype=np.str_)

    def predict(
        self,
        image_bgr: ImageBgr,
        confidence: float | None = None,
        iou: float | None = None,
        max_detections: int | None = None,
    ) -> Prediction:
        """See `VisionModel.predict`."""
        thresholds = resolve_thresholds(self.card.thresholds, confidence, iou, max_detections)
        height, width = check_image(image_bgr).shape[:2]
        marks = [perf_counter()]
        tensor, placement = preprocess(image_bgr, self.card.input)
        marks.append(perf_counter())
        output = self._session.run(tensor)
        marks.append(perf_counter())
        detections, classes = None, None
        if self.card.task is Task.DETECT:
            detections = self._detections(output, placement, thresholds)
        else:
            classes = self._classes(output, confidence or 0.0, max_detections or _TOP_CLASSES)
        marks.append(perf_counter())
        return Prediction(width, height, detections, classes, timing_ms=stage_timings(marks))

    def _detections(
        self, output: npt.NDArray[np.float32], placement: Placement, thresholds: Thresholds
    ) -> sv.Detections:
        limit = thresholds.max_detections
        if self.card.decoder is Decoder.YOLO:
            found = heads.decode_yolo(output, thresholds.confidence, thresholds.iou, limit)
        else:
            found = heads.decode_yolo_nms(output, thresholds.confidence, limit)
        return sv.Detections(
            xyxy=placement.to_source(found.boxes_xyxy),
            confidence=found.scores,
            class_id=found.class_ids,
            data={"class_name": self._names(found.class_ids)},
        )

    def _classes(self, output: npt.NDArray[np.float32], confidence: float, max_classes: int) -> tuple[ClassScore, ...]:
        decode = heads.decode_logits if self.card.decoder is Decoder.LOGITS else heads.decode_probabilities
        probabilities = decode(output)
        best = heads.top_classes(probabilities, max_classes)
        rows = zip(best, self._names(best), strict=True)
        ranked = [ClassScore(int(index), str(name), float(probabilities[index])) for index, name in rows]
        return tuple(each for rank, each in enumerate(ranked) if rank == 0 or each.score >= confidence)

    def _names(self, class_ids: npt.NDArray[np.intp]) -> npt.NDArray[np.str_]:
        """Labels by class id; `class 7` where the card names none."""
        if not self.card.labels:
            return np.array([f"class {index}" for index in class_ids], dtype=np.str_)
        if len(class_ids) and not 0 <= class_ids.min() <= class_ids.max() < len(self._labels):
            wrong = class_ids[(class_ids < 0) | (class_ids >= len(self._labels))][0]
            raise UnsupportedOutputs(f"the graph answered class {wrong}; the card has {len(self._labels)} labels")
        return self._labels[class_ids]
