"""What an exporter wrote about a model into the metadata of its ONNX file."""

import ast
from dataclasses import dataclass

import onnx

_MAX_TEXT = 4_000_000
_MAX_LABELS, _MAX_LABEL = 20_000, 120


@dataclass(frozen=True, slots=True)
class ExportMetadata:
    """Ultralytics' metadata; empty where there is none.

    `suppressed`: suppression is part of the graph. `keypoint_shape`: points per object and values per point.
    """

    task: str = ""
    labels: tuple[str, ...] = ()
    stride: int = 0
    size_hw: tuple[int, int] | None = None
    suppressed: bool = False
    keypoint_shape: tuple[int, int] | None = None

    @property
    def from_exporter(self) -> bool:
        """Whether an exporter wrote its task and labels."""
        return bool(self.task and self.labels)


def read_metadata(model: onnx.ModelProto) -> ExportMetadata:
    """Ultralytics' keys (`task`, `names`, `stride`, `imgsz`, `args`, `end2end`, `kpt_shape`), where they parse."""
    texts = {entry.key: entry.value for entry in model.metadata_props}
    stride, size, arguments, points = (_literal(texts.get(key, "")) for key in ("stride", "imgsz", "args", "kpt_shape"))
    return ExportMetadata(
        task=texts.get("task", ""),
        labels=_labels(_literal(texts.get("names", ""))),
        stride=stride if isinstance(stride, int) and 1 <= stride <= 256 else 0,
        size_hw=_pair(size),
        keypoint_shape=_pair(points),
        suppressed=(isinstance(arguments, dict) and arguments.get("nms") is True) or texts.get("end2end") == "True",
    )


def _literal(text: str) -> object:
    """A Python literal (never an expression), None where the text is none."""
    if not text or len(text) > _MAX_TEXT:
        return None
    try:
        value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    return value


def _labels(value: object) -> tuple[str, ...]:
    """Class names from {0: "cat", …} or ["cat", …]; an unnamed class becomes "class 3"."""
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    if not isinstance(value, dict) or not value or not all(isinstance(key, int) and key >= 0 for key in value):
        return ()
    count = max(value) + 1
    if count > _MAX_LABELS:
        return ()
    names = (str(value.get(index, "")).strip()[:_MAX_LABEL].strip() for index in range(count))
    return tuple(name or f"class {index}" for index, name in enumerate(names))


def _pair(value: object) -> tuple[int, int] | None:
    """Two whole numbers in 1..8192, such as height and width; one number stands for both."""
    if isinstance(value, int):
        value = (value, value)
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    first, second = value
    if not (isinstance(first, int) and isinstance(second, int) and 1 <= first <= 8192 and 1 <= second <= 8192):
        return None
    return first, second
