"""What an exporter wrote about a model into the metadata of its ONNX file."""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import onnx

_MAX_TEXT = 4_000_000
_MAX_LABELS, _MAX_LABEL = 20_000, 120


@dataclass(frozen=True, slots=True)
class ExportMetadata:
    """Ultralytics' metadata; empty where there is none.

    `suppressed`: suppression is part of the graph. `keypoint_shape`: points per object and values per point. `unread`:
    the keys that are there and say nothing that can be read.
    """

    task: str = ""
    labels: tuple[str, ...] = ()
    stride: int = 0
    size_hw: tuple[int, int] | None = None
    suppressed: bool = False
    keypoint_shape: tuple[int, int] | None = None
    unread: tuple[str, ...] = ()

    @property
    def from_exporter(self) -> bool:
        """Whether an exporter wrote its task and labels."""
        return bool(self.task and self.labels)


def read_metadata(model: onnx.ModelProto) -> ExportMetadata:
    """Ultralytics' keys (`task`, `names`, `stride`, `imgsz`, `args`, `end2end`, `kpt_shape`), each by itself."""
    texts = {entry.key: entry.value for entry in model.metadata_props}
    arguments = _literal(texts.get("args", ""))
    read = {key: how(_literal(texts.get(key, ""))) for key, how in _READ.items()}
    return ExportMetadata(
        task=texts.get("task", ""),
        labels=read["names"] or (),
        stride=read["stride"] or 0,
        size_hw=read["imgsz"],
        keypoint_shape=read["kpt_shape"],
        unread=tuple(key for key, value in read.items() if texts.get(key) and not value),
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
    if isinstance(value, dict):
        value = {int(key) if isinstance(key, str) and key.isdecimal() else key: name for key, name in value.items()}
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


def _stride(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 256 else 0


_READ: dict[str, Callable[[object], Any]] = {
    "names": _labels,
    "stride": _stride,
    "imgsz": _pair,
    "kpt_shape": _pair,
}
