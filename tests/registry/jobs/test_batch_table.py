"""The table of a batch holds what its answers do, whatever the task."""

from typing import Any

import pytest

from registry.jobs.batch_table import table_of
from registry.models.answer import rows_of
from registry.runtime.card import Task

_BOX = {"box": [1.0, 2.5, 30.0, 40.25], "class_id": 3, "label": "nut", "score": 0.75}
_MASK = {"mask": {"size": [4, 5], "counts": [3, 4, 6, 5, 2]}}
_POINTS = {"keypoints": [[1.0, 2.0, 0.5], [3.0, 4.0, 1.0]]}


@pytest.mark.parametrize(
    ("task", "found"),
    [
        (Task.DETECT, {"detections": [_BOX, _BOX | {"label": "bolt"}]}),
        (Task.SEGMENT, {"detections": [_BOX | _MASK, _BOX]}),  # one without a mask
        (Task.POSE, {"detections": [_BOX | _POINTS, _BOX]}),
        (Task.CLASSIFY, {"classes": [{"class_id": 1, "label": "nut", "score": 1}]}),
        (Task.OCR, {"text": [{"text": "exit", "score": 0.5, "box": _BOX["box"], "polygon": [[1, 2]]}]}),
    ],
    ids=str,
)
def test_its_rows_are_those_of_the_answers(task: Task, found: dict[str, Any]) -> None:
    lines = [{"file": "a.jpg", **found}, {"file": "b.jpg", "error": {"code": "x", "message": "y"}}]
    table = table_of(task, lines)
    assert table.to_pylist() == [
        {"file": "a.jpg", **{name: row.get(name) for name in table.column_names[1:]}} for row in rows_of(found)
    ]


def test_an_embedding_is_one_row() -> None:
    assert table_of(Task.EMBED, [{"file": "a.jpg", "embedding": [0.5, 0.25]}]).to_pylist() == [
        {"file": "a.jpg", "embedding": [0.5, 0.25]}
    ]


def test_a_part_without_anything_found_has_the_columns() -> None:
    table = table_of(Task.DETECT, [{"file": "a.jpg", "detections": []}])
    assert (table.num_rows, table.column_names[:2]) == (0, ["file", "label"])
