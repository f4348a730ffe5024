"""What a pickle would call, read from its opcodes without running one: an alarm, not a gate.

The gate is the loader that builds nothing but known layers, inside a child that can reach nothing.
"""

import _compat_pickle
import pickletools
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from registry.conversion.pickle_stack import PickleStack
from registry.errors import InvalidModel

_OPCODES_MOST = 20_000_000
_SHOWN = 200
_EXTENSIONS = frozenset({"EXT1", "EXT2", "EXT4"})  # a name by its number in a table of the process that loads
_COMPUTED = "a name put together while loading"
# A checkpoint needs these names of the standard library; all others of it can start, import, evaluate or reach.
_PLAIN = "getattr set frozenset dict list tuple int float bool str bytes bytearray complex slice range object"
_GENUINE = frozenset(
    [f"builtins.{name}" for name in _PLAIN.split()]
    + [f"collections.{name}" for name in ("OrderedDict", "defaultdict", "Counter", "deque", "namedtuple")]
    + [f"{module}.{name}" for module in ("pathlib", "pathlib._local") for name in ("PosixPath", "WindowsPath", "Path")]
    + [f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")]
    + ["_codecs.encode", "argparse.Namespace", "copyreg._reconstructor"]
    + ["enum.Enum", "types.SimpleNamespace"]
    + [f"torch.jit._pickle.{name}" for name in ("build_intlist", "build_tensorlist", "build_doublelist")]
    + [f"torch.jit._pickle.{name}" for name in ("build_boollist", "build_tensor_from_id", "restore_type_tag")]
    + ["torch.serialization._get_layout"]
)
_MODULES = sys.stdlib_module_names | frozenset(
    ["cloudpickle", "dill", "httpx", "joblib", "onnxruntime", "pip", "requests", "setuptools", "urllib3"]
)
_PREFIXES = (
    "numpy.distutils",
    "numpy.f2py",
    "numpy.testing",
    "torch._dynamo",
    "torch._inductor",
    "torch.distributed",
    "torch.fx",
    "torch.hub",
    "torch.jit",
    "torch.package",
    "torch.serialization",
    "torch.utils",
    "ultralytics.utils.checks",
    "ultralytics.utils.downloads",
    "ultralytics.hub",
    "ultralytics.data",
    "ultralytics.engine",
)
_EVALUATING = frozenset({"eval", "exec", "execfile", "__import__", "__reduce__", "__globals__", "__subclasses__"})
_NAMES = frozenset({"torch.load", "numpy.load", "numpy.fromfile", "numpy.loadtxt", "numpy.genfromtxt", "numpy.memmap"})


@dataclass(frozen=True, slots=True)
class PickleReport:
    """The names a pickle asks for, and those of them that no model needs."""

    names: tuple[str, ...]
    alarming: tuple[str, ...]


def scan_pickle(data: bytes) -> PickleReport:
    """Walk the opcodes. Raises InvalidModel for bytes that are no pickle, or one without end."""
    names = sorted(set(_globals(data)))
    alarming = tuple(name for name in map(_of_today, names) if _alarming(name))
    return PickleReport(tuple(names[:_SHOWN]), alarming[:_SHOWN])


def _of_today(name: str) -> str:
    """What Python 3 calls a name of Python 2, by which pickles up to protocol 2 ask: `commands` is `subprocess`."""
    module, _, attribute = name.rpartition(".")
    module, attribute = _compat_pickle.NAME_MAPPING.get((module, attribute), (module, attribute))
    module = _compat_pickle.IMPORT_MAPPING.get(module, module)
    return f"{module}.{attribute}" if module else attribute


def _globals(data: bytes) -> Iterator[str]:
    stack = PickleStack()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count > _OPCODES_MOST:
                raise InvalidModel(f"the pickle has more than {_OPCODES_MOST} opcodes")
            if opcode.name in ("GLOBAL", "INST"):
                yield str(argument).replace(" ", ".", 1)
            elif opcode.name == "STACK_GLOBAL":
                yield stack.named() or _COMPUTED
            elif opcode.name in _EXTENSIONS:
                yield _COMPUTED
            stack.step(opcode.name, argument)
    except (ValueError, IndexError, KeyError, UnicodeDecodeError, AttributeError) as error:
        told = f"the pickle inside is damaged: {str(error)[:120]}"
        raise InvalidModel(told, hint=InvalidModel.broken_hint) from error


def _alarming(name: str) -> bool:
    if name in _GENUINE:
        return False
    top, *parts = name.split(".")
    below = any(name == prefix or name.startswith(prefix + ".") for prefix in _PREFIXES)
    aliased = any(part in sys.stdlib_module_names or part in _EVALUATING for part in parts)
    return top in _MODULES or aliased or below or name in _NAMES or not parts


def refuse_alarming(reports: Iterable[PickleReport]) -> None:
    """Raises InvalidModel naming what no model needs."""
    names = sorted({name for report in reports for name in report.alarming})
    if names:
        raise InvalidModel(
            f"the checkpoint would call {', '.join(names[:5])[:300]} when it is loaded: no model needs that",
            hint="Do not load this file anywhere. Get the model from a source you trust.",
        )
