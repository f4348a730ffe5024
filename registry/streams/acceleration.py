"""Decoding on a graphics processor: FFmpeg's ways to it, each tried on this machine before a camera relies on it."""

import re
import subprocess
from enum import StrEnum
from functools import cache

import structlog
from imageio_ffmpeg import get_ffmpeg_exe

_TRY_S = 20
_PREFIX = re.compile(r"^\[[^\]]*\] *")  # which part of FFmpeg says it
_log = structlog.get_logger(__name__)


class Acceleration(StrEnum):
    """Who decodes; the pictures come back to the processor, which scales and looks at them as ever."""

    SOFTWARE = "software"
    VAAPI = "vaapi"
    CUDA = "cuda"
    VIDEOTOOLBOX = "videotoolbox"

    @property
    def arguments(self) -> tuple[str, ...]:
        """For FFmpeg, before its input. A codec that the device does not know is decoded in software."""
        return () if self is Acceleration.SOFTWARE else ("-hwaccel", self.value)

    @property
    def hardware(self) -> str:
        """What it takes."""
        return {
            Acceleration.SOFTWARE: "every machine",
            Acceleration.VAAPI: "an Intel or AMD GPU on Linux (/dev/dri)",
            Acceleration.CUDA: "an NVIDIA GPU with its driver",
            Acceleration.VIDEOTOOLBOX: "a Mac",
        }[self]


@cache
def why_not(way: Acceleration) -> str:
    """Why H.264 cannot be decoded in that way here; empty when it can. A short clip is made and decoded."""
    if way is Acceleration.SOFTWARE:
        return ""
    ffmpeg, quiet = get_ffmpeg_exe(), ("-hide_banner", "-nostdin", "-loglevel", "error")
    made = ["-f", "lavfi", "-i", "testsrc2=s=320x240:r=10:d=1", "-pix_fmt", "yuv420p", "-c:v", "libx264"]
    # a picture that is not on the device cannot be fetched from it: so nothing that fell back passes
    fetched = ["-hwaccel_output_format", way.value, "-f", "h264", "-i", "pipe:0", "-vf", "hwdownload,format=nv12"]
    try:
        clip = subprocess.run(  # noqa: S603 - the bundled ffmpeg
            [ffmpeg, *quiet, *made, "-f", "h264", "pipe:1"], capture_output=True, timeout=_TRY_S, check=True
        ).stdout
        tried = subprocess.run(  # noqa: S603 - the bundled ffmpeg
            [ffmpeg, *quiet, *way.arguments, *fetched, "-f", "null", "-"],
            input=clip, capture_output=True, timeout=_TRY_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return f"it could not be tried: {type(error).__name__}"
    if tried.returncode == 0:
        return ""
    said = tried.stderr.decode("utf-8", "replace").strip().splitlines()
    return _PREFIX.sub("", said[0])[:200] if said else f"FFmpeg ended with {tried.returncode}"


def usable(wanted: str) -> Acceleration:
    """The way that is wanted, or software with a word in the log where it does not work here."""
    way = Acceleration(wanted)
    problem = why_not(way)
    if not problem:
        return way
    _log.warning("cameras are decoded in software", wanted=str(way), problem=problem, needs=way.hardware)
    return Acceleration.SOFTWARE
