"""One encoder for all who watch a camera; who is slow skips pictures."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from registry.errors import NotFound
from registry.streams import Frame
from registry.worker.streaming import Encoder, Encoders

Until = Callable[[Callable[[], bool]], bool]


class Source:
    """Frames as fast as they are asked for, until the camera is gone."""

    def __init__(self) -> None:
        self.number = 0
        self.is_gone = False

    def newest(self) -> Frame | None:
        if self.is_gone:
            raise NotFound("there is no such camera here")
        self.number += 1
        return Frame("a", self.number, time.monotonic(), datetime.now(UTC), (2, 2), (2, 2), bytes(6))


def encode(frame: Frame) -> bytes:
    return b"%d" % frame.frame_id


def test_viewers_share_pictures_a_slow_one_skips_and_all_end_with_the_camera(until: Until) -> None:
    source, encoders = Source(), Encoders()
    first = encoders.enter("a", source.newest, encode, overlay=True)
    assert encoders.enter("a", source.newest, encode, overlay=True) is first
    assert encoders.enter("a", source.newest, encode, overlay=False) is not first  # another picture
    seen: dict[str, list[bytes]] = {"quick": [], "slow": []}

    def watch(name: str, pause_s: float) -> None:
        for picture in first.pictures():
            seen[name].append(picture)
            time.sleep(pause_s)

    threads = [threading.Thread(target=watch, args=each) for each in (("quick", 0.0), ("slow", 0.4))]
    for thread in threads:
        thread.start()
    assert until(lambda: len(seen["slow"]) >= 4)
    source.is_gone = True
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert first.is_over
    assert len(seen["quick"]) <= first.encoded  # once for both
    assert len(seen["quick"]) > 2 * len(seen["slow"])
    assert int(seen["slow"][-1]) - int(seen["slow"][0]) > len(seen["slow"])


def test_nothing_is_encoded_for_nobody(until: Until) -> None:
    source = Source()
    encoder = Encoder(source.newest, encode, most_fps=50)
    assert encoder.enter()
    assert next(encoder.pictures())
    encoder.leave()
    assert until(lambda: encoder.is_over)
    assert not encoder.enter()
    encoded = encoder.encoded
    assert source.number <= encoded + 1
