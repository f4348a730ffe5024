"""The memory that the runs of all models on the processor share in a process: bounded, and given back."""

import resource
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

from registry.runtime.machine import usable_memory

_LEAST = 1 << 30
_UNUSUAL_KIB = 256 << 10  # by which a run raises the most that the process ever held
_LONG_S = 0.05
_SHRINK = "memory.enable_memory_arena_shrinkage"


@dataclass(slots=True)
class _Peak:
    """The most memory that this process held when it was last looked at."""

    kib: int = 0


_HIGHEST = _Peak()


def arena_bytes() -> int:
    """The memory that the runs of all models on the processor may take together in a process: half of what there is.

    How much a graph asks for can depend on the picture, so no trial before it is registered bounds it.
    """
    return max(usable_memory() // 2, _LEAST)


def in_shared_arena(options: ort.SessionOptions) -> ort.SessionOptions:
    """The options of a session whose runs take their memory from the arena that all of this process share."""
    _share_arena()
    options.add_session_config_entry("session.use_env_allocators", "1")
    return options


def give_back() -> None:
    """Return to the system what the arena holds and no run uses: by itself it keeps what it once took."""
    options = ort.RunOptions()
    options.add_run_config_entry(_SHRINK, "cpu:0")
    _smallest().run(None, {"given": np.zeros(1, np.float32)}, options)


def note_peak() -> None:
    """Take what the process held at most until now for usual: what a model takes to load is none of its runs' doing."""
    _HIGHEST.kib = _peak_kib()


def give_back_after(seconds: float) -> None:
    """Give back after a run of so many seconds that took far more than any before it.

    Where it comes again it raises no peak and finds its memory there. Short runs are not looked at: so much memory is
    not even cleared in that time.
    """
    if seconds < _LONG_S:
        return
    before_kib, _HIGHEST.kib = _HIGHEST.kib, _peak_kib()
    if _HIGHEST.kib - before_kib > _UNUSUAL_KIB:
        give_back()


def _peak_kib() -> int:
    """The most memory that the process ever held, in KiB; `getrusage` would tell its parent's where that held more."""
    try:
        status = Path("/proc/self/status").read_bytes()
    except OSError:  # no Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(status.partition(b"VmHWM:")[2].split(maxsplit=1)[0])


@cache
def _share_arena() -> None:
    place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(place, ort.OrtArenaCfg({"max_mem": arena_bytes()}))


@cache
def _smallest() -> ort.InferenceSession:
    """A session in the arena whose run costs next to nothing; ONNX Runtime shrinks an arena at the end of a run."""
    one = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("given", "same")}
    node = helper.make_node("Identity", ["given"], ["same"])
    graph = helper.make_graph([node], "smallest", [one["given"]], [one["same"]])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), in_shared_arena(options), providers=["CPUExecutionProvider"])
