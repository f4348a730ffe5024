"""A feed with the decoder behind it, from opening to the end."""

import selectors
import time
from collections.abc import Iterator
from threading import Lock
from typing import Protocol

from registry.streams.decoder import MAX_SIDE, DecodeOptions, Decoder
from registry.streams.feed import Arrivals, Feed
from registry.streams.loss import Reason, SourceLost

_LAST_WORD_S = 0.3
_SAME_SHAPE = 0.02  # of width to height


class PacketTap(Protocol):
    """Takes a camera's packets as they came. Called in the camera's thread: neither blocks nor raises."""

    def begin(self) -> None:
        """A new connection: what comes next begins with a header."""

    def feed(self, data: bytes, at_s: float) -> None:
        """Some bytes of fragmented MP4 that were there at a monotonic time."""


class Connection:
    """Opened by the thread that reads it; `abort` may be called by any other."""

    def __init__(self, feed: Feed, options: DecodeOptions, tap: PacketTap | None = None) -> None:
        self._feed = feed
        self._options = options
        self._tap = tap
        self._decoder: Decoder | None = None
        self._ready = selectors.DefaultSelector()
        self._opened_at = time.monotonic()
        self._shape = 0.0
        self._lock = Lock()
        self._aborted = False
        self.pictures = 0

    def open(self) -> None:
        """Reach the source, then start the decoder. Raises SourceLost."""
        self._feed.open()
        with self._lock:
            if self._aborted:
                raise SourceLost(Reason.CLOSED)
            try:
                self._decoder = Decoder(self._feed, self._options, with_packets=self._tap is not None)
            except OSError as error:
                raise SourceLost(Reason.DECODER, "the decoder could not be started") from error
        for pipe in self._decoder.outputs:
            self._ready.register(pipe, selectors.EVENT_READ)
        if self._tap is not None and self._decoder.packets is not None:
            self._ready.register(self._decoder.packets, selectors.EVENT_READ)
            self._tap.begin()
        self._feed.begin(self._decoder.stdin)
        self._opened_at = time.monotonic()

    @property
    def pid(self) -> int | None:
        """The decoder's process id."""
        return self._decoder.pid if self._decoder else None

    @property
    def sizes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(width, height) of the pictures here, and of those the source sends."""
        decoder = self._decoder
        if decoder is None:
            return (0, 0), (0, 0)
        return decoder.size_wh or (0, 0), decoder.source_wh

    @property
    def codec(self) -> str:
        """What the source is encoded with, in FFmpeg's words; empty as long as that is not known."""
        return self._decoder.codec if self._decoder else ""

    def arrivals(self) -> Arrivals:
        """What came from the source; pictures are those decoded where nobody counts earlier."""
        return self._feed.arrivals() or Arrivals(0, self.pictures, time.monotonic())

    def read(self, timeout_s: float) -> Iterator[bytes]:
        """The pictures that come within a time. Raises SourceLost."""
        decoder = self._decoder
        if decoder is None:
            raise SourceLost(Reason.CLOSED)
        readable = {key.fileobj for key, _ in self._ready.select(timeout_s)}
        if decoder.packets in readable:
            self._hand_on(decoder)
        decoder.listen()
        self._check_shape(decoder)
        if decoder.outputs[0] in readable:
            try:
                for picture in decoder.pictures():
                    self.pictures += 1
                    yield picture
            except SourceLost as lost:
                raise self._explained(lost) from lost
        elif failure := self._feed.failure():
            raise failure

    def silent_s(self, now: float) -> float:
        """For how long nothing has come from the source."""
        return now - max(self.arrivals().last_at, self._opened_at)

    def abort(self) -> None:
        """Make whatever the reading thread does end soon."""
        with self._lock:
            self._aborted = True
        self._feed.close()

    def close(self) -> None:
        """End decoder and feed."""
        self._ready.close()
        if self._decoder is not None:
            self._decoder.kill()
        self._feed.close()
        if self._decoder is not None:
            self._decoder.close_stdin()

    def _hand_on(self, decoder: Decoder) -> None:
        pipe = decoder.packets
        data = decoder.packet_bytes()
        if decoder.packets is None and pipe is not None:
            self._ready.unregister(pipe)
        elif data and self._tap is not None:
            self._tap.feed(data, time.monotonic())

    def _check_shape(self, decoder: Decoder) -> None:
        width, height = decoder.source_wh
        if not height:
            return
        if max(width, height) > MAX_SIDE:
            raise SourceLost(Reason.GARBAGE, f"the camera sends {width}x{height}: more than {MAX_SIDE} on a side")
        if self._shape and abs(width / height / self._shape - 1) > _SAME_SHAPE:
            raise SourceLost(Reason.RESHAPED, f"the camera now sends {width}x{height}")
        self._shape = self._shape or width / height

    def _explained(self, lost: SourceLost) -> SourceLost:
        """The feed knows better why a decoder got nothing more."""
        deadline = time.monotonic() + _LAST_WORD_S
        while time.monotonic() < deadline:
            failure = self._feed.failure()
            if failure is not None and failure.detail:
                return failure
            time.sleep(0.02)
        if not self.pictures and self.arrivals().bytes:
            return SourceLost(Reason.GARBAGE, lost.detail)
        return lost
