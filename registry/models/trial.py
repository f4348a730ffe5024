"""The trial run of a model on its way in: once, in an isolated child with bounded memory, time and files."""

from collections.abc import Mapping
from pathlib import Path

from registry.conversion.doors import Doors
from registry.conversion.sandbox import Bounds, Task, run_isolated, work_folder
from registry.runtime.card import ModelCard
from registry.runtime.loading import load

SECONDS = 60
_BASE_BYTES = 3 << 30  # interpreter, ONNX Runtime and about 2 GiB for the run
_PER_BYTE = 4  # of the model's size: the file, its parsed form, the session's weights and their copies
_MAPPED_BYTES = 4 << 30  # libraries, which are mapped whole
_CARD = "card.json"


def try_out(files: Mapping[str, bytes], card: ModelCard, seconds: float = SECONDS) -> Doors:
    """Load the model of these files and run it on a grey image, in a child that is ended when it takes too much.

    Returns which doors were shut around it. Raises InvalidModel, UnsupportedOutputs, InvalidCard with what the
    child found, or which bound it broke.
    """
    size = sum(map(len, files.values()))
    memory = _BASE_BYTES + _PER_BYTE * size
    bounds = Bounds(seconds, memory, memory + _MAPPED_BYTES, size + (64 << 20))
    with work_folder() as folder:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        (folder / _CARD).write_text(card.model_dump_json(), encoding="utf-8")
        return run_isolated(Task(__name__, bounds, "the trial run of the model"), folder)[1]


def work(folder: Path) -> str:
    """In the child: load, then run."""
    card = ModelCard.parse((folder / _CARD).read_bytes())
    files = [*folder.glob("*.onnx"), *folder.glob("*.txt")]
    load({path.name: path for path in files}, card).warm_up()
    return "ran"
