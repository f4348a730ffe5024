"""A dataset's way out: a zip archive or a folder in one of the formats that are read."""

import secrets
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path

from registry.errors import InvalidInput, StorageUnavailable
from registry.training.datasets import annotations, write_coco, write_folders, write_voc, write_yolo
from registry.training.datasets.layout import CARRIES, Layout, Writer
from registry.training.datasets.sample import Dataset

WRITERS: dict[str, Writer] = {
    "yolo": write_yolo.layout,
    "coco": write_coco.layout,
    "voc": write_voc.layout,
    "folders": write_folders.layout,
}
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same dataset always makes the same archive


def formats_for(dataset: Dataset) -> list[str]:
    """The formats that have room for what a dataset holds."""
    return [name for name, tasks in CARRIES.items() if dataset.task in tasks]


def export(folder: Path, dataset: Dataset, form: str, target: Path) -> Path:
    """Write a version's folder to `target`, whole or not at all; returns it.

    A target that ends in `.zip` becomes an archive, another one a new folder. Raises InvalidInput for a format that has
    no room for the dataset's task and for a folder that is there already, StorageUnavailable.
    """
    if form not in WRITERS:
        raise InvalidInput(f"{form[:40]!r} is no format: {', '.join(WRITERS)}")
    if dataset.task not in CARRIES[form]:
        fitting = ", ".join(formats_for(dataset))
        raise InvalidInput(f"{form} has no room for what teaches to {dataset.task}", hint=f"Choose {fitting}.")
    as_archive = target.suffix == ".zip"
    if target.is_dir() or (target.exists() and not as_archive):
        raise InvalidInput(f"{target} is there already", hint="Name a folder that is not there yet, or a .zip file.")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        (_write_archive if as_archive else _write_folder)(draft, folder, WRITERS[form](dataset))
        draft.replace(target)
    except OSError as error:
        raise StorageUnavailable(f"the export could not be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            shutil.rmtree(draft) if draft.is_dir() else draft.unlink()
    return target


def _write_archive(draft: Path, folder: Path, layout: Layout) -> None:
    with zipfile.ZipFile(draft, "x") as archive:
        for name, text in layout.texts.items():
            archive.writestr(_member(name, packed=True), text)
        for name, sample in layout.pictures:
            archive.writestr(_member(name, packed=False), (folder / annotations.IMAGES / sample.file).read_bytes())


def _write_folder(draft: Path, folder: Path, layout: Layout) -> None:
    for name, text in layout.texts.items():
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        (draft / name).write_text(text, encoding="utf-8")
    for name, sample in layout.pictures:
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / annotations.IMAGES / sample.file, draft / name)


def _member(name: str, *, packed: bool) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, _LONG_AGO)
    made.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    made.external_attr = 0o644 << 16
    return made
