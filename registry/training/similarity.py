"""How similar labelled and found objects are, 0 to 1: by their masks, or by their key points."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import supervision as sv

Floats = npt.NDArray[np.floating]

# of COCO's 17 points of a person; other skeletons share one, as the trainer of such models has it
_PERSON_SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1_000
_FINE = 4  # steps in a pixel
_AREA_IN_BOX = 0.53  # of an object in its box, where there is no outline: what COCO's people have


def packed_outlines(objects: Sequence[Sequence[Sequence[float]]], size_wh: tuple[int, int]) -> sv.CompactMask:
    """The masks of objects, each of rings x, y, x, y… in pixels."""
    height, width = size_wh[::-1]
    masks = np.zeros((len(objects), height, width), bool)
    for mask, rings in zip(masks, objects, strict=True):
        for ring in rings:
            _fill(mask, np.array(ring, np.float32).reshape(-1, 2))
    return sv.CompactMask.from_dense(masks, sv.mask_to_xyxy(masks).reshape(-1, 4), (height, width))


def _fill(mask: npt.NDArray[np.bool_], points: npt.NDArray[np.float32]) -> None:
    """Set the pixels whose middles are inside; OpenCV's own filling takes in the outline, a pixel more on each axis."""
    low = np.maximum(np.floor(points.min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil(points.max(axis=0)), mask.shape[::-1]).astype(int)
    if (high <= low).any():
        return
    width, height = high - low
    fine = np.zeros((height * _FINE, width * _FINE), np.uint8)
    cv2.fillPoly(fine, [np.round((points - low) * _FINE).astype(np.int32)], 1)
    middles = fine[_FINE // 2 :: _FINE, _FINE // 2 :: _FINE]
    mask[low[1] : high[1], low[0] : high[0]] |= middles.astype(bool)


def mask_similarity(labelled: sv.CompactMask, found: sv.Detections) -> Floats:
    """(labelled, found): the intersection over the union."""
    if not len(labelled) or not len(found):
        return np.zeros((len(labelled), len(found)))
    return np.asarray(sv.mask_iou_batch(labelled, found.mask))


def keypoint_similarity(labelled: Floats, boxes_xyxy: Floats, found: Floats) -> Floats:
    """(labelled, found): COCO's object keypoint similarity.

    `labelled` (m, k, 3) has x, y and visibility, `found` (n, k, 2 or 3) x and y first, `boxes_xyxy` (m, 4) are the
    labelled ones'. What has no visible point is like nothing.
    """
    points = labelled.shape[1]
    sigmas = _PERSON_SIGMAS if points == len(_PERSON_SIGMAS) else np.full(points, 1 / max(points, 1))
    sides = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    areas = np.maximum(sides.prod(axis=1) * _AREA_IN_BOX, np.finfo(np.float32).eps)
    far = ((labelled[:, None, :, :2] - found[None, :, :, :2]) ** 2).sum(axis=-1)
    near = np.exp(-far / (2 * areas[:, None, None] * (2 * sigmas) ** 2))
    seen = labelled[:, None, :, 2] > 0
    return np.asarray((near * seen).sum(axis=-1) / np.maximum(seen.sum(axis=-1), 1))
