"""A model of several files as the one archive that its way in takes: a pair of ONNX files, a SavedModel."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from registry.errors import InvalidModel, UploadTooLarge

_MOST_FILES = 1_000


def packed(model: Path | Mapping[str, bytes | Path], most_mb: int) -> bytes:
    """A zip of a folder, or of files by name; stored as they are, weights hardly shrink.

    Raises InvalidModel for a folder without a file, a link in it or too many files, UploadTooLarge above `most_mb`.
    """
    files = _files(model) if isinstance(model, Path) else dict(model)
    if not files:
        raise InvalidModel(f"{model} holds no file" if isinstance(model, Path) else "a model of no files")
    out, size = io.BytesIO(), 0
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            data = content.read_bytes() if isinstance(content, Path) else content
            size += len(data)
            if size > most_mb << 20:
                raise UploadTooLarge(f"the files have more than {most_mb} MiB together, which is the limit")
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def _files(folder: Path) -> dict[str, bytes | Path]:
    found: dict[str, bytes | Path] = {}
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise InvalidModel(f"{path} is a link; a model's folder holds files")
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path
        if len(found) > _MOST_FILES:
            raise InvalidModel(f"{folder} holds more than {_MOST_FILES} files: is it a model's folder?")
    return found
