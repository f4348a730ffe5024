"""Videos as people really send them: cut short, turned, of odd sizes, without pictures; made from a plain clip."""

import subprocess
import tempfile
from functools import cache
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

KINDS: dict[str, tuple[list[str], list[str]]] = {  # FFmpeg's words before and after the input
    "rotated": (["-display_rotation", "90"], ["-c", "copy"]),
    "odd_size": ([], ["-vf", "crop=319:179:0:0", "-pix_fmt", "yuv444p"]),
    "variable_rate": ([], ["-vf", "select='lt(mod(n,10),4)'", "-fps_mode", "vfr"]),
    "wide_pixels": ([], ["-vf", "setsar=4/3"]),
    "late_index": ([], ["-c", "copy", "-movflags", "0"]),
    "transport": ([], ["-c", "copy", "-muxdelay", "1"]),
    "fragmented": ([], ["-bf", "0", "-g", "25", "-movflags", "frag_keyframe+empty_moov+default_base_moof"]),
    "one_key": ([], ["-g", "10000", "-sc_threshold", "0"]),
}


def odd_video(clip: Path, kind: str, folder: Path) -> Path:
    """One of KINDS, made from an MP4."""
    before, after = KINDS[kind]
    path = folder / f"{kind}.{'ts' if kind == 'transport' else 'mp4'}"
    _ffmpeg(*before, "-i", str(clip), *after, str(path))
    return path


@cache
def tiny_video() -> bytes:
    """An MP4 of ten pictures of 64 x 48."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tiny.mp4")
        _ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1", "-pix_fmt", "yuv420p", str(path))
        return path.read_bytes()


def cut_short(video: Path, share: float, folder: Path) -> Path:
    """The first part of a file's bytes, as a broken transfer leaves it."""
    path = folder / f"cut-{video.name}"
    path.write_bytes(video.read_bytes()[: int(video.stat().st_size * share)])
    return path


def sound_only(folder: Path) -> Path:
    """An MP4 without pictures."""
    path = folder / "sound.mp4"
    _ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", str(path))
    return path


def one_large_picture(size_wh: tuple[int, int], folder: Path) -> Path:
    """An AVI of one picture of that size."""
    path = folder / "large.avi"
    _ffmpeg("-f", "lavfi", "-i", "color=size={}x{}:duration=0.04".format(*size_wh), "-c:v", "mjpeg", str(path))
    return path


def _ffmpeg(*words: str) -> None:
    subprocess.run([get_ffmpeg_exe(), "-v", "error", "-y", *words], check=True, timeout=120)  # noqa: S603
