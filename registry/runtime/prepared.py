"""A checked graph optimised once for this machine, its weights mapped from one file by every session.

ONNX Runtime optimises a graph each time it builds a session and gives each session weights of its own. Here the
optimised graph is written with its weights beside it; sessions built from that map the file, so that two of them,
or those of two processes, hold the weights once and start several times sooner. What a run needs beside the weights
they take from one arena of the process, so that a further model takes no more of it than the runs that are under way.
"""

import contextlib
import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import onnxruntime as ort
import structlog

from registry.runtime.arena import in_shared_arena
from registry.runtime.background import aside
from registry.runtime.bounded_folder import DRAFT, make_room
from registry.runtime.graph_check import check_graph
from registry.runtime.graph_session import reason_of
from registry.runtime.machine import instructions
from registry.runtime.onnx_session import ORT_ERRORS, BoundedSession, raw_session, session_options
from registry.runtime.proven_file import ProvenFile
from registry.runtime.providers import CPU
from registry.runtime.run_deadline import RUN_SECONDS

_GRAPH, _WEIGHTS, _MANIFEST = "graph.onnx", "weights.bin", "manifest.json"
_SMALLEST_WEIGHT = 1_024  # bytes; a smaller one stays in the graph
_log = structlog.get_logger(__name__)


def prepared_sessions(
    model: ProvenFile, folder: Path, threads: Sequence[int], run_seconds: float = RUN_SECONDS
) -> list[BoundedSession]:
    """A CPU session for each number of threads, over one set of weights; see `BoundedSession` for `run_seconds`.

    `folder` keeps what was prepared, and its sha256, which is checked here; the model itself is read only where it
    has to be prepared. Where the folder cannot be written, each session holds its own weights. Raises InvalidModel
    when the graph is refused or cannot be built, and what reading the model does.
    """
    try:
        graph = _prepared(model, folder)
        return [_session(graph, each, run_seconds) for each in threads]
    except (OSError, *ORT_ERRORS) as error:
        _log.warning("model_not_prepared", folder=str(folder), reason=reason_of(error))
        model_bytes = model.read()
        return [raw_session(model_bytes, each, run_seconds=run_seconds) for each in threads]


def prepare(model: ProvenFile, folder: Path) -> None:
    """Have the folder keep the model's optimised graph before anybody loads it.

    Raises as `prepared_sessions`; where it cannot be written or built, that is left to whoever loads the model.
    """
    try:
        _prepared(model, folder)
    except (OSError, *ORT_ERRORS) as error:
        _log.warning("model_not_prepared", folder=str(folder), reason=reason_of(error))


def _prepared(model: ProvenFile, folder: Path) -> Path:
    name = hashlib.sha256(f"{model.sha256}|{_machine()}".encode()).hexdigest()
    kept = folder / name[:2] / name
    if aside(lambda: _intact(kept)):
        with contextlib.suppress(OSError):
            os.utime(kept)  # it was used
    else:
        _prepare(aside(model.read), kept)
        make_room(folder, kept)
    return kept / _GRAPH


def _session(graph: Path, threads: int, run_seconds: float) -> BoundedSession:
    if threads == 1:  # it starts no thread, which would keep a lower priority
        return aside(lambda: _built(graph, threads, run_seconds))
    return _built(graph, threads, run_seconds)


def _built(graph: Path, threads: int, run_seconds: float) -> BoundedSession:
    options = in_shared_arena(session_options(threads))
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # it is done
    return BoundedSession(str(graph), options, [CPU], run_seconds=run_seconds)


def _prepare(model_bytes: bytes, kept: Path) -> None:
    check_graph(model_bytes)
    kept.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=kept.parent))
    try:
        options = session_options(1)
        options.optimized_model_filepath = str(draft / _GRAPH)
        prefix = "session.optimized_model_external_initializers"
        options.add_session_config_entry(f"{prefix}_file_name", _WEIGHTS)
        options.add_session_config_entry(f"{prefix}_min_size_in_bytes", str(_SMALLEST_WEIGHT))
        aside(lambda: ort.InferenceSession(model_bytes, options, providers=[CPU]))
        (draft / _MANIFEST).write_text(json.dumps(_hashes(draft)), encoding="utf-8")
        shutil.rmtree(kept, ignore_errors=True)
        with contextlib.suppress(OSError):  # another process was faster, with the same bytes
            draft.rename(kept)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _intact(kept: Path) -> bool:
    """Whether the files are those that were written: a disk that was full or damaged leaves others."""
    try:
        return bool(json.loads((kept / _MANIFEST).read_bytes()) == _hashes(kept))
    except (OSError, ValueError):
        return False


def _hashes(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.iterdir()) if path.name != _MANIFEST]
    return {path.name: _sha256_of(path) for path in files}


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _machine() -> str:
    """What an optimised graph depends on beside the model: the runtime and the processor's instructions."""
    return "|".join([ort.__version__, platform.machine(), platform.processor(), instructions()])
