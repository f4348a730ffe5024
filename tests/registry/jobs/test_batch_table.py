"""The table of a batch holds what its answers do, whatever the task."""

from typing import Any

import pytest

from registry.jobs.batch_table import schema_of, table_of
from registry.models.answer import rows_of
from registry.runtime.card import Decoder, ModelCard, Task
from registry.testing import onnx_models as made

_BOX = {"box": [1.0, 2.5, 30.0, 40.25], "class_id": 3, "label": "nut", "score": 0.75}
_MASK = {"mask": {"size": [4, 5], "counts": [3, 4, 6, 5, 2]}}
_CORNERS = {"corners": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]}
_POLYGON = {"polygon": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]}
_READER = ModelCard(task=Task.OCR, decoder=Decoder.RAPIDOCR)
_TURNED = made.BLOB_CARD.model_copy(update={"decoder": Decoder.YOLO_OBB})
_POINTS = {"keypoints": [[1.0, 2.0, 0.5], [3.0, 4.0, 1.0]]}


@pytest.mark.parametrize(
    ("card", "found"),
    [
        (made.BLOB_CARD, {"detections": [_BOX, _BOX | {"label": "bolt"}]}),
        (made.BLOB_SEGMENT_CARD, {"detections": [_BOX | _MASK, _BOX]}),  # one without a mask
        (made.BLOB_POSE_CARD, {"detections": [_BOX | _POINTS, _BOX]}),
        (made.COLOUR_CARD, {"classes": [{"class_id": 1, "label": "nut", "score": 1}]}),
        (_TURNED, {"detections": [_BOX | _CORNERS]}),
        (_READER, {"text": [{"text": "exit", "score": 0.5, "box": _BOX["box"], **_POLYGON}]}),
    ],
    ids=["detect", "segment", "pose", "classify", "oriented", "ocr"],
)
def test_its_rows_are_those_of_the_answers(card: ModelCard, found: dict[str, Any]) -> None:
    lines = [{"file": "a.jpg", **found}, {"file": "b.jpg", "error": {"code": "x", "message": "y"}}]
    table = table_of(schema_of(card), lines)
    rows = [row | (_POLYGON if card.task is Task.OCR else {}) for row in rows_of(found)]  # pages show no polygons
    assert table.to_pylist() == [
        {"file": "a.jpg", **{name: row.get(name) for name in table.column_names[1:]}} for row in rows
    ]
    if card is _TURNED:
        assert table["corners"].to_pylist() == [_CORNERS["corners"]]


def test_an_embedding_is_one_row() -> None:
    assert table_of(schema_of(made.COLOUR_EMBED_CARD), [{"file": "a.jpg", "embedding": [0.5, 0.25]}]).to_pylist() == [
        {"file": "a.jpg", "embedding": [0.5, 0.25]}
    ]


def test_a_part_without_anything_found_has_the_columns() -> None:
    table = table_of(schema_of(made.BLOB_CARD), [{"file": "a.jpg", "detections": []}])
    assert (table.num_rows, table.column_names[:2]) == (0, ["file", "label"])
