"""Segments of a video looked at side by side, a few ahead of who follows them in their order."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from registry.jobs.video.parts import Rows
from registry.jobs.video.segments import Segment

_AHEAD = 2  # segments of each lane that are begun or held at once: room stays bounded however long a video is


def side_by_side(
    segments: Sequence[Segment], lanes: int, look: Callable[[Segment, Callable[[], bool]], Rows]
) -> Generator[Rows]:
    """What `look` finds in each segment, in their order, with so many lanes at work; closed early, they stop.

    `look` is given a segment and what says whether it is called off. Raises what it raises.
    """
    over, ahead = threading.Event(), iter(segments)
    pool = ThreadPoolExecutor(lanes, thread_name_prefix="lane")
    try:
        begun = deque(pool.submit(look, each, over.is_set) for each in islice(ahead, _AHEAD * lanes))
        while begun:
            rows = begun.popleft().result()
            begun.extend(pool.submit(look, each, over.is_set) for each in islice(ahead, 1))
            yield rows
    finally:
        over.set()
        pool.shutdown(cancel_futures=True)
