"""Looking at this machine: what it can run and what is missing."""

import platform
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import psutil

from registry.errors import RegistryError
from registry.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `state` is `ok`, `missing` or `problem`."""

    what: str
    state: str
    detail: str
    hint: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Everything `nexusai doctor` reports."""
    return [_host(), _home(settings), _isolation(), *_backends(), *_extras(), _ffmpeg(), *_decoders(), *_tools()]


def _host() -> Finding:
    memory = psutil.virtual_memory().total / 2**30
    cores = psutil.cpu_count(logical=True)
    return Finding(
        "machine", "ok", f"Python {platform.python_version()}, {sys.platform}, {cores} cores, {memory:.0f} GiB"
    )


def _home(settings: Settings) -> Finding:
    try:
        settings.prepare_home()
    except RegistryError as error:
        return Finding("home", "problem", error.message, error.hint)
    free = shutil.disk_usage(settings.home).free / 2**30
    low = free < 2
    return Finding(
        "home", "problem" if low else "ok", f"{settings.home}, {free:.0f} GiB free", "Free some space." if low else ""
    )


def _isolation() -> Finding:
    from registry.conversion.sandbox import isolation

    doors = isolation()
    missing = "" if doors.isolated else f"Only .onnx is accepted here. {'; '.join(doors.notes)}"
    return Finding("isolation", "ok" if doors.isolated else "missing", f"children have: {doors.said()}", missing)


def _backends() -> list[Finding]:
    from registry.runtime.backends import survey

    return [Finding(str(each.backend), "ok" if each.usable else "missing", each.detail, each.hint) for each in survey()]


def _extras() -> list[Finding]:
    wanted = {
        "ocr": ("rapidocr", "reading text"),
        "tensorflow": ("tf2onnx", "conversion of Keras and TensorFlow models"),
        "openvino": ("openvino", "OpenVINO on CPU"),
        "train": ("ultralytics", "training and conversion"),
        "notebook": ("jupyterlab", "`nexusai notebook`"),
        "s3": ("boto3", "S3 storage"),
        "ray": ("ray", "jobs on several machines"),
    }
    return [_extra(extra, package, purpose) for extra, (package, purpose) in wanted.items()]


def _extra(extra: str, package: str, purpose: str) -> Finding:
    try:
        return Finding(f"extra {extra}", "ok", f"{package} {version(package)}: {purpose}")
    except PackageNotFoundError:
        return Finding(f"extra {extra}", "missing", purpose, f'pip install "nexusai[{extra}]"')


def _ffmpeg() -> Finding:
    import imageio_ffmpeg

    return Finding("ffmpeg", "ok", imageio_ffmpeg.get_ffmpeg_version())


def _decoders() -> list[Finding]:
    from registry.streams.acceleration import Acceleration, why_not

    found = []
    for way in Acceleration:
        if way is not Acceleration.SOFTWARE:
            problem = why_not(way)
            hint = f"It takes {way.hardware}." if problem else f"Set NEXUSAI_CAMERA_DECODER={way}."
            detail = problem or "decodes H.264 of cameras"
            found.append(Finding(f"decoder {way}", "missing" if problem else "ok", detail, hint))
    return found


def _tools() -> list[Finding]:
    wanted = {"git": "versions of data and code", "chromium": "the browser tests"}
    return [
        Finding(tool, "ok", where)
        if (where := shutil.which(tool))
        else Finding(tool, "missing", purpose, f"Install {tool} with the system's package manager.")
        for tool, purpose in wanted.items()
    ]
