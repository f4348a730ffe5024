"""Choosing the picture to look at: a sample, or one of the user's own."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app.ui.samples import samples, thumbnail
from app.ui.session import platform
from app.ui.text import plain
from registry.vision.samples import Sample

_CHOSEN = "picture.chosen"
_KINDS = ["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff"]


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture: a file on this machine, or bytes that were sent."""

    name: str
    source: Path | bytes

    def read(self) -> bytes:
        """The encoded bytes."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()


def choose_picture() -> Picture | None:
    """Draw the gallery and the upload; answers what is chosen."""
    st.subheader("Picture", anchor=False)
    gallery, own = st.tabs([":material/photo_library: Samples", ":material/upload: Your own"])
    with own:
        sent = st.file_uploader(
            "A photo", type=_KINDS, key="picture.file", max_upload_size=platform().settings.image_max_mb
        )
        if sent is not None:
            st.image(sent.getvalue(), width=280)
            return Picture(sent.name, sent.getvalue())
    found = samples()
    with gallery:
        if not found:
            st.markdown(":gray[No samples are installed here. Use a photo of your own.]")
            return None
        _gallery(found)
    chosen = {sample.name: sample for sample in found}[_chosen(found)]
    return Picture(chosen.title, chosen.path)


def _chosen(found: list[Sample]) -> str:
    name = str(st.session_state.get(_CHOSEN, ""))
    return name if name in {sample.name for sample in found} else found[0].name


def _gallery(found: list[Sample]) -> None:
    def choose(name: str) -> None:
        st.session_state[_CHOSEN] = name

    chosen = _chosen(found)
    columns = st.columns(4, gap="small")
    for index, sample in enumerate(found):
        with columns[index % 4], st.container(key=f"sample_{index}", gap="xsmall"):
            st.image(thumbnail(sample.path), width="stretch")
            picked = sample.name == chosen
            st.button(
                plain(sample.title, longest=18),
                key=f"picture.sample.{sample.name}",
                type="primary" if picked else "secondary",
                icon=":material/check:" if picked else None,
                on_click=choose,
                args=(sample.name,),
                width="stretch",
            )
