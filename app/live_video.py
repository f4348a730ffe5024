"""A camera's picture as VP8: encoded once, however many watch it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from fractions import Fraction

import anyio
import anyio.to_thread
import structlog
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import CodecContext, Packet, VideoCodecContext, VideoFrame, VideoStream
from av.error import FFmpegError
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

CLOCK = Fraction(1, 90_000)  # RTP's clock for video, RFC 7741
_FPS = 15  # what the worker sends at most
_BITS_PER_PIXEL = 0.12
_LEAST_BITS, _MOST_BITS = 300_000, 4_000_000
_KEY_EVERY_S, _KEYS_APART_S = 10.0, 0.5
_MOST_WAITING = 2 * _FPS  # packets for one viewer
_log = structlog.get_logger(__name__)

Jpegs = AsyncIterator[bytes]


class Vp8:
    """Encodes JPEGs; a new stream begins where their size changes. For one thread at a time."""

    def __init__(self) -> None:
        self._jpegs = CodecContext.create("mjpeg", "r")
        self._reformatter = VideoReformatter()
        self._stream: VideoCodecContext | None = None

    def encode(self, jpeg: bytes, at: int, *, key: bool) -> "list[Packet[VideoStream]]":
        """A picture at a time in CLOCK's ticks; with `key` it can be read without those before. Raises FFmpegError."""
        packets = []
        for decoded in self._jpegs.decode(Packet(jpeg)):
            frame = self._reformatter.reformat(decoded, format="yuv420p", dst_color_range="MPEG")
            frame.pts, frame.time_base = at, CLOCK
            frame.pict_type = PictureType.I if key else PictureType.NONE
            for packet in self._fitting(frame).encode(frame):
                packet.pts, packet.time_base = at, CLOCK
                packets.append(packet)
        return packets

    def _fitting(self, frame: VideoFrame) -> VideoCodecContext:
        size = (frame.width, frame.height)
        if self._stream is None or (self._stream.width, self._stream.height) != size:
            self._stream = _stream(*size)
        return self._stream


def _stream(width: int, height: int) -> VideoCodecContext:
    """As aiortc sets libvpx up for a call, with a rate that fits the size of the picture."""
    stream = CodecContext.create("libvpx", "w")
    bits = min(max(int(width * height * _FPS * _BITS_PER_PIXEL), _LEAST_BITS), _MOST_BITS)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.time_base, stream.framerate, stream.bit_rate = CLOCK, Fraction(_FPS), bits
    stream.gop_size, stream.qmin, stream.qmax, stream.thread_count = 3_000, 2, 56, 1
    rate = {"bufsize": str(bits), "minrate": str(bits), "maxrate": str(bits), "undershoot-pct": "100"}
    speed = {"cpu-used": "-6", "deadline": "realtime", "lag-in-frames": "0", "static-thresh": "1"}
    stream.options = rate | speed | {"overshoot-pct": "15", "partitions": "0"}
    return stream


class Viewer(MediaStreamTrack):
    """A shared video as one connection sends it: from a key picture on, and from another one if it falls behind."""

    kind = "video"

    def __init__(self, video: "SharedVideo") -> None:
        super().__init__()
        self._video = video
        self._packets: asyncio.Queue[Packet[VideoStream] | None] = asyncio.Queue()
        self._watches = False  # not before the connection stands
        self._waits_for_key = True

    def offer(self, packet: "Packet[VideoStream] | None") -> None:
        """One more packet; None ends the video."""
        if packet is not None:
            if self._packets.qsize() >= _MOST_WAITING:
                self._packets, self._waits_for_key = asyncio.Queue(), True
                self.ask_for_key()
            if not self._watches or (self._waits_for_key and not packet.is_keyframe):
                return
            self._waits_for_key = False
        self._packets.put_nowait(packet)

    def ask_for_key(self) -> None:
        """The browser cannot go on without a picture that stands for itself."""
        self._video.ask_for_key()

    async def connected(self) -> None:
        """Wait until pictures can come. Raises what keeps them away."""
        await asyncio.shield(self._video.connected)

    async def recv(self) -> "Packet[VideoStream]":
        """The next packet. Raises MediaStreamError at the end."""
        if not self._watches:
            self._watches = True
            self.ask_for_key()
        packet = None if self.readyState == "ended" else await self._packets.get()
        if packet is None:
            self.stop()
            raise MediaStreamError
        return packet

    def stop(self) -> None:
        """Leave the video."""
        super().stop()
        self._video.leave(self)


class SharedVideo:
    """One camera's pictures, encoded while somebody watches; belongs to one event loop."""

    def __init__(self, connect: Callable[[], Awaitable[Jpegs]], threads: anyio.CapacityLimiter) -> None:
        self._threads = threads
        self._vp8 = Vp8()
        self._viewers: set[Viewer] = set()
        self._newest = b""
        self._came = asyncio.Event()
        self._key_wanted, self._key_at = True, 0.0
        self.encoded = 0
        self.is_over = False
        self.connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running = asyncio.ensure_future(self._run(connect))

    def enter(self) -> Viewer:
        """One more viewer, who leaves by `stop`."""
        viewer = Viewer(self)
        self._viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """A viewer goes; the last one ends it."""
        self._viewers.discard(viewer)
        if not self._viewers and not self.is_over:
            self.is_over = True
            self._running.cancel()

    def ask_for_key(self) -> None:
        """Have a picture soon that stands for itself, even if it is the one that was shown last."""
        if not self._key_wanted:
            self._key_wanted = True
            since_s = time.monotonic() - self._key_at
            asyncio.get_running_loop().call_later(max(0.0, _KEYS_APART_S - since_s), self._came.set)

    async def _run(self, connect: Callable[[], Awaitable[Jpegs]]) -> None:
        tasks: list[asyncio.Future[None]] = []
        try:
            jpegs = await connect()
            self.connected.set_result(None)
            tasks += [asyncio.ensure_future(each) for each in (self._read(jpegs), self._encode())]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
        except FFmpegError as error:
            _log.warning("a camera's picture cannot be encoded", reason=str(error))
        except Exception as error:  # noqa: BLE001 - the edge of a task: who waits for it hears of it
            if self.connected.done():
                _log.error("a shared video failed", exc_info=error)
            else:
                self.connected.set_exception(error)
        finally:
            self.is_over = True
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.connected.cancel()  # nobody waits any more, or it is done
            for viewer in tuple(self._viewers):
                viewer.offer(None)
                viewer.stop()

    async def _read(self, jpegs: Jpegs) -> None:
        async for self._newest in jpegs:
            self._came.set()

    async def _encode(self) -> None:
        while True:
            await self._came.wait()
            self._came.clear()
            at, key = int(time.monotonic() / CLOCK), self._takes_key()
            packets = await anyio.to_thread.run_sync(
                lambda jpeg, at, key: self._vp8.encode(jpeg, at, key=key), self._newest, at, key, limiter=self._threads
            )
            self.encoded += 1
            for viewer in tuple(self._viewers):
                for packet in packets:
                    viewer.offer(packet)

    def _takes_key(self) -> bool:
        """Whether the next picture is a key; those that are asked for keep a distance, as they are large."""
        now = time.monotonic()
        takes = now - self._key_at >= (_KEYS_APART_S if self._key_wanted else _KEY_EVERY_S)
        if takes:
            self._key_wanted, self._key_at = False, now
        return takes
