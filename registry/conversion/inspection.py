"""The work of a child: what a file is and what it would do, without running any of it."""

import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from registry.conversion import tensorflow_scan
from registry.conversion.census import take_census
from registry.conversion.file_kind import FileKind, kind_of
from registry.conversion.pickle_scan import PickleReport, refuse_alarming, scan_pickle
from registry.conversion.sandbox import Bounds, Task, run_isolated, work_folder
from registry.errors import InvalidModel

_FILE = "file"
_SECONDS = 120
_EXPORT_HINT = "Save it as TorchScript (torch.jit.trace(...).save) or export it to ONNX, and upload that."


@dataclass(frozen=True, slots=True)
class Finding:
    """A file's kind, how many members its archive has, and the names its pickles ask for."""

    kind: FileKind
    members: int
    pickled_names: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return asdict(self)


def inspect(path: Path) -> Finding:
    """Look at a file in a child. Raises InvalidModel with what is wrong and what to do."""
    size = path.stat().st_size
    bounds = Bounds(_SECONDS, (1 << 30) + 2 * size, (5 << 30) + 2 * size, size + (64 << 20))
    with work_folder(path.parent) as folder:
        shutil.copyfile(path, folder / _FILE)  # a copy: the child may do with it what it likes
        found, _ = run_isolated(Task(__name__, bounds, "the look at the file"), folder)
    return Finding(FileKind(found["kind"]), int(found["members"]), tuple(map(str, found["pickled_names"])))


def work(folder: Path) -> dict[str, Any]:
    """In the child: census, kind, scan."""
    path = folder / _FILE
    names = take_census(path)
    kind = kind_of(path, names)
    reports = _scan(path, kind, names or ())
    refuse_alarming(reports)
    asked = sorted({name for report in reports for name in report.names})
    if kind is FileKind.TORCH:
        _refuse_other_checkpoints(asked)
    return Finding(kind, len(names or ()), tuple(asked)).to_dict()


def _scan(path: Path, kind: FileKind, names: Sequence[str]) -> list[PickleReport]:
    if kind in (FileKind.TORCH, FileKind.TORCHSCRIPT):
        pickles = [name for name in names if name.endswith(".pkl")]
        # TorchScript's own classes have names of the archive (`__torch__.…`) and are no Python
        return [scan_pickle(_member(path, name)) for name in pickles]
    if kind is FileKind.KERAS:
        tensorflow_scan.refuse_code_in_config(_member(path, "config.json"))
    elif kind is FileKind.HDF5:
        tensorflow_scan.refuse_code_in_text(path.read_bytes())
    elif kind is FileKind.FROZEN_GRAPH:
        tensorflow_scan.refuse_reaching_operators(path.read_bytes())
    elif kind is FileKind.SAVED_MODEL:
        tensorflow_scan.refuse_reaching_saved_model(_member(path, _only_graph(names)))
    return []


def _only_graph(names: Sequence[str]) -> str:
    """The one file in which the graph lies: of several, nobody could tell which is loaded."""
    graphs = [name for name in names if name.rpartition("/")[2].startswith("saved_model.")]
    if len(graphs) != 1:
        shown = ", ".join(sorted(graphs)[:4])
        raise InvalidModel(
            f"the archive holds {len(graphs)} files of a SavedModel's graph, {shown[:200]}: one is accepted",
            hint="Zip the folder of one SavedModel, as it was exported.",
        )
    return graphs[0]


def _member(path: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(name)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        told = f"{name[:80]!r} in the archive is damaged: {str(error)[:120]}"
        raise InvalidModel(told, hint=InvalidModel.broken_hint) from error


def _refuse_other_checkpoints(names: Sequence[str]) -> None:
    if not any(name.startswith("ultralytics.") for name in names):
        whole = any(name.startswith(("torch.nn.modules", "torchvision.", "__main__")) for name in names)
        what = "a pickled module, whose classes are code" if whole else "weights without their network"
        raise InvalidModel(f"the PyTorch checkpoint holds {what}", hint=_EXPORT_HINT)
