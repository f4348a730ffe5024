"""What one can take along of a run: this picture's answer, and an archive of them all."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from app.ui.download import download
from app.ui.inference_run import Run
from app.ui.session import platform
from app.ui.text import plain
from registry.models import exports
from registry.models.answer import Answer
from registry.models.thresholds import Thresholds


def draw(run: Run, name: str, answer: Answer, second: Answer | None, wanted: Thresholds) -> None:
    """A row of buttons for each answer; what they give is made when one is pressed."""
    _row(name, answer, "" if second is None else "first")
    if second is not None:
        _row(name, second, "second")
    if len(run.looked) > 1:
        quality = platform().live.current().jpeg_quality
        file = "-and-".join(_named(each) for each in (answer, second) if each)
        _button("All as ZIP", f"{file}.zip", "application/zip", partial(_all, run, wanted, quality))


def _row(name: str, answer: Answer, side: str) -> None:
    """`side` keeps two rows apart, empty where there is one."""
    quality = platform().live.current().jpeg_quality
    stem, body = f"{exports.file_stem(name)}-{_named(answer)}", answer.to_dict()
    if side:
        st.caption(plain(f"{answer.version.name} version {answer.version.version}"))
    with st.container(horizontal=True, gap="small", key=f"downloads_{side}"):
        _button("JSON", f"{stem}.json", "application/json", partial(exports.json_text, body), side)
        _button("CSV", f"{stem}.csv", "text/csv", partial(exports.csv_text, body), side)
        _button("PNG", f"{stem}.png", "image/png", partial(exports.picture, answer, "png"), side)
        _button("JPEG", f"{stem}.jpg", "image/jpeg", partial(exports.picture, answer, "jpg", quality), side)


def _named(answer: Answer) -> str:
    return f"{answer.version.name}-v{answer.version.version}"


def _button(label: str, file_name: str, mime: str, make: Callable[[], str | bytes], side: str = "") -> None:
    download(label, make, file_name, mime, key=f"inference.download.{label}{side and '.' + side}")


def _all(run: Run, wanted: Thresholds, quality: int) -> bytes:
    """Every picture's answers; of two models, the file's name says whose each is."""
    asked = (wanted.confidence, wanted.iou, wanted.max_detections)
    answers = (
        exports.Named(
            f"{exports.file_stem(each.picture.name)}-{_named(answer)}.jpg" if each.second else each.picture.name, answer
        )
        for each in run.looked
        for answer in (kept.answer(*asked) for kept in (each.first, each.second) if kept)
    )
    failed = [(each.picture.name, each.error.message) for each in run.failed if each.error]
    return exports.archive(answers, failed, quality)
