"""A model's card: what a vision model expects, what it answers and where it comes from."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from registry.errors import InvalidCard

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


class Decoder(StrEnum):
    """How raw output tensors become an answer.

    `yolo`: one float tensor (1, 4 + labels, anchors) with boxes as centre-x, centre-y, width, height in
    network pixels and per-label scores; needs non-maximum suppression.
    `yolo-nms`: one float tensor (1, n, 6) of x1, y1, x2, y2, score, class in network pixels, already suppressed.
    `logits` and `probabilities`: one float tensor (1, labels).
    `rapidocr`: the detector and recogniser pair of the RapidOCR engine.
    """

    YOLO = "yolo"
    YOLO_NMS = "yolo-nms"
    LOGITS = "logits"
    PROBABILITIES = "probabilities"
    RAPIDOCR = "rapidocr"


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

    confidence: float = Field(0.25, ge=0, le=1)
    iou: float = Field(0.7, ge=0, le=1)
    max_detections: int = Field(300, ge=1, le=3000)


class ModelCard(_Frozen):
    """Everything needed to run a version and to trace it; stored beside it as `card.json`."""

    task: Task
    decoder: Decoder
    labels: tuple[Label, ...] = Field((), max_length=20_000, description="class names by class id")
    input: InputSpec = InputSpec()
    thresholds: Thresholds = Thresholds()
    description: Text = ""
    licence: Text = ""
    source: Text = Field("", description="where the weights come from: a URL, a pipeline stage, a notebook")
    dataset: Text = Field("", description="name and version of the data it was trained on")
    git_commit: Annotated[str, Field(max_length=64)] = ""
    metrics: dict[str, float] = Field(default_factory=dict, description="held-out figures by name")

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read a card from JSON. Raises InvalidCard naming the first wrong field."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "card"
            raise InvalidCard(f"card field {where}: {first['msg']}", details={"field": where}) from error
