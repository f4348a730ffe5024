"""Segmenting what points and boxes name, with an encoder and decoder pair of the Segment Anything family."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from time import perf_counter

import cv2
import numpy as np
import numpy.typing as npt
import supervision as sv
from PIL import Image

from registry.errors import InvalidInput, InvalidModel, UnsupportedOutputs
from registry.runtime.card import InputSpec, ModelCard, Thresholds
from registry.runtime.contract import check_task
from registry.runtime.graph_session import FLOAT_TYPES
from registry.runtime.host_choice import Backend
from registry.runtime.masks import compact_masks
from registry.runtime.onnx_session import raw_session, run_graph
from registry.runtime.prediction import Prediction
from registry.runtime.prompts import Prompts
from registry.runtime.raw_answer import RawAnswer
from registry.runtime.run_deadline import RUN_SECONDS
from registry.runtime.vision_model import VisionModel
from registry.vision.images import ImageBgr, check_image
from registry.vision.tensor import to_tensor

ENCODER, DECODER = "encoder.onnx", "decoder.onnx"
KEPT_IMAGES = 8  # encoded images; 4 MiB each for Segment Anything
_INPUTS = {"image_embeddings", "point_coords", "point_labels", "mask_input", "has_mask_input", "orig_im_size"}
_BESIDE, _ON, _UPPER_LEFT, _LOWER_RIGHT, _PADDING = 0.0, 1.0, 2.0, 3.0, -1.0  # the decoder's point labels

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Found:
    """The mask of one object, cut to its own size, where it lies, and how good the decoder holds it to be."""

    crop: npt.NDArray[np.bool_]
    offset_xy: tuple[int, int]
    score: float


class _Encoder:
    """The image encoder, channels first or last. Raises InvalidModel for an input that does not fit the card."""

    def __init__(self, model_bytes: bytes, spec: InputSpec, threads: int, backend: Backend, run_seconds: float) -> None:
        self._session = raw_session(model_bytes, threads, backend, run_seconds=run_seconds)
        found = self._session.get_inputs()
        shape = list(found[0].shape) if found else []
        self._channels_last = len(shape) == 3
        wanted = (
            [spec.height, spec.width, spec.channels]
            if self._channels_last
            else [1, spec.channels, spec.height, spec.width]
        )
        if len(found) != 1 or len(shape) not in (3, 4) or found[0].type not in FLOAT_TYPES or not _fits(shape, wanted):
            said = "; ".join(f"{each.name} {each.type} {each.shape}" for each in found)[:300] or "none"
            raise InvalidModel(f"{ENCODER} should take one float image of the card's size, {wanted}; it takes {said}")
        self._name, self._dtype = found[0].name, FLOAT_TYPES[found[0].type]

    def run(self, tensor: Floats) -> Floats:
        """The encoding of (1, channels, height, width). Raises InvalidModel, UnsupportedOutputs."""
        given = tensor[0].transpose(1, 2, 0) if self._channels_last else tensor
        embedding, *_ = run_graph(self._session, {self._name: np.ascontiguousarray(given, self._dtype)})
        if embedding.ndim != 4:
            raise UnsupportedOutputs(f"{ENCODER} should answer (1, channels, rows, columns), got {embedding.shape}")
        return embedding


def _fits(shape: Sequence[object], wanted: Sequence[int]) -> bool:
    return all(size == want or not isinstance(size, int) for size, want in zip(shape, wanted, strict=True))


class PromptSegmenter(VisionModel):
    """`encoder.onnx` once for each image, `decoder.onnx` for each object asked for.

    The decoder has the inputs of Segment Anything's own export. The image is fitted into the encoder's input at its
    upper left and padded with zeros; an encoder takes (1, 3, height, width), or (height, width, 3) where it normalises
    by itself, as MobileSAM's exports do. The last images' encodings are kept: further prompts cost the decoder only.

    Raises:
        InvalidModel: a file is missing or refused.
        UnsupportedOutputs: the decoder does not have these inputs and outputs.
        InvalidCard: the card's task is another.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        card: ModelCard,
        threads: int = 1,
        backend: Backend = Backend.CPU,
        run_seconds: float = RUN_SECONDS,
    ) -> None:
        check_task(card)
        missing = [name for name in (ENCODER, DECODER) if name not in files]
        if missing:
            raise InvalidModel(f"decoder sam needs {ENCODER} and {DECODER}; missing: {', '.join(missing)}")
        self.card = card
        self._encoder = _Encoder(files[ENCODER], card.input, threads, backend, run_seconds)
        self._decoder = raw_session(files[DECODER], threads, backend, run_seconds=run_seconds)
        self.providers = tuple(self._decoder.get_providers())
        found = {each.name for each in self._decoder.get_inputs()}
        if found != _INPUTS or len(self._decoder.get_outputs()) < 2:
            raise UnsupportedOutputs(
                f"{DECODER} should take {', '.join(sorted(_INPUTS))} and answer masks and their quality; "
                f"it takes {', '.join(sorted(found))[:300]}"
            )
        self._encoded: OrderedDict[bytes, Floats] = OrderedDict()
        self._lock = Lock()

    def run(self, image_bgr: ImageBgr, least_confidence: float = 0.0) -> RawAnswer:
        """Always refused: without a prompt there is nothing to segment."""
        raise InvalidInput("this model segments what points or boxes name; name some", details={"field": "points"})

    def run_prompts(self, image_bgr: ImageBgr, prompts: Prompts) -> RawAnswer:
        """See `VisionModel.run_prompts`; a score is the quality that the decoder predicts for its mask."""
        height, width = check_image(image_bgr).shape[:2]
        started = perf_counter()
        ratio = min(self.card.input.width / width, self.card.input.height / height)
        key = hashlib.sha256(f"{height}x{width}".encode() + np.ascontiguousarray(image_bgr).data).digest()
        hashed = perf_counter()
        embedding = self._encode(image_bgr, ratio, key)
        found = [self._decode(embedding, points, ratio, (height, width)) for points in _objects(prompts)]
        ended = perf_counter()

        def read(thresholds: Thresholds) -> Prediction:
            kept = [each for each in found if each.score > thresholds.confidence and each.crop.size]
            return Prediction(width, height, _detections(kept, (height, width)))

        return RawAnswer(read, self.defaults, (hashed - started) * 1e3, (ended - hashed) * 1e3)

    def try_on(self, image_bgr: ImageBgr) -> None:
        """Ask for what is in the middle of the image."""
        height, width = image_bgr.shape[:2]
        self.segment(image_bgr, Prompts(points=[(width / 2, height / 2)]))

    def _encode(self, image_bgr: ImageBgr, ratio: float, key: bytes) -> Floats:
        with self._lock:
            if key in self._encoded:
                self._encoded.move_to_end(key)
                return self._encoded[key]
        embedding = self._encoder.run(_fitted(image_bgr, ratio, self.card.input))
        with self._lock:
            self._encoded[key] = embedding
            while len(self._encoded) > KEPT_IMAGES:
                self._encoded.popitem(last=False)
        return embedding

    def _decode(self, embedding: Floats, points: Floats, ratio: float, source_hw: tuple[int, int]) -> _Found:
        """One object from `points` (n, 3) of x, y, label; of several masks the best.

        The decoder is asked for the whole input, for it knows no other padding than that of a square one.
        """
        rows, columns = embedding.shape[2:]
        frame_hw = (self.card.input.height, self.card.input.width)
        scaled_h, scaled_w = (max(round(side * ratio), 1) for side in source_hw)
        masks, qualities, *_ = run_graph(
            self._decoder,
            {
                "image_embeddings": embedding,
                "point_coords": points[None, :, :2] * np.float32(ratio),
                "point_labels": points[None, :, 2],
                "mask_input": np.zeros((1, 1, 4 * rows, 4 * columns), np.float32),
                "has_mask_input": np.zeros(1, np.float32),
                "orig_im_size": np.array(frame_hw, np.float32),
            },
        )
        if masks.ndim != 4 or masks.shape[2:] != frame_hw or qualities.shape != masks.shape[:2]:
            raise UnsupportedOutputs(
                f"expected masks (1, n, {frame_hw[0]}, {frame_hw[1]}) with as many scores, "
                f"got {masks.shape} and {qualities.shape}"
            )
        best = int(qualities[0].argmax())
        logits = cv2.resize(masks[0, best, :scaled_h, :scaled_w], source_hw[::-1], interpolation=cv2.INTER_LINEAR)
        mask = np.asarray(logits > 0)
        x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
        crop = mask[y : y + height, x : x + width].copy()
        return _Found(crop, (x, y), float(np.clip(qualities[0, best], 0, 1)))


def _objects(prompts: Prompts) -> Iterator[Floats]:
    """Rows of x, y, label for each object; points without a box need one that pads."""
    for x1, y1, x2, y2 in prompts.boxes:
        yield np.array([(x1, y1, _UPPER_LEFT), (x2, y2, _LOWER_RIGHT)], np.float32)
    if prompts.points:
        rows = [(x, y, _BESIDE if beside and not beside[0] else _ON) for x, y, *beside in prompts.points]
        yield np.array([*rows, (0, 0, _PADDING)], np.float32)


def _fitted(image_bgr: ImageBgr, ratio: float, spec: InputSpec) -> Floats:
    """The encoder's input: scaled, antialiased bilinear, at the upper left of zeros."""
    height, width = image_bgr.shape[:2]
    scaled_wh = (max(round(width * ratio), 1), max(round(height * ratio), 1))
    scaled = np.asarray(Image.fromarray(image_bgr).resize(scaled_wh, Image.Resampling.BILINEAR))
    tensor = np.zeros((1, spec.channels, spec.height, spec.width), np.float32)
    tensor[:, :, : scaled_wh[1], : scaled_wh[0]] = to_tensor(scaled, spec.scale, spec.mean, spec.std, spec.colour)
    return tensor


def _detections(found: list[_Found], image_hw: tuple[int, int]) -> sv.Detections:
    """Objects with the boxes of their masks, in the order asked for."""
    if not found:
        return sv.Detections.empty()
    starts = np.array([each.offset_xy for each in found], np.int32)
    sides = np.array([each.crop.shape[::-1] for each in found], np.int32)
    return sv.Detections(
        xyxy=np.concatenate([starts, starts + sides], axis=1).astype(np.float32),
        confidence=np.array([each.score for each in found], np.float32),
        class_id=np.zeros(len(found), np.intp),
        mask=compact_masks([each.crop for each in found], starts, image_hw),
        data={"class_name": np.array(["object"] * len(found))},
    )
