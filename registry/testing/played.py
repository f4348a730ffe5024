"""What a player finds in a video file."""

from dataclasses import dataclass
from pathlib import Path

import av


@dataclass(frozen=True, slots=True)
class Played:
    """Every picture was decoded."""

    codec: str
    pictures: int
    seconds: float
    size_wh: tuple[int, int]
    times: tuple[float, ...]  # of each picture, in seconds


def play(path: Path) -> Played:
    """Decode a file from its first to its last picture, as it stands on the disk."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = []
        size_wh = (0, 0)
        for frame in container.decode(stream):
            times.append(float(frame.time or 0.0))
            size_wh = (frame.width, frame.height)
        seconds = float(container.duration or 0) / av.time_base
        return Played(stream.codec_context.name, len(times), seconds, size_wh, tuple(times))


def starts_playing_at_once(path: Path) -> bool:
    """Whether the index of an MP4 comes before its pictures."""
    data = path.read_bytes()
    return 0 < data.find(b"moov") < data.find(b"mdat")
