"""A video cut into segments: what is finished, kept and gone on with is a segment."""

from dataclasses import dataclass

import numpy as np

from registry.streams.video_frames import Sampling
from registry.streams.video_probe import VideoIndex

PICTURES = 300  # of a segment, about: what a kill costs at most


@dataclass(frozen=True, slots=True)
class Segment:
    """From `start_s` until before `end_s`, in seconds after the video's first picture; about `count` pictures of it
    are looked at."""

    number: int
    start_s: float
    end_s: float
    count: int


def cut(index: VideoIndex, sampling: Sampling) -> list[Segment]:
    """The segments of a video, cut at key frames, or anywhere where those are too rare."""
    most = PICTURES
    wanted = sampling.wanted(index)
    done = np.concatenate([[0], np.cumsum(wanted)])
    is_key = np.isin(index.times, index.keys)
    starts = [0]
    for place in np.flatnonzero(is_key | wanted):
        so_far = done[place] - done[starts[-1]]
        if so_far >= 2 * most or (so_far >= most and is_key[place]):
            starts.append(int(place))
    ends = [*starts[1:], len(index.times)]
    times = index.times - index.start_s
    return [
        Segment(
            number,
            float(times[first]) if first else 0.0,
            float(times[end]) if end < len(times) else float("inf"),
            int(done[end] - done[first]),
        )
        for number, (first, end) in enumerate(zip(starts, ends, strict=True))
    ]
