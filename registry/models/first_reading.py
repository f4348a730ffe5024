"""The first reading of ONNX files on their way in: in an isolated child, since what they become can be far larger."""

from collections.abc import Mapping
from pathlib import Path

from registry.conversion.sandbox import Bounds, Task, run_isolated, work_folder
from registry.runtime.card import MODEL_FILE, ModelCard
from registry.runtime.graph_check import check_graph
from registry.runtime.infer_card import infer_card

SECONDS = 120
_BASE_BYTES = 512 << 20  # interpreter, libraries, a graph without its weights
_PER_BYTE = 9  # of the files: their messages, the copies in which sizes are inferred and structure is checked
_MAPPED_BYTES = 4 << 30  # libraries, which are mapped whole
_CARDED = "carded"


def read_graphs(files: Mapping[str, bytes], card: ModelCard | None, seconds: float = SECONDS) -> ModelCard:
    """Check every graph among these files; the card, or one read from them where there is none.

    Raises InvalidModel, UnsupportedOutputs, InvalidCard with what the child found, or which bound it broke.
    """
    size = sum(map(len, files.values()))
    memory = _BASE_BYTES + _PER_BYTE * size
    bounds = Bounds(seconds, memory, memory + _MAPPED_BYTES, size + (64 << 20))
    with work_folder() as folder:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        if card is not None:
            (folder / _CARDED).touch()
        found, _ = run_isolated(Task(__name__, bounds, "the first reading of the graph"), folder)
    return card or ModelCard.parse(str(found).encode())


def work(folder: Path) -> str:
    """In the child: check, then derive a card unless one was given; as JSON, empty where it was."""
    graphs = {path.name: path.read_bytes() for path in sorted(folder.glob("*.onnx"))}
    for data in graphs.values():
        check_graph(data)
    if (folder / _CARDED).exists():
        return ""
    if MODEL_FILE in graphs:
        return infer_card(graphs[MODEL_FILE]).model_dump_json()
    from registry.runtime.infer_pair_card import infer_pair_card  # half a second of libraries that draw

    return infer_pair_card(graphs).model_dump_json()
