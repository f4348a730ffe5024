"""What a file is, by its content; its name says nothing."""

import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from registry.conversion.onnx_pair import members_of
from registry.errors import InvalidModel
from registry.runtime.protobuf_wire import BYTES, VARINT, CutOff, fields

_TENSORRT_HINT = (
    "Upload the ONNX file it was built from: the engine is built on the machine that serves it, by ONNX Runtime's "
    "TensorRT provider. An engine runs only on the kind of GPU and the TensorRT release that made it, and it is code."
)
_EXPORT_HINT = "Export the network to ONNX, or save it as TorchScript (torch.jit.trace(...).save), and upload that."
_CUT_HINT = "Compare its size with that of the original, then copy or export it again and send it whole."
_HEAD = 64
_TEXT_PICKLE = re.compile(rb"c[\w.]+\n\w+\n|\((?:dp|lp|i[\w.]+\n|c[\w.]+\n|[SVd])")
_FIELDS = 1_000  # no format that is known here numbers its fields higher
_MOST_FIELDS = 200_000  # of a message's top level: a frozen graph has one for each node


class FileKind(StrEnum):
    """Every kind of file that has a way in."""

    ONNX = "ONNX"
    TORCH = "PyTorch checkpoint"
    TORCHSCRIPT = "TorchScript"
    KERAS = "Keras archive"
    HDF5 = "Keras HDF5"
    SAVED_MODEL = "SavedModel"
    FROZEN_GRAPH = "frozen TensorFlow graph"
    ONNX_PAIR = "ONNX files that belong together"


def kind_of(path: Path, names: Iterable[str] | None) -> FileKind:
    """The kind of a file. `names` are the members of a zip archive, None for another file.

    Raises InvalidModel, with the way that leads in, for what has none.
    """
    if names is not None:
        return _kind_of_archive(list(names))
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise InvalidModel("the file has 0 bytes", hint=_CUT_HINT)
    _refuse_known(head)
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return FileKind.HDF5
    return _kind_of_protobuf(path)


def _kind_of_archive(names: list[str]) -> FileKind:
    leaves = {name.partition("/")[2] for name in names}  # torch puts everything into one folder
    if "data.pkl" in leaves:
        return FileKind.TORCHSCRIPT if "constants.pkl" in leaves else FileKind.TORCH
    if {"config.json", "model.weights.h5"} <= set(names):
        return FileKind.KERAS
    if "saved_model.pb" in {*names, *leaves}:
        return FileKind.SAVED_MODEL
    if members_of(names):
        return FileKind.ONNX_PAIR
    if any(name.endswith(".onnx") for name in names):
        raise InvalidModel(
            "a zip archive with an ONNX file in it",
            hint="Upload the ONNX file itself; only encoder.onnx with decoder.onnx, and det.onnx with rec.onnx, "
            "come together in a zip archive.",
        )
    shown = ", ".join(sorted(names)[:4]) or "nothing"
    raise InvalidModel(
        f"a zip archive that is no model: it holds {shown[:200]}",
        hint="Send the file that the framework wrote, or the zipped folder of a SavedModel, or a pair of ONNX files.",
    )


def _refuse_known(head: bytes) -> None:
    if head[:4] in (b"ftrt", b"ptrt") or (head[4:5] == b"{" and head[2:4] == b"\0\0"):
        raise InvalidModel("a TensorRT engine", hint=_TENSORRT_HINT)
    if head[:1] == b"\x80" and 2 <= head[1] <= 5:
        raise InvalidModel("a bare pickle, which is a program and is never opened here", hint=_EXPORT_HINT)
    if _TEXT_PICKLE.match(head):
        raise InvalidModel("a pickle of protocol 0, which is a program and is never opened here", hint=_EXPORT_HINT)
    if head[8:9] == b"{" and head[5:8] == b"\0\0\0":
        raise InvalidModel("safetensors, which holds weights without their network", hint=_EXPORT_HINT)
    for magic, what in ((b"\x1f\x8b", "a gzip file"), (b"7z\xbc\xaf", "a 7z archive"), (b"Rar!", "a RAR archive")):
        if head.startswith(magic):
            raise InvalidModel(f"{what}, which is not unpacked here", hint="Upload the model file itself.")
    if head[4:8] == b"ORTM":
        raise InvalidModel("ONNX Runtime's own .ort format, not ONNX", hint="Upload the ONNX file it was made from.")


def _kind_of_protobuf(path: Path) -> FileKind:
    """ONNX and TensorFlow both write protobuf messages without a magic number; their top fields differ."""
    found, is_cut = _top_fields(path.read_bytes())
    if (1, VARINT) in found and (7, BYTES) in found:  # ModelProto: ir_version, graph
        if is_cut:
            raise InvalidModel("an ONNX file that is cut off or broken: it says that it is longer", hint=_CUT_HINT)
        return FileKind.ONNX
    if is_cut:
        found = set()
    if (1, VARINT) in found and (2, BYTES) in found:  # SavedModel: schema version, meta graphs
        raise InvalidModel(
            "a saved_model.pb without its folder", hint="Zip the whole SavedModel folder, variables included."
        )
    if (1, BYTES) in found and found <= {(1, BYTES), (2, BYTES), (3, VARINT), (4, BYTES), (5, BYTES)}:
        return FileKind.FROZEN_GRAPH  # GraphDef: nodes, library, versions
    raise InvalidModel(
        "no format that has a way in: ONNX, PyTorch, TorchScript, Keras and TensorFlow are known", hint=_EXPORT_HINT
    )


def _top_fields(data: bytes) -> tuple[set[tuple[int, int]], bool]:
    """(field, wire type) of a protobuf message's top level, empty for bytes that are none; whether it is cut off."""
    found: set[tuple[int, int]] = set()
    try:
        for count, (field, wire, _, _) in enumerate(fields(data, 0, len(data))):
            if field >= _FIELDS or count >= _MOST_FIELDS:
                return set(), False
            found.add((field, wire))
    except CutOff as cut:
        return found | {cut.field}, True
    except ValueError:
        return set(), False
    return found, False
