"""A model's card: what a vision model expects, what it answers and where it comes from."""

from enum import StrEnum
from math import prod
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from registry.errors import InvalidCard
from registry.validation import first_problem

MODEL_FILE = "model.onnx"  # of a version that is one graph
Text = Annotated[str, Field(max_length=4000)]
Label = Annotated[str, Field(min_length=1, max_length=120)]


class Task(StrEnum):
    """What a vision model answers, in the field's usual terms."""

    DETECT = "detect"
    SEGMENT = "segment"
    POSE = "pose"
    CLASSIFY = "classify"
    EMBED = "embed"
    OCR = "ocr"
    PROMPT = "segment-by-prompt"


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
WITH_BOXES = frozenset({Task.DETECT, Task.SEGMENT, Task.POSE})  # what a head of boxes answers


class Decoder(StrEnum):
    """How raw output tensors become an answer.

    `yolo`: a float tensor (1, 4 + labels + extras, anchors) with boxes as centre-x, centre-y, width, height in
    network pixels and per-label scores; needs non-maximum suppression.
    `yolo-nms`: a float tensor (1, n, 6 + extras) of x1, y1, x2, y2, score, class in network pixels, already
    suppressed. The extras of both are nothing for `detect`; for `pose` the key points; for `segment` m mask
    coefficients, with a second float tensor (1, m, h, w) of prototypes.
    `yolo-obb` and `yolo-obb-nms`: the same for `detect` with rectangles of any angle. The first is (1, 4 + labels + 1,
    anchors), the last row the angle in radians; the second (1, n, 7) of centre-x, centre-y, width, height, score,
    class, angle, already suppressed.
    `yunet`: for each of the strides 8, 16 and 32 four float tensors (1, cells, 1), (1, cells, 1), (1, cells, 4) and
    (1, cells, 10), as the face detector of that name answers; always `pose` with five points.
    `logits` and `probabilities`: one float tensor (1, labels).
    `embedding`: one float tensor (1, d); its direction counts.
    `rapidocr`: the detector and recogniser pair of the RapidOCR engine.
    `sam`: the image encoder and prompt decoder pair of the Segment Anything family.
    """

    YOLO = "yolo"
    YOLO_NMS = "yolo-nms"
    YOLO_OBB = "yolo-obb"
    YOLO_OBB_NMS = "yolo-obb-nms"
    YUNET = "yunet"
    LOGITS = "logits"
    PROBABILITIES = "probabilities"
    EMBEDDING = "embedding"
    RAPIDOCR = "rapidocr"
    SAM = "sam"


_ORIENTED = frozenset({Decoder.YOLO_OBB, Decoder.YOLO_OBB_NMS})
SUPPRESSED_HERE = frozenset({Decoder.YOLO, Decoder.YOLO_OBB, Decoder.YUNET})  # overlaps are not the graph's matter


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class InputSpec(_Frozen):
    """How an image becomes the network's input tensor (1, channels, height, width), float32."""

    height: int = Field(640, ge=1, le=8192, description="nominal height in pixels")
    width: int = Field(640, ge=1, le=8192, description="nominal width in pixels")
    dynamic: bool = Field(False, description="the graph takes any size that is a multiple of `stride`")
    stride: int = Field(32, ge=1, le=256)
    colour: Literal["rgb", "bgr", "gray"] = "rgb"
    resize: Literal["letterbox", "stretch", "center-crop"] = "letterbox"
    scale: float = Field(1 / 255, gt=0, description="multiplied with the 8-bit value before mean and std")
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    pad_value: int = Field(114, ge=0, le=255, description="8-bit grey around a letterboxed image")

    @property
    def channels(self) -> int:
        """1 for gray, else 3."""
        return 1 if self.colour == "gray" else 3

    @model_validator(mode="after")
    def _channels_match(self) -> Self:
        for name in ("mean", "std"):
            values = getattr(self, name)
            if values and len(values) != self.channels:
                raise ValueError(f"{name} has {len(values)} values, {self.colour} input needs {self.channels}")
        if any(value <= 0 for value in self.std):
            raise ValueError("std must be positive")
        if self.dynamic and (self.width % self.stride or self.height % self.stride):
            raise ValueError(
                f"a dynamic input of {self.width}x{self.height} must be a multiple of stride {self.stride}"
            )
        return self


class Thresholds(_Frozen):
    """Defaults of a request that names none."""

    confidence: Share = 0.25
    iou: Share = 0.7
    max_detections: int = Field(300, ge=1, le=3000)


class ModelCard(_Frozen):
    """Everything needed to run a version and to trace it; stored beside it as `card.json`."""

    task: Task
    decoder: Decoder
    labels: tuple[Label, ...] = Field((), max_length=20_000, description="class names by class id")
    keypoint_shape: tuple[Annotated[int, Field(ge=1, le=1000)], Literal[2, 3]] | None = Field(
        None, description="for pose: points per object and values per point, x and y or x, y and visibility"
    )
    input: InputSpec = InputSpec()
    thresholds: Thresholds = Thresholds()
    description: Text = ""
    licence: Text = ""
    source: Text = Field("", description="where the weights come from: a URL, a pipeline stage, a notebook")
    dataset: Text = Field("", description="name and version of the data it was trained on")
    git_commit: Annotated[str, Field(max_length=64)] = ""
    metrics: dict[str, float] = Field(default_factory=dict, description="held-out figures by name")

    @property
    def is_oriented(self) -> bool:
        """Whether it answers rectangles of any angle."""
        return self.decoder in _ORIENTED

    @property
    def values_beside_box(self) -> int:
        """How many values each box has beyond its corners, score and class; a segmenter's are its network's to say."""
        return prod(self.keypoint_shape) if self.keypoint_shape else int(self.is_oriented)

    @model_validator(mode="after")
    def _pose_has_keypoints(self) -> Self:
        if (self.task is Task.POSE) != (self.keypoint_shape is not None):
            raise ValueError(f"keypoint_shape belongs to task pose, and to no other; the task is {self.task}")
        if self.decoder is Decoder.YUNET and self.keypoint_shape != (5, 2):
            raise ValueError(f"decoder yunet answers 5 points of 2 values; keypoint_shape is {self.keypoint_shape}")
        return self

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read a card from JSON. Raises InvalidCard naming the first wrong field."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = first_problem(error, "card")
            raise InvalidCard(f"card field {first}", details={"field": first.field}) from error
