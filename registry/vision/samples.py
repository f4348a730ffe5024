"""Pictures to try a model on: the project's own, and photographs that installed packages carry."""

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from registry.settings import PROJECT_ROOT

_FOLDER = PROJECT_ROOT / "data" / "samples"
_IN_PACKAGES = {
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
    "ultralytics": ("assets/bus.jpg", "assets/zidane.jpg"),
}
_SIZE = re.compile(r"[-_]\d+$")  # `clouds-1280`: the size is no part of a caption


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture on this machine; `name` and the caption `title` are unique among them."""

    name: str
    title: str
    path: Path


def find_samples() -> list[Sample]:
    """Every sample that is there; what is not installed is left out, and no package is imported for it."""
    files = sorted(path for kind in ("*.jpg", "*.png") for path in _FOLDER.glob(kind))
    found = [Sample(path.name, _caption(path), path) for path in files]
    for package, names in _IN_PACKAGES.items():
        root = _folder_of(package)
        carried = [root / name for name in names] if root else []
        found += [
            Sample(f"{package}/{path.name}", f"{_caption(path)} photo", path) for path in carried if path.is_file()
        ]
    return found


def _caption(path: Path) -> str:
    return _SIZE.sub("", path.stem).replace("_", " ").replace("-", " ").capitalize()


def _folder_of(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None
