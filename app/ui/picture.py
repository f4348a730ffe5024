"""Choosing the pictures to look at: a sample, files of one's own, or one from the camera."""

from collections.abc import Sequence

import streamlit as st

from app.ui.samples import samples, thumbnail
from app.ui.session import platform
from app.ui.text import many, plain
from registry.models.many import Picture
from registry.vision.samples import Sample

MOST_PICTURES = 20  # at once on a page; what is kept of a run and its picture stays with the session
KINDS = ["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff"]
_SOURCES = {
    "samples": "Samples",
    "files": "Your own",
    "camera": "Camera",
}


def choose_pictures(page: str = "picture", across: int = 4) -> Sequence[Picture]:
    """Draw the ways to a picture; answers what is chosen, nothing where it cannot be used.

    `page` keeps keys apart; `across` samples are in a row.
    """
    st.subheader("Picture", anchor=False)
    source = st.segmented_control(
        "Source",
        list(_SOURCES),
        default="samples",
        required=True,
        key=f"{page}.source",
        format_func=_SOURCES.__getitem__,
        label_visibility="collapsed",
    )
    if source == "files":
        return upload_pictures(page)
    if source == "camera":
        taken = st.camera_input("Take a picture", key=f"{page}.camera", label_visibility="collapsed")
        return [Picture("camera.jpg", taken.getvalue())] if taken is not None else []
    return _sample(page, across)


def upload_pictures(page: str) -> Sequence[Picture]:
    """One or several files; more than MOST_PICTURES are refused."""
    sent = st.file_uploader(
        "Photos",
        type=KINDS,
        key=f"{page}.files",
        accept_multiple_files=True,
        max_upload_size=platform().live.current().image_max_mb,
        label_visibility="collapsed",
    )
    if len(sent) > MOST_PICTURES:
        st.warning(
            f"{many(len(sent), 'picture')} are too many for a page: choose at most {MOST_PICTURES}.",
            icon=":material/photo_library:",
        )
        return []
    return [Picture(file.name, file.getvalue()) for file in sent]


def _sample(page: str, across: int) -> Sequence[Picture]:
    found = samples()
    if not found:
        st.markdown(":gray[No samples are installed here. Use a photo of your own.]")
        return []
    chosen = _chosen(page, found)
    _gallery(page, found, chosen, across)
    return [Picture(chosen.name, chosen.path.read_bytes())]


def _chosen(page: str, found: Sequence[Sample]) -> Sample:
    name = str(st.session_state.get(f"{page}.chosen", ""))
    return next((sample for sample in found if sample.name == name), found[0])


def _gallery(page: str, found: Sequence[Sample], chosen: Sample, across: int) -> None:
    def choose(name: str) -> None:
        st.session_state[f"{page}.chosen"] = name

    columns = st.columns(across, gap="small")
    for index, sample in enumerate(found):
        with columns[index % across], st.container(key=f"sample_{index}", gap="xsmall"):
            st.image(thumbnail(sample.path), width="stretch")
            picked = sample.name == chosen.name
            st.button(
                plain(sample.title, longest=18),
                key=f"{page}.sample.{sample.name}",
                type="primary" if picked else "secondary",
                icon=":material/check:" if picked else None,
                on_click=choose,
                args=(sample.name,),
                width="stretch",
            )
