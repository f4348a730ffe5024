"""Labelled pictures for models that answer more than boxes, and how right their masks or key points are."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import supervision as sv

from registry.runtime.vision_model import VisionModel
from registry.training.average_precision import AveragePrecision
from registry.training.scene_folder import LabelledImage
from registry.training.similarity import keypoint_similarity, mask_similarity, packed_outlines

_ALL_CONFIDENCES = 0.001  # average precision is taken over every threshold

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class ShapedImage(LabelledImage):
    """A picture of whose objects more is known than their boxes."""

    @abstractmethod
    def similarity(self, found: sv.Detections) -> Floats:
        """(labelled, found): how similar they are, 0 to 1."""


@dataclass(frozen=True)
class OutlinedImage(ShapedImage):
    """`outlines` are each object's rings x, y, x, y… in pixels."""

    outlines: tuple[tuple[tuple[float, ...], ...], ...]

    def similarity(self, found: sv.Detections) -> Floats:
        """By masks."""
        height, width = self.image_bgr.shape[:2]
        return mask_similarity(packed_outlines(self.outlines, (width, height)), found)


@dataclass(frozen=True)
class PosedImage(ShapedImage):
    """`keypoints` (n, k, 3) are each object's: x and y in pixels, and visibility, 0 for one that is not labelled."""

    keypoints: npt.NDArray[np.float32]

    @classmethod
    def of(cls, objects: LabelledImage, keypoints: npt.NDArray[np.float32]) -> "PosedImage":
        """The objects of which some key point is labelled; the others are none to find."""
        known = (keypoints[:, :, 2] > 0).any(axis=1)
        return cls(objects.image_bgr, objects.boxes_xyxy[known], objects.labels[known], keypoints[known])

    def similarity(self, found: sv.Detections) -> Floats:
        """By key points."""
        if not len(found):
            return np.zeros((len(self.labels), 0))
        return keypoint_similarity(self.keypoints, self.boxes_xyxy, np.asarray(found.data["keypoints"]))


def evaluate_shapes(model: VisionModel, images: Iterable[ShapedImage]) -> AveragePrecision:
    """Over the masks of a segmenter, or the key points of a pose model."""
    average = AveragePrecision()
    for image in images:
        answer = model.predict(image.image_bgr, confidence=_ALL_CONFIDENCES).detections
        found = answer if answer is not None else sv.Detections.empty()
        average.update(image.similarity(found), found, image.labels)
    return average
