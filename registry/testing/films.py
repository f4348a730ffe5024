"""A short film as cameras are recorded: fragmented MP4."""

import subprocess
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

from registry.records import Database, RecordingSegment


@lru_cache(maxsize=2)
def recorded_film(seconds: int = 2) -> bytes:
    """H.264, 160 x 120, ten pictures and one fragment a second."""
    source = ["-f", "lavfi", "-i", f"testsrc2=s=160x120:r=10:d={seconds}"]
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "10", "-bf", "0", "-threads", "1"]
    cut = ["-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f", "mp4", "pipe:1"]
    command = [get_ffmpeg_exe(), "-v", "error", *source, *codec, *cut]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout  # noqa: S603


def keep_recorded(
    database: Database, folder: Path, camera_id: str, camera_name: str, begun: datetime, film: bytes = b""
) -> Path:
    """Two seconds that a camera recorded from a moment on, or the seconds of `film`; their file in the folder."""
    path = f"{camera_id}/{begun:%y%m%d%H%M%S}.mp4"
    data, seconds = film or recorded_film(), 4 if film else 2
    row = RecordingSegment(
        id=f"{begun:%y%m%d%H%M%S}{camera_id:0>20.20}",  # they are in the order of their ids
        camera_id=camera_id,
        camera_name=camera_name,
        started_at=begun,
        ended_at=begun + timedelta(seconds=seconds),
        path=path,
        size_bytes=len(data),
        codec="h264",
    )
    kept = folder / path
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(data)
    with database.write() as session:
        session.add(row)
    return kept
