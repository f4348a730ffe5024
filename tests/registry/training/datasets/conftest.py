"""Small datasets to bring in: made of real, tiny pictures."""

import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from registry.access import Actor
from registry.records import datasets as records
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.intake import Wanted, take_in
from registry.training.datasets.problems import ImportReport
from registry.training.datasets.sample import Dataset, DatasetTask
from registry.vision.encoding import encode_jpeg, encode_png

Pack = Callable[[Mapping[str, "str | bytes"]], Path]
TakeIn = Callable[..., tuple[Dataset, ImportReport]]


@cache
def picture(seed: int = 0, size_wh: tuple[int, int] = (32, 24), suffix: str = ".png") -> bytes:
    """A picture of noise; another seed looks entirely different."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)
    return encode_png(pixels) if suffix == ".png" else encode_jpeg(pixels)


def deleted_meanwhile(datasets: Datasets, actor: Actor, name: str) -> None:
    """A dataset's end as of a deletion that had looked for its uses just before a job was queued."""
    with datasets.database.write() as session:
        records.remove(session, datasets.record(actor, name))
    datasets.workspace.forget(name, list)


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Write members into a zip archive."""

    def write(members: Mapping[str, str | bytes]) -> Path:
        path = tmp_path / f"{len(list(tmp_path.glob('*.zip')))}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return path

    return write


@pytest.fixture
def bring(tmp_path: Path, pack: Pack) -> TakeIn:
    """Bring members of an archive, an archive or a folder in; gives the dataset and the report."""
    count = 0

    def run(source: Mapping[str, str | bytes] | Path, form: str | None = None, task: DatasetTask | None = None):  # type: ignore[no-untyped-def]
        nonlocal count
        count += 1
        path = source if isinstance(source, Path) else pack(source)
        return take_in(path, tmp_path / "in" / str(count), Wanted(form, task))

    return run
