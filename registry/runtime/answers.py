"""The output tensors of one graph to the answer that the card's task asks for."""

import numpy as np
import numpy.typing as npt
import supervision as sv

from registry.errors import UnsupportedOutputs
from registry.runtime import heads
from registry.runtime.card import Decoder, ModelCard, Task, Thresholds
from registry.runtime.masks import instance_masks
from registry.runtime.prediction import CORNERS, ClassScore, Prediction
from registry.runtime.rotated import decode_yolo_obb, decode_yolo_obb_nms
from registry.runtime.yunet import decode_yunet
from registry.vision.letterbox import Placement

Outputs = tuple[npt.NDArray[np.float32], ...]
_TOP_CLASSES = 5


class AnswerReader:
    """What a detector, segmenter, pose model, classifier or embedder answered, in source pixels."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._labels = np.array(card.labels, dtype=np.str_)
        every_class = {"confidence": 0.0, "max_detections": _TOP_CLASSES}
        self.defaults = card.thresholds.model_copy(update=every_class if card.task is Task.CLASSIFY else {})

    def read(self, outputs: Outputs, placement: Placement, thresholds: Thresholds) -> Prediction:
        """The answer, without timings. Raises UnsupportedOutputs when the tensors are not what the card says."""
        width, height = placement.source_wh
        if self._card.task is Task.CLASSIFY:
            return Prediction(width, height, classes=self._classes(outputs[0], thresholds))
        if self._card.task is Task.EMBED:
            return Prediction(width, height, embedding=heads.decode_embedding(outputs[0]))
        return Prediction(width, height, detections=self._detections(outputs, placement, thresholds))

    def _detections(self, outputs: Outputs, placement: Placement, thresholds: Thresholds) -> sv.Detections:
        if self._card.is_oriented:
            return self._oriented(outputs[0], placement, thresholds)
        found = self._boxes(outputs, placement, thresholds)
        detections = sv.Detections(
            xyxy=placement.to_source(found.boxes_xyxy),
            confidence=found.scores,
            class_id=found.class_ids,
            data={"class_name": self._names(found.class_ids)},
        )
        if self._card.keypoint_shape is not None:
            points = found.extras.reshape(-1, *self._card.keypoint_shape)
            detections.data["keypoints"] = placement.points_to_source(points)
        if self._card.task is Task.SEGMENT:
            masks = instance_masks(outputs[1], found.extras, detections.xyxy, placement)
            detections.mask = masks
            return detections[masks.area > 0]
        return detections

    def _oriented(self, output: npt.NDArray[np.float32], placement: Placement, thresholds: Thresholds) -> sv.Detections:
        """Rectangles by their corners, which may lie outside the picture, and the upright boxes around them."""
        if self._card.decoder is Decoder.YOLO_OBB:
            found = decode_yolo_obb(output, thresholds.confidence, thresholds.iou, thresholds.max_detections)
        else:
            found = decode_yolo_obb_nms(output, thresholds.confidence, thresholds.max_detections)
        corners = placement.points_to_source(found.corners, clipped=False)
        around = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        return sv.Detections(
            xyxy=np.clip(around, 0, (*placement.source_wh, *placement.source_wh)).astype(np.float32),
            confidence=found.scores,
            class_id=found.class_ids,
            data={"class_name": self._names(found.class_ids), CORNERS: corners},
        )

    def above(self, outputs: Outputs, confidence: float) -> Outputs:
        """The outputs of a head of boxes without what scores up to `confidence`: copies, the rest as it was.

        Whatever is read with a confidence as high or higher is the same. Raises UnsupportedOutputs.
        """
        if self._card.decoder is Decoder.YUNET:
            return tuple(output.copy() for output in outputs)  # small, and the score is a product of two of them
        if self._card.decoder in (Decoder.YOLO, Decoder.YOLO_OBB):
            return (heads.yolo_above(outputs[0], confidence, self._extras(outputs)), *outputs[1:])
        return (heads.yolo_nms_above(outputs[0], confidence, self._extras(outputs)), *outputs[1:])

    def _boxes(self, outputs: Outputs, placement: Placement, thresholds: Thresholds) -> heads.NetworkBoxes:
        extras, limit = self._extras(outputs), thresholds.max_detections
        if self._card.decoder is Decoder.YUNET:
            return decode_yunet(outputs, placement.network_wh, thresholds.confidence, thresholds.iou, limit)
        if self._card.decoder is Decoder.YOLO:
            return heads.decode_yolo(outputs[0], thresholds.confidence, thresholds.iou, limit, extras)
        return heads.decode_yolo_nms(outputs[0], thresholds.confidence, limit, extras)

    def _extras(self, outputs: Outputs) -> int:
        """How many values a box has beyond its corners, score and class."""
        if self._card.task is Task.SEGMENT:
            return outputs[1].shape[1] if outputs[1].ndim == 4 else 0
        return self._card.values_beside_box

    def _classes(self, output: npt.NDArray[np.float32], thresholds: Thresholds) -> tuple[ClassScore, ...]:
        decode = heads.decode_logits if self._card.decoder is Decoder.LOGITS else heads.decode_probabilities
        probabilities = decode(output)
        best = heads.top_classes(probabilities, thresholds.max_detections)
        rows = zip(best, self._names(best), strict=True)
        ranked = [ClassScore(int(index), str(name), float(probabilities[index])) for index, name in rows]
        return tuple(each for rank, each in enumerate(ranked) if rank == 0 or each.score >= thresholds.confidence)

    def _names(self, class_ids: npt.NDArray[np.intp]) -> npt.NDArray[np.str_]:
        """Labels by class id; `class 7` where the card names none."""
        if not self._card.labels:
            return np.array([f"class {index}" for index in class_ids], dtype=np.str_)
        if len(class_ids) and not 0 <= class_ids.min() <= class_ids.max() < len(self._labels):
            wrong = class_ids[(class_ids < 0) | (class_ids >= len(self._labels))][0]
            raise UnsupportedOutputs(f"the graph answered class {wrong}; the card has {len(self._labels)} labels")
        return self._labels[class_ids]
