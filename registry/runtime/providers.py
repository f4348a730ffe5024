"""ONNX Runtime's execution providers: their options, and why one did not start."""

import ctypes
import hashlib
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import onnxruntime as ort

from registry.runtime.host_choice import Backend
from registry.runtime.machine import Gpu, gpus

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
PROVIDERS = {Backend.CPU: CPU, Backend.CUDA: CUDA, Backend.TENSORRT: TENSORRT}
_LIBRARIES = {Backend.CUDA: "cuda", Backend.TENSORRT: "tensorrt"}
_NVINFER = "libnvinfer.so.10"
_CUDA_OPTIONS = {
    "cudnn_conv_algo_search": "HEURISTIC",  # the exhaustive search starts anew for each size of image
    "arena_extend_strategy": "kSameAsRequested",
    "use_tf32": "0",  # FP32 means FP32: less is a variant that a tune has to measure
}

Provider = tuple[str, dict[str, str]]


def providers_of(backend: Backend, model_bytes: bytes, engines: Path | None = None) -> list[Provider]:
    """The execution providers for a backend of ONNX Runtime, in order, the CPU last.

    `engines` is the folder that keeps what TensorRT builds; without it every session builds anew.
    """
    cpu: Provider = (CPU, {})
    if backend is Backend.CPU:
        return [cpu]
    cuda: Provider = (CUDA, dict(_CUDA_OPTIONS))
    if backend is Backend.CUDA:
        return [cuda, cpu]
    return [(TENSORRT, _tensorrt_options(model_bytes, engines)), cuda, cpu]


def engine_folder(root: Path, sha256: str, gpu: Gpu, runtime: str, tensorrt: str) -> Path:
    """Where the engines of a model lie: one built for another GPU, driver or version must not be found.

    `sha256` is the model's (hex); `runtime` and `tensorrt` are the versions of ONNX Runtime and TensorRT.
    """
    about = (gpu.name, gpu.compute_capability, gpu.driver, runtime, tensorrt)
    name = re.sub(r"[^a-z0-9]+", "-", f"{gpu.name} sm{gpu.compute_capability}".lower()).strip("-")
    return root / sha256 / f"{name}-{hashlib.sha256(repr(about).encode()).hexdigest()[:16]}"


@cache
def tensorrt_version() -> str:
    """The version of the TensorRT library that would be used; empty where there is none."""
    try:
        number = int(ctypes.CDLL(_NVINFER).getInferLibVersion())
    except (OSError, AttributeError):
        try:
            return version("tensorrt")
        except PackageNotFoundError:
            return ""
    return f"{number // 10_000}.{number // 100 % 100}.{number % 100}"


@cache
def load_gpu_libraries() -> None:
    """Make the CUDA and cuDNN libraries of Python's own packages known to the runtime, where they are installed."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it misses; `why_not` tells that better
        ort.preload_dlls(msvc=False)


def possible(backend: Backend) -> bool:
    """Whether this build of ONNX Runtime has a backend for a GPU, and the machine a GPU."""
    return PROVIDERS[backend] in ort.get_available_providers() and bool(gpus())


def why_not(backend: Backend) -> tuple[str, str]:
    """Why a backend for a GPU does not start here, and what to do about it."""
    if PROVIDERS[backend] not in ort.get_available_providers():
        return "this build of ONNX Runtime does not have it", "Install the package onnxruntime-gpu."
    if not gpus():
        return (
            "the driver shows no NVIDIA GPU to this process",
            "It needs an NVIDIA GPU with its driver (nvidia-smi lists it); a container has to be given it.",
        )
    load_gpu_libraries()
    missing = _missing_library(backend)
    if missing:
        return missing, _how_to_get(backend)
    return "ONNX Runtime could not start it", "Its log says why; the driver may be too old for this build's CUDA."


def started(backend: Backend) -> str:
    """What a backend for a GPU runs on, once it does."""
    cards = ", ".join(f"{each.name}, {each.memory_mib // 1024} GiB, driver {each.driver}" for each in gpus())
    tensorrt = f" and TensorRT {tensorrt_version()}" if backend is Backend.TENSORRT else ""
    return f"ONNX Runtime {ort.__version__}{tensorrt} on {cards}"


def _tensorrt_options(model_bytes: bytes, engines: Path | None) -> dict[str, str]:
    found = gpus()
    if engines is None or not found:
        return {}
    sha256 = hashlib.sha256(model_bytes).hexdigest()
    folder = engine_folder(engines, sha256, found[0], ort.__version__, tensorrt_version())
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = str(folder)
    return {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": kept,
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": kept,
    }


def _missing_library(backend: Backend) -> str:
    folder = Path(ort.__file__).parent / "capi"
    try:
        ctypes.CDLL(str(folder / "libonnxruntime_providers_shared.so"), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(folder / f"libonnxruntime_providers_{_LIBRARIES[backend]}.so"))
    except OSError as error:
        return str(error).strip()[:200]
    return ""


def _how_to_get(backend: Backend) -> str:
    if backend is Backend.TENSORRT:
        return 'TensorRT 10 has to be there: pip install "tensorrt-cu13>=10,<11", or the system package libnvinfer10.'
    return 'CUDA 13 and cuDNN 9 have to be there: pip install "onnxruntime-gpu[cuda,cudnn]" nvidia-cublas.'
