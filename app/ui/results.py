"""What came of a run: one picture at a time, its answer for the thresholds that the sliders say."""

from typing import Literal

import streamlit as st

from app.ui import comparing, downloads, result
from app.ui.frame import card
from app.ui.inference_run import Looked, Run
from app.ui.pager import page_number, pager
from app.ui.states import error_box, picture_error
from app.ui.text import many, plain
from app.ui.thresholds import sliders
from registry.errors import RegistryError
from registry.models.answer import Answer

_PICTURE = "inference.picture"
_REASONS_SHOWN = 5
_TALLEST = 390  # pixels of a picture on the page
_WIDE = 1.6  # width by height of a picture that is not taller than that at any width of the page's column


@st.fragment  # a slider draws this part again, and nothing else
def draw(run: Run) -> None:
    """The whole section."""
    if run.failed:
        _failures(run)
    if not run.looked:
        return
    number = min(page_number(_PICTURE), len(run.looked))
    try:
        _one(run, run.looked[number - 1])
    except RegistryError as error:
        error_box(error)


def _failures(run: Run) -> None:
    """Each picture that could not be read, by its name and with the reason."""
    with st.container(key="picture_errors", gap="xsmall"):
        for outcome in run.failed[:_REASONS_SHOWN]:
            if outcome.error is not None:
                picture_error(outcome.picture.name, outcome.error)
    if len(run.failed) > _REASONS_SHOWN:
        st.markdown(f":gray[and {many(len(run.failed) - _REASONS_SHOWN, 'more picture')} that could not be read]")


def _one(run: Run, looked: Looked) -> None:
    figures = st.container()  # filled once the sliders are known
    wanted = sliders(looked.first)
    asked = (wanted.confidence, wanted.iou, wanted.max_detections)
    answer = looked.first.answer(*asked)
    second = looked.second.answer(*asked) if looked.second else None
    body = answer.to_dict()
    with figures:
        result.summary(answer, body)
    with card("result_picture"):
        if len(run.looked) > 1:
            st.markdown(f"**{plain(looked.picture.name, longest=80)}**")
        if second is None:
            st.image(answer.plot(), width=_width(answer), output_format="JPEG")
        else:
            comparing.draw(answer, second)
        if len(run.looked) > 1:
            pager(_PICTURE, len(run.looked), 1, "picture")
        downloads.draw(run, looked.picture.name, answer, second, wanted)
    left, right = st.columns([0.58, 0.42], gap="medium")
    with left:
        if second is None:
            result.rows(body)
        else:
            comparing.rows(answer, second)
    with right:
        result.timing(answer)


def _width(answer: Answer) -> int | Literal["stretch"]:
    """The whole width, unless the picture would then be so tall that one has to scroll to see it."""
    ratio = answer.prediction.width / answer.prediction.height
    return "stretch" if ratio > _WIDE else max(1, round(_TALLEST * ratio))
