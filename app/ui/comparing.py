"""Two answers about one picture: side by side, one over the other, or in turn."""

import base64

import numpy as np
import streamlit as st

from app.ui import result
from app.ui.text import plain
from registry.models.answer import Answer
from registry.runtime.answer_diff import ClassDiff, FoundDiff, VectorDiff, compare_answers
from registry.vision.comparing import FIRST, SAME, SECOND, draw_both
from registry.vision.encoding import encode_jpeg

_MODES = {"side": "Side by side", "overlay": "Overlay", "blink": "Blink"}
_QUALITY = 88
# Each picture is seen for 0.9 s: far slower than what can cause a seizure (WCAG 2.3.1: three flashes a second).
_BLINK = """
<style>
.nx-blink { position: relative; border-radius: .6rem; overflow: hidden; }
.nx-blink img { display: block; width: 100%; }
.nx-blink figure { margin: 0; }
.nx-blink figure + figure { position: absolute; inset: 0; animation: nx-blink 1.8s step-end infinite; }
.nx-blink:hover figure + figure { animation-play-state: paused; }
.nx-blink figcaption {
  position: absolute; left: .6rem; top: .6rem; padding: .15rem .55rem; border-radius: .4rem;
  background: rgb(15 22 51 / .78); color: #fff; font-size: .85rem;
}
@keyframes nx-blink { 50% { opacity: 0; } }
</style>
"""


def draw(first: Answer, second: Answer) -> None:
    """The pictures in the mode that is chosen, and how far the answers agree."""
    diff = compare_answers(first.prediction, second.prediction)
    modes = list(_MODES) if isinstance(diff, FoundDiff) else ["side"]
    mode = st.segmented_control(
        "Show",
        modes,
        default="side",
        required=True,
        key="inference.mode",
        format_func=_MODES.__getitem__,
        label_visibility="collapsed",
    )
    if isinstance(diff, FoundDiff) and mode == "overlay":
        _overlay(first, second, diff)
    elif mode == "blink":
        _blink(first, second)
    else:
        for column, answer in zip(st.columns(2, gap="small"), (first, second), strict=True):
            with column:
                st.image(answer.plot(), width="stretch", output_format="JPEG")
                st.caption(f"{plain(_named(answer))}: {plain(answer.prediction.says())}")
    st.markdown(_agreement(diff))


def rows(first: Answer, second: Answer) -> None:
    """What each found, in tabs of their own."""
    tabs = st.tabs([plain(_named(first), longest=30), plain(_named(second), longest=30)])
    for index, (tab, answer) in enumerate(zip(tabs, (first, second), strict=True)):
        with tab:
            result.rows(answer.to_dict(), f"result_rows_{index}")


def _overlay(first: Answer, second: Answer, diff: FoundDiff) -> None:
    same = [left for left, _ in (*diff.same, *diff.renamed)]
    alone = ((first, diff.only_left), (second, diff.only_right))
    parts = [(_boxes(answer)[list(which)], [_labels(answer)[index] for index in which]) for answer, which in alone]
    st.image(draw_both(first.image_bgr, _boxes(first)[same], *parts), width="stretch", output_format="JPEG")
    both = ((SAME, "both"), (FIRST, f"only {_named(first)}"), (SECOND, f"only {_named(second)}"))
    for column, (colour, text) in zip(st.columns(3), both, strict=True):
        column.markdown(f'<span style="color:{colour}">■</span> {plain(text)}', unsafe_allow_html=True)


def _boxes(answer: Answer) -> np.ndarray:
    """Boxes (n, 4) xyxy of objects or lines of text."""
    prediction = answer.prediction
    if prediction.lines is not None:
        return np.array([line.box_xyxy for line in prediction.lines], np.float32).reshape(-1, 4)
    found = prediction.detections
    return np.empty((0, 4), np.float32) if found is None else found.xyxy


def _labels(answer: Answer) -> list[str]:
    return [f"{row.get('text', row.get('label', ''))} {row['score']:.0%}" for row in answer.rows()]


def _blink(first: Answer, second: Answer) -> None:
    figures = "".join(
        f'<figure><img alt="" src="data:image/jpeg;base64,{_encoded(each)}">'
        f"<figcaption>version {each.version.version}</figcaption></figure>"
        for each in (first, second)
    )
    st.html(f'{_BLINK}<div class="nx-blink">{figures}</div>')
    st.caption("Hold the pointer over the picture to stop it.")


def _encoded(answer: Answer) -> str:
    return base64.b64encode(encode_jpeg(answer.plot(), _QUALITY)).decode()


def _named(answer: Answer) -> str:
    return f"{answer.version.name} v{answer.version.version}"


def _agreement(diff: FoundDiff | ClassDiff | VectorDiff) -> str:
    if isinstance(diff, FoundDiff):
        parts = [f"**{len(diff.same)}** found by both", f"**{len(diff.renamed)}** named differently"]
        parts += [f"**{len(diff.only_left)}** only by the first", f"**{len(diff.only_right)}** only by the second"]
        return " · ".join(parts)
    if isinstance(diff, ClassDiff):
        return "Both name the **same** best class." if diff.same_best else "The best classes **differ**."
    if diff.cosine is None:
        return "The embeddings have different lengths and cannot be compared."
    return f"Cosine similarity of the two embeddings: **{diff.cosine:.3f}**"
