"""What one can take along of a run: this picture's answer, and an archive of them all."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import streamlit as st

from app.ui.download import download
from app.ui.inference_run import Run
from app.ui.session import platform
from registry.models import exports
from registry.models.answer import Answer
from registry.models.thresholds import Thresholds


def draw(run: Run, name: str, answer: Answer, body: Mapping[str, Any], wanted: Thresholds) -> None:
    """A row of buttons; what they give is made when one is pressed.

    `body` is the answer as the HTTP contract has it.
    """
    quality = platform().live.current().jpeg_quality
    stem = f"{exports.file_stem(name)}-{answer.version.name}-v{answer.version.version}"
    with st.container(horizontal=True, gap="small", key="downloads"):
        _button("JSON", f"{stem}.json", "application/json", partial(exports.json_text, body))
        _button("CSV", f"{stem}.csv", "text/csv", partial(exports.csv_text, body))
        _button("PNG", f"{stem}.png", "image/png", partial(exports.picture, answer, "png"))
        _button("JPEG", f"{stem}.jpg", "image/jpeg", partial(exports.picture, answer, "jpg", quality))
        if len(run.looked) > 1:
            file = f"{answer.version.name}-v{answer.version.version}.zip"
            _button("All as ZIP", file, "application/zip", partial(_all, run, wanted, quality))


def _button(label: str, file_name: str, mime: str, make: Callable[[], str | bytes]) -> None:
    download(label, make, file_name, mime, key=f"inference.download.{label}")


def _all(run: Run, wanted: Thresholds, quality: int) -> bytes:
    asked = (wanted.confidence, wanted.iou, wanted.max_detections)
    answers = (exports.Named(each.picture.name, each.first.answer(*asked)) for each in run.looked)
    failed = [(each.picture.name, each.error.message) for each in run.failed if each.error]
    return exports.archive(answers, failed, quality)
