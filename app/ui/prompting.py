"""Segmenting what is marked on a picture: every mark is answered at once, the picture is encoded once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from app.ui import downloads, result
from app.ui.frame import card
from app.ui.inference_run import Looked, Run, remember
from app.ui.marker import Mark, marker, sent
from app.ui.model_choice import Which
from app.ui.pager import page_number, pager
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import plain
from app.ui.thresholds import sliders
from registry.access import Actor
from registry.errors import RegistryError
from registry.models.answer import KeptRun
from registry.models.files import sha256_of
from registry.models.many import Picture
from registry.runtime.prompts import MOST_PROMPTS, Prompts
from registry.vision.encoding import encode_jpeg
from registry.vision.images import ImageBgr, decode_image

_PICTURE, _MARKS, _KIND = "prompting.picture", "prompting.marks", "prompting.kind"
_POSITIVE, _BESIDE = ":material/add_circle: On the object", ":material/do_not_disturb_on: Beside it"
_QUALITY = 88


@dataclass(slots=True)
class _Marks:
    """The marks on one picture, in the order they were made, as a prompt takes them."""

    points: list[tuple[float, float, int]] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    heard_at: int = 0

    def add(self, mark: Mark | None, *, beside: bool) -> bool:
        """Take a mark in; whether it is a new one. What is more than a prompt may hold is dropped."""
        if mark is None or mark.at <= self.heard_at:
            return False
        self.heard_at = mark.at
        if len(self.made) >= MOST_PROMPTS:
            return False
        if mark.box_xyxy is not None:
            self.boxes.append(mark.box_xyxy)
            self.made.append("box")
        elif mark.point is not None:
            x, y, on = mark.point
            self.points.append((x, y, int(on and not beside)))
            self.made.append("point")
        return True

    def undo(self) -> None:
        """Take the last mark back."""
        (self.boxes if self.made.pop() == "box" else self.points).pop()

    def prompts(self) -> Prompts | None:
        """What to ask for; None as long as nothing is marked that lies on an object."""
        if not self.boxes and not any(on for _, _, on in self.points):
            return None
        points = self.points if any(on for _, _, on in self.points) else []
        return Prompts(points, self.boxes)


def draw(actor: Actor, pictures: Sequence[Picture], which: Which) -> None:
    """The whole section: the picture to mark, and what the model cut out of it."""
    if not pictures:
        st.markdown(":gray[Choose a picture first.]")
        return
    number = min(page_number(_PICTURE), len(pictures))
    picture = pictures[number - 1]
    try:
        limit = platform().live.current().image_max_pixels
        image_bgr = decode_image(picture.image, limit)
        marks, size_wh = _marks(picture), (image_bgr.shape[1], image_bgr.shape[0])
        marks.add(sent(_key(picture), size_wh), beside=_beside())
        prompts = marks.prompts()
        kept = None
        if prompts is not None:
            kept = platform().serving.keep_run(actor, picture.image, **which.names, prompts=prompts)  # type: ignore[arg-type]
        _show(actor, picture, image_bgr, marks, kept)
    except RegistryError as error:
        st.markdown(f"**{plain(picture.name, longest=80)}**")
        error_box(error)
    if len(pictures) > 1:
        pager(_PICTURE, len(pictures), 1, "picture")


def _marks(picture: Picture) -> _Marks:
    """The marks of this picture: those of another are let go."""
    key = sha256_of(picture.image)
    held = st.session_state.get(_MARKS)
    if not isinstance(held, tuple) or held[0] != key:
        held = st.session_state[_MARKS] = (key, _Marks())
    found: _Marks = held[1]
    return found


def _show(actor: Actor, picture: Picture, image_bgr: ImageBgr, marks: _Marks, kept: KeptRun | None) -> None:
    left, right = st.columns([0.6, 0.4], gap="medium")
    answer = None
    with right:
        if kept is None:
            with card("prompt_help"):
                st.subheader("Mark an object", anchor=False)
                st.markdown(
                    "Click on it, or drag a box around it.  \n"
                    ":gray[Further clicks sharpen the outline; with *Beside it*, or the shift key, a click says what "
                    "does not belong to it. Each box is an object of its own.]"
                )
        else:
            wanted = sliders(kept)
            answer = kept.answer(wanted.confidence)
            body = answer.to_dict()
            result.rows(body)
            result.timing(answer)
    with left, card("result_picture"):
        drawn = answer.plot() if answer else np.ascontiguousarray(image_bgr[..., ::-1])
        _picture(picture, drawn, (image_bgr.shape[1], image_bgr.shape[0]), marks)
        if answer and kept:
            run = Run((Looked(picture, kept, None),), ())
            downloads.draw(run, picture.name, answer, None, wanted)
            if st.button("Keep in the history", key="prompting.keep", icon=":material/bookmark_add:", type="tertiary"):
                remember(actor, kept, picture.name)
                st.toast("Kept in the history", icon=":material/bookmark_added:")


def _picture(picture: Picture, drawn: np.ndarray, size_wh: tuple[int, int], marks: _Marks) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.segmented_control(
            "A click is",
            [_POSITIVE, _BESIDE],
            default=_POSITIVE,
            required=True,
            key=_KIND,
            label_visibility="collapsed",
        )
        with st.container(horizontal=True, width="content"):
            st.button(
                "Undo", key="prompting.undo", icon=":material/undo:", on_click=marks.undo, disabled=not marks.made
            )
            st.button("Clear", key="prompting.clear", icon=":material/close:", on_click=_clear, disabled=not marks.made)
    late = marker(_key(picture), encode_jpeg(drawn, _QUALITY), size_wh, marks.points, marks.boxes)
    if marks.add(late, beside=_beside()):
        st.rerun()


def _key(picture: Picture) -> str:
    return f"prompting.marker.{sha256_of(picture.image)[:16]}"


def _beside() -> bool:
    return bool(st.session_state.get(_KIND) == _BESIDE)


def _clear() -> None:
    st.session_state.pop(_MARKS, None)
