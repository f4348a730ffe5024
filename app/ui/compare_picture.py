"""What two versions say about one picture, drawn side by side and counted."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from app.ui.frame import card
from app.ui.picture import choose_pictures
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import plain
from registry.access import Actor
from registry.errors import RegistryError
from registry.models.answer import Answer
from registry.models.comparison import PictureComparison, compare_on_picture
from registry.models.types import ModelVersion
from registry.runtime.answer_diff import SAME_PLACE_IOU, ClassDiff, FoundDiff
from registry.runtime.card import Task

_ANSWER = "compare.answer"
_EVERYTHING, _DIFFERING = "Everything", "What differs"


def draw(actor: Actor, left: ModelVersion, right: ModelVersion) -> None:
    """Choose a picture, ask both, and see."""
    if Task.PROMPT in {left.card.task, right.card.task}:
        st.caption("What to segment has to be clicked, so these versions are compared on the Inference page.")
        return
    with card("compare_picture"):
        pictures = choose_pictures("compare")[:1]
        pressed = st.button(
            "Compare on this picture",
            key="compare.run",
            type="primary",
            icon=":material/compare:",
            disabled=not pictures,
        )
    if pressed and pictures:
        _ask(actor, pictures[0].image, left, right)
    compared: PictureComparison | None = st.session_state.get(_ANSWER)
    if compared and [compared.left.version.key, compared.right.version.key] == [left.key, right.key]:
        _show(compared)


def _ask(actor: Actor, image: bytes, left: ModelVersion, right: ModelVersion) -> None:
    st.session_state.pop(_ANSWER, None)
    try:
        with st.spinner("Asking both versions", show_time=True):
            st.session_state[_ANSWER] = compare_on_picture(platform().serving, actor, image, left, right)
    except RegistryError as error:
        error_box(error)


def _show(compared: PictureComparison) -> None:
    _figures(compared)
    answers = (compared.left, compared.right)
    diff = compared.diff
    if isinstance(diff, FoundDiff) and diff.differences and compared.left.prediction.detections is not None:
        chosen = st.segmented_control(
            "Drawn", [_EVERYTHING, _DIFFERING], default=_EVERYTHING, required=True, key="compare.drawn"
        )
        if chosen == _DIFFERING:
            answers = _differing(compared, diff)
    for column, answer in zip(st.columns(2, gap="medium"), answers, strict=True):
        with column, card(f"compare_side_{'left' if answer is answers[0] else 'right'}"):
            timing = answer.prediction.timing_ms.get("inference", 0.0)
            st.markdown(f"**Version {answer.version.version}** :gray[· inference {timing:.1f} ms]")
            st.image(answer.plot(), width="stretch", output_format="JPEG")
    if isinstance(diff, ClassDiff):
        _classes(compared, diff)


def _figures(compared: PictureComparison) -> None:
    figures = _told(compared)
    for index, (column, (label, value)) in enumerate(zip(st.columns(len(figures)), figures, strict=True)):
        with column, card(f"compare_figure_{index}"):
            st.metric(label, value)
    if isinstance(compared.diff, FoundDiff):
        st.caption(f"Two are one when their boxes overlap by an IoU of {SAME_PLACE_IOU:g} or more.")


def _told(compared: PictureComparison) -> list[tuple[str, str]]:
    diff, first, second = compared.diff, compared.left.version.version, compared.right.version.version
    if isinstance(diff, FoundDiff):
        renamed = "Read differently" if compared.left.prediction.lines is not None else "Another class"
        return [
            ("In both", str(len(diff.same))),
            (renamed, str(len(diff.renamed))),
            (f"Only version {first}", str(len(diff.only_left))),
            (f"Only version {second}", str(len(diff.only_right))),
            ("Mean IoU", f"{diff.mean_iou:.3f}" if diff.same or diff.renamed else "–"),
        ]
    if isinstance(diff, ClassDiff):
        return [
            ("Best class", "agrees" if diff.same_best else "differs"),
            (f"Version {first}", _best(compared.left)),
            (f"Version {second}", _best(compared.right)),
        ]
    return [("Cosine similarity", "–" if diff.cosine is None else f"{diff.cosine:.4f}")]


def _best(answer: Answer) -> str:
    classes = answer.prediction.classes
    return f"{plain(classes[0].label, longest=20)} {classes[0].score:.0%}" if classes else "–"


def _differing(compared: PictureComparison, diff: FoundDiff) -> tuple[Answer, Answer]:
    """The answers with only the objects that the other does not have, or calls something else."""
    left = sorted([*diff.only_left, *(i for i, _ in diff.renamed)])
    right = sorted([*diff.only_right, *(j for _, j in diff.renamed)])
    return _only(compared.left, left), _only(compared.right, right)


def _only(answer: Answer, indices: list[int]) -> Answer:
    found = answer.prediction.detections
    kept = found[indices] if found is not None else None
    return replace(answer, prediction=replace(answer.prediction, detections=kept))


def _classes(compared: PictureComparison, diff: ClassDiff) -> None:
    names = [f"version {answer.version.version}" for answer in (compared.left, compared.right)]
    frame = pd.DataFrame(diff.rows, columns=["Class", *names])
    score = st.column_config.ProgressColumn(min_value=0, max_value=1, format="percent")
    with card("compare_classes"):
        st.dataframe(frame, hide_index=True, column_config=dict.fromkeys(names, score), height="content")
