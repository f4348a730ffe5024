"""The samples as a gallery shows them."""

from pathlib import Path

import streamlit as st
from PIL import Image

from registry.vision.samples import Sample, find_samples

_THUMBNAIL_WH = (320, 240)


@st.cache_data(show_spinner=False)
def samples(limit: int = 12) -> list[Sample]:
    """The first samples of this machine."""
    return find_samples()[:limit]


@st.cache_data(show_spinner=False, max_entries=64)
def thumbnail(path: Path) -> Image.Image:
    """A small copy for the gallery, 4:3."""
    with Image.open(path) as image:
        small = image.convert("RGB")
    width, height = small.size
    cut = min(width / 4, height / 3)
    left, top = (width - cut * 4) / 2, (height - cut * 3) / 2
    return small.resize(_THUMBNAIL_WH, Image.Resampling.LANCZOS, box=(left, top, left + cut * 4, top + cut * 3))
