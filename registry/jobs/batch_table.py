"""The table of a batch: one row for each object, class, line of text or embedding of its images."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from registry.models.answer import SIDES, area_of, found_in
from registry.runtime.card import ModelCard, Task

_BOX = [(name, pa.float64()) for name in SIDES]
_POINTS = pa.list_(pa.list_(pa.float64()))  # x, y, and of key points the visibility where there is one
_FOUND = [("label", pa.string()), ("class_id", pa.int64()), ("score", pa.float64())]
_COLUMNS: dict[str, list[tuple[str, pa.DataType]]] = {
    Task.DETECT: [*_FOUND, *_BOX],
    Task.SEGMENT: [*_FOUND, *_BOX, ("area", pa.int64())],
    Task.POSE: [*_FOUND, *_BOX, ("keypoints", _POINTS)],
    Task.CLASSIFY: _FOUND,
    Task.EMBED: [("embedding", pa.list_(pa.float32()))],
    Task.OCR: [("text", pa.string()), ("score", pa.float64()), *_BOX, ("polygon", _POINTS)],
}


def schema_of(card: ModelCard) -> pa.Schema:
    """The columns of the table of a model's answers."""
    turned = [("corners", _POINTS)] if card.is_oriented else []
    return pa.schema([("file", pa.string()), *_COLUMNS[card.task], *turned])


def rows_in(line: dict[str, Any]) -> list[dict[str, Any]]:
    """What an image's line holds, as the HTTP contract has it; of an embedding the line itself."""
    return [line] if line.get("embedding") else found_in(line)


def table_of(schema: pa.Schema, lines: Sequence[dict[str, Any]]) -> pa.Table:
    """The rows of some lines, a column at a time: rows of their own would take most of a batch's end."""
    files, rows = list[str](), list[dict[str, Any]]()
    for line in lines:
        found = rows_in(line)
        files += [line["file"]] * len(found)
        rows += found
    columns = [files, *(_column(name, rows) for name in schema.names[1:])]
    return pa.table([pa.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)], schema)


def _column(name: str, rows: list[dict[str, Any]]) -> list[Any]:
    if name in SIDES:
        side = SIDES.index(name)
        return [row["box"][side] for row in rows]
    if name == "area":
        return [area_of(row) for row in rows]
    return [row.get(name) for row in rows]
