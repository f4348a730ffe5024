"""Pictures to try a model on: the project's samples, and photographs that installed packages carry."""

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from PIL import Image

from registry.settings import PROJECT_ROOT

_FOLDER = PROJECT_ROOT / "data" / "samples"
_IN_PACKAGES = {
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
    "ultralytics": ("assets/bus.jpg", "assets/zidane.jpg"),
}
_SIZE = re.compile(r"[-_]\d+$")  # `clouds-1280`: the size is no part of a caption
_THUMBNAIL_WH = (320, 240)


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture on this machine; `name` is unique among them."""

    name: str
    path: Path

    @property
    def title(self) -> str:
        """The name as a caption."""
        return _SIZE.sub("", self.path.stem).replace("_", " ").replace("-", " ").capitalize()


@st.cache_data(show_spinner=False)
def samples(limit: int = 8) -> list[Sample]:
    """Every sample that is there; what is not installed is left out."""
    files = sorted(path for kind in ("*.jpg", "*.png") for path in _FOLDER.glob(kind))
    found = [Sample(path.name, path) for path in files]
    for package, names in _IN_PACKAGES.items():
        root = _folder_of(package)
        found += [
            Sample(f"{package}/{Path(name).name}", root / name) for name in names if root and (root / name).is_file()
        ]
    return found[:limit]


@st.cache_data(show_spinner=False, max_entries=64)
def thumbnail(path: Path) -> Image.Image:
    """A small copy for the gallery, 4:3."""
    with Image.open(path) as image:
        small = image.convert("RGB")
    width, height = small.size
    cut = min(width / 4, height / 3)
    left, top = (width - cut * 4) / 2, (height - cut * 3) / 2
    return small.resize(_THUMBNAIL_WH, Image.Resampling.LANCZOS, box=(left, top, left + cut * 4, top + cut * 3))


def _folder_of(package: str) -> Path | None:
    """Where a package lies, without importing it."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None
