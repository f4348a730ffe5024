"""A short film as cameras are recorded: fragmented MP4."""

import subprocess
from functools import lru_cache

from imageio_ffmpeg import get_ffmpeg_exe


@lru_cache(maxsize=2)
def recorded_film(seconds: int = 2) -> bytes:
    """H.264, 160 x 120, ten pictures and one fragment a second."""
    source = ["-f", "lavfi", "-i", f"testsrc2=s=160x120:r=10:d={seconds}"]
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "10", "-bf", "0", "-threads", "1"]
    cut = ["-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f", "mp4", "pipe:1"]
    command = [get_ffmpeg_exe(), "-v", "error", *source, *codec, *cut]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout  # noqa: S603
