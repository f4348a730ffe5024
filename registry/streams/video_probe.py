"""What is in a video file: how large and how long it is, when each picture is due, where one can begin to decode."""

import re
import subprocess
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from registry.errors import InvalidVideo
from registry.streams.decoder import MAX_PIXELS
from registry.streams.video_file import VideoFile, Words, end

LEAST_SIDE = 16
_LOOK_S = 30.0
_SIZE = re.compile(rb"YUV4MPEG2 W(\d+) H(\d+) ")
_DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)")
_RATE = re.compile(r"Video: .*?([\d.]+) (?:fps|tbr)")
_TOO_LARGE = re.compile(r"Picture size (\d+)x(\d+) exceeds")
_NO_TIME = -(2**63)
_SHORT_BY_S = 1.0
_SHORT_SHARE = 0.03

# Pictures as they are displayed: rotation is FFmpeg's default, then square pixels, then even sides for 4:2:0. A file
# may claim pixels of any width: whatever it says, no picture has more than MAX_PIXELS.
_HIGH = f"max({LEAST_SIDE},min(ih,{MAX_PIXELS // LEAST_SIDE}))"
SHOWN = (
    f"scale=w='max({LEAST_SIDE},min(iw*if(sar,sar,1),floor({MAX_PIXELS}/{_HIGH})))':h='{_HIGH}':flags=bilinear,setsar=1,"
    "crop=w=trunc(iw/2)*2:h=trunc(ih/2)*2:x=0:y=0"
)


@dataclass(frozen=True, slots=True)
class Sight:
    """A video's first picture (planar YUV 4:2:0 of `size_wh`, as displayed) and what its header says; 0 is unknown."""

    size_wh: tuple[int, int]
    picture: bytes
    duration_s: float
    fps: float


@dataclass(frozen=True, slots=True)
class VideoIndex:
    """When the pictures are due: `times` sorted, in seconds as the file counts them; `keys` those of key frames."""

    times: npt.NDArray[np.float64]
    keys: npt.NDArray[np.float64]
    notes: tuple[str, ...] = ()
    fps: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        gap = float(np.median(np.diff(self.times))) if len(self.times) > 1 else 0.0
        object.__setattr__(self, "fps", 1 / gap if gap > 0 else 25.0)

    @property
    def start_s(self) -> float:
        """When the first picture is due."""
        return float(self.times[0])

    @property
    def duration_s(self) -> float:
        """From the first picture to the end of the last one."""
        return float(self.times[-1] - self.times[0]) + 1 / self.fps

    def key_before(self, at_s: float) -> float:
        """The last key frame up to a moment."""
        place = bisect_right(self.keys, at_s + 1e-6) - 1
        return float(self.keys[max(place, 0)])

    def number_at(self, at_s: float) -> int:
        """How many pictures are due before a moment."""
        return int(np.searchsorted(self.times, at_s - 1e-6))


def look(video: VideoFile) -> Sight:
    """Decode the first picture. Raises InvalidVideo saying why there is none."""
    wanted = ["-map", "0:V:0", "-frames:v", "1", "-vf", SHOWN, "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "pipe:1"]
    child = video.child(wanted, loglevel="info")
    try:
        out, err = child.communicate(timeout=_LOOK_S)
    except subprocess.TimeoutExpired as error:
        raise InvalidVideo(f"no picture of the video could be decoded within {_LOOK_S:.0f} s") from error
    finally:
        end(child)
    said = err.decode("utf-8", "replace")
    found = _SIZE.match(out)
    _, _, rest = out.partition(b"\n")
    picture = rest.removeprefix(b"FRAME\n")
    if not found or len(picture) != int(found[1]) * int(found[2]) * 3 // 2:
        raise InvalidVideo(why_nothing(said))
    duration, rate = _DURATION.search(said), _RATE.search(said)
    seconds = int(duration[1]) * 3600 + int(duration[2]) * 60 + float(duration[3]) if duration else 0.0
    return Sight((int(found[1]), int(found[2])), picture, seconds, float(rate[1]) if rate else 0.0)


def index(video: VideoFile, sight: Sight) -> VideoIndex:
    """Read through the file without decoding it; a file that is cut short has a note. Raises InvalidVideo."""
    times, keys, said = _packets(video.child(["-map", "0:V:0", "-c", "copy", "-f", "framecrc", "pipe:1"]))
    if not times:
        raise InvalidVideo(why_nothing(said))
    ordered = np.sort(np.frombuffer(times, np.float64))
    starts = np.sort(np.frombuffer(keys, np.float64)) if keys else ordered[:1]
    made = VideoIndex(ordered, starts)
    return VideoIndex(ordered, starts, tuple(_notes(made, sight)))


def landing(video: VideoFile, seek_s: float) -> float | None:
    """The time of the first picture that is decoded when one seeks there; None where there is none."""
    times, _, _ = _packets(video.child(["-map", "0:V:0", "-frames:v", "1", "-f", "framecrc", "pipe:1"], seek_s=seek_s))
    return times[0] if times else None


def _packets(child: "subprocess.Popen[bytes]") -> "tuple[array[float], array[float], str]":
    """The times of all packets that a child lists, those of key frames, and what it said."""
    words, said, base = Words(child), "", 0.0
    times, keys = array("d"), array("d")
    try:
        for line in child.stdout or ():
            if line.startswith(b"#tb 0: "):
                above, _, below = line[7:].partition(b"/")
                base = int(above) / int(below)
            elif not line.startswith(b"#"):
                _take(line, base, times, keys)
            if not len(times) % 1000:
                said = words.listen()
        child.wait()
        said = words.listen() or said
    finally:
        end(child)
    return times, keys, said


def why_nothing(said: str) -> str:
    """What FFmpeg says about a file without pictures, for a person."""
    if "moov atom not found" in said:
        return "the file is cut short: the index at its end is missing, without which no picture can be found"
    if "matches no streams" in said:
        return "the file holds no moving pictures" + (", only sound" if "Audio" in said else "")
    if large := _TOO_LARGE.search(said):
        most = f"at most {MAX_PIXELS:,}, as 7680 x 4320 has, are decoded"
        return f"the pictures of the video are {large[1]} x {large[2]} pixels; {most}: scale the video down"
    lines = [line.strip() for line in said.splitlines() if re.search(r"(?i)error|invalid|not |fail", line)]
    told = re.sub(r"\[[^\]]*\] ?", "", lines[0])[:160] if lines else "it ended at once"
    return f"no picture of the file can be decoded: {told}"


def _take(line: bytes, base: float, times: "array[float]", keys: "array[float]") -> None:
    """One packet: `stream, dts, pts, duration, size, checksum[, F=0x0][, …]`; a key frame has no flags."""
    parts = line.split(b",")
    if len(parts) < 6:
        return
    dts, pts = int(parts[1]), int(parts[2])
    due = (dts if pts == _NO_TIME else pts) * base
    times.append(due)
    flags = [int(part.strip()[2:], 16) for part in parts[6:] if part.strip().startswith(b"F=")]
    if not flags or flags[0] & 1:
        keys.append(due)


def _notes(found: VideoIndex, sight: Sight) -> list[str]:
    missing = sight.duration_s - found.duration_s
    if missing > max(_SHORT_BY_S, _SHORT_SHARE * sight.duration_s):
        return [
            f"The file is cut short: it says {sight.duration_s:.1f} s, and pictures are there for "
            f"{found.duration_s:.1f} s."
        ]
    return []
