"""Answers as files to take along: JSON, CSV, the picture with the answer on it, one archive of many."""

import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

from registry.models.answer import Answer, rows_of
from registry.records.csv_lines import csv_lines
from registry.vision.encoding import encode_jpeg, encode_png

PictureKind = Literal["png", "jpg"]
_UNSAFE = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class Named:
    """An answer, and what its picture was called."""

    name: str
    answer: Answer


def json_text(body: Mapping[str, Any]) -> str:
    """An answer as the HTTP contract has it, as JSON to read."""
    return json.dumps(body, indent=2, ensure_ascii=False)


def csv_text(body: Mapping[str, Any]) -> str:
    """An answer's rows as CSV, with the names of the columns; one line alone where nothing was found."""
    rows = rows_of(body)
    columns = list(rows[0]) if rows else ["label", "score"]
    return csv_lines([columns, *([_cell(row.get(name)) for name in columns] for row in rows)])


def picture(answer: Answer, kind: PictureKind, quality: int = 90) -> bytes:
    """The picture with the answer drawn on it, as a file's bytes; `quality` is a JPEG's, 1 to 100."""
    return encode_png(answer.plot()) if kind == "png" else encode_jpeg(answer.plot(), quality)


def archive(answers: Iterable[Named], failed: Sequence[tuple[str, str]] = (), quality: int = 90) -> bytes:
    """A zip: for each picture its JSON, CSV and JPEG, and `failed.csv` with those that could not be read and why."""
    out, taken = io.BytesIO(), set[str]()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for each in answers:
            stem = _stem(each.name, taken)
            body = each.answer.to_dict()
            made.writestr(f"{stem}.json", json_text(body))
            made.writestr(f"{stem}.csv", csv_text(body))
            made.writestr(zipfile.ZipInfo(f"{stem}.jpg"), picture(each.answer, "jpg", quality))  # stored: it is packed
        if failed:
            made.writestr("failed.csv", csv_lines([("picture", "reason"), *failed]))
    return out.getvalue()


def file_stem(name: str) -> str:
    """A picture's name without its ending, safe as a file's name anywhere."""
    return _UNSAFE.sub("-", PurePath(name.replace("\\", "/")).stem).strip("-.")[:80] or "picture"


def _stem(name: str, taken: set[str]) -> str:
    """A name nobody has yet, in any case of letters."""
    stem = first = file_stem(name)
    number = 1
    while stem.casefold() in taken:
        number += 1
        stem = f"{first}-{number}"
    taken.add(stem.casefold())
    return stem


def _cell(value: object) -> object:
    return json.dumps(value) if isinstance(value, list | dict) else value
