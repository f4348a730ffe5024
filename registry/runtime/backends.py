"""What this machine can run models with, and how to get what is missing."""

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

import onnxruntime as ort

from registry.runtime.host_choice import Backend
from registry.runtime.machine import gpus
from registry.runtime.openvino_session import HOW_TO_GET, openvino_version, precisions
from registry.runtime.providers import tensorrt_version, why_not

_PROBE_S = 120.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a backend runs here; `detail` says what was found, `hint` how to get what is missing."""

    backend: Backend
    usable: bool
    detail: str
    hint: str = ""


@cache
def survey() -> tuple[Standing, ...]:
    """Every backend. One for a GPU counts as usable only when it has run a graph there, in a process of its own."""
    return (
        Standing(Backend.CPU, usable=True, detail=f"ONNX Runtime {ort.__version__}"),
        _openvino(),
        _on_gpu(Backend.CUDA),
        _on_gpu(Backend.TENSORRT),
    )


def versions() -> dict[str, str]:
    """The versions that a measured speed belongs to."""
    found = {"onnxruntime": ort.__version__, "openvino": openvino_version(), "tensorrt": tensorrt_version()}
    return {name: version for name, version in found.items() if version}


def _openvino() -> Standing:
    found = openvino_version()
    if not found:
        return Standing(Backend.OPENVINO, usable=False, detail="not installed", hint=HOW_TO_GET)
    return Standing(Backend.OPENVINO, usable=True, detail=f"OpenVINO {found} in {', '.join(precisions())}")


def _on_gpu(backend: Backend) -> Standing:
    if not gpus():
        reason, hint = why_not(backend)
        return Standing(backend, usable=False, detail=reason, hint=hint)
    command = [sys.executable, "-m", "registry.runtime.probe", backend]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_S, check=False)  # noqa: S603
        said = json.loads(done.stdout.strip().splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError):
        reason, hint = why_not(backend)
        return Standing(backend, usable=False, detail=f"the trial did not end: {reason}", hint=hint)
    return Standing(backend, said["usable"], said["detail"], said["hint"])
