"""One FFmpeg child that turns a feed into scaled pictures on a pipe."""

import os
import re
import resource
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from imageio_ffmpeg import get_ffmpeg_exe

from registry.errors import InvalidInput
from registry.streams.acceleration import Acceleration
from registry.streams.feed import Feed
from registry.streams.loss import Reason, SourceLost

MAX_PIXELS = 7_680 * 4_320
MAX_SIDE = 8_192
_ADDRESS_SPACE = 2 << 30
_OPEN_FILES = 64
_HEADER = re.compile(rb"YUV4MPEG2 W(\d+) H(\d+) [^\n]*\n")
_MARK = b"FRAME\n"
_SIZE = re.compile(r"\[graph -?\d+ input .*\] w:(\d+) h:(\d+) pixfmt:")  # said whenever the pictures' size changes
_CODEC = re.compile(r"Stream #0:\d+.*: Video: (\w+)")  # of the input first
_COMPLAINT = re.compile(r"(?i)error|invalid|fail|could not|cannot|impossible|not found|no such|denied|exceed")
_RATE_SLACK = 0.9  # a picture that comes a little early still counts as the next one
_PIPE_BYTES = 1 << 20
_NICENESS = 3


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """What of a stream is wanted: pictures a second, and their height in pixels."""

    fps: float = 5.0
    height: int = 360
    skip_loop_filter: bool = False  # saves up to a third of the time; pictures are a little rougher
    acceleration: Acceleration = Acceleration.SOFTWARE

    def __post_init__(self) -> None:
        if not 0.1 <= self.fps <= 60:
            raise InvalidInput(f"frames are analysed 0.1 to 60 times a second, not {self.fps:g}")
        if not 64 <= self.height <= 2_160 or self.height % 2:
            raise InvalidInput(f"frames are analysed at an even height of 64 to 2160 pixels, not {self.height}")


class Decoder:
    """The child with its pipes. Reads never block; killing it is always safe."""

    def __init__(self, feed: Feed, options: DecodeOptions, *, with_packets: bool = False) -> None:
        """`with_packets`: hand on what comes as well, as it came, on a pipe of its own."""
        self.size_wh: tuple[int, int] | None = None
        self.source_wh: tuple[int, int] = (0, 0)
        self.codec = ""
        self.said: deque[str] = deque(maxlen=20)
        self._rest = bytearray()
        self._line = b""
        self.packets: IO[bytes] | None = None
        far_end: int | None = None
        if with_packets:
            self.packets, far_end = _pipe()
        try:
            self._child = subprocess.Popen(  # noqa: S603 - the bundled ffmpeg
                [get_ffmpeg_exe(), *_arguments(feed, options), *_copy_arguments(far_end)],
                stdin=subprocess.PIPE if feed.needs_stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(*feed.inherited(), *(() if far_end is None else (far_end,))),
                env={},
                cwd="/",
                bufsize=0,
            )
        except OSError:
            if self.packets is not None:
                self.packets.close()
            raise
        finally:
            if far_end is not None:
                os.close(far_end)
        # a device's driver reserves far more addresses than it uses
        bound_child(self._child.pid, addresses=options.acceleration is Acceleration.SOFTWARE)
        _let_others_go_first(self._child.pid)
        for pipe in (self._child.stdout, self._child.stderr, self.packets):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        widen_pipe(self._child.stdout)
        widen_pipe(self.packets)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    @property
    def stdin(self) -> IO[bytes] | None:
        """Where a feed writes, if it does."""
        return self._child.stdin

    @property
    def outputs(self) -> tuple[IO[bytes], IO[bytes]]:
        """Pictures, then what it says; for a selector."""
        if self._child.stdout is None or self._child.stderr is None:
            raise SourceLost(Reason.DECODER, "the decoder has no pipes")
        return self._child.stdout, self._child.stderr

    def pictures(self) -> Iterator[bytes]:
        """Every whole picture that is there now, planar YUV 4:2:0 of `size_wh`.

        Raises SourceLost(DECODER) at the end of the pipe.
        """
        data = _read(self.outputs[0])
        if data == b"":
            raise SourceLost(Reason.DECODER, self.last_words())
        self._rest += data or b""
        if self.size_wh is None and not self._read_header():
            return
        width, height = self.size_wh or (0, 0)
        size = len(_MARK) + width * height * 3 // 2
        while len(self._rest) >= size:
            if not self._rest.startswith(_MARK):
                raise SourceLost(Reason.DECODER, "its pictures changed their size")
            picture = bytes(self._rest[len(_MARK) : size])
            del self._rest[:size]
            yield picture

    def packet_bytes(self) -> bytes:
        """What is there of the fragmented MP4, b"" when there is nothing; once it ends, `packets` is None."""
        data = _read(self.packets) if self.packets is not None else None
        if data == b"" and self.packets is not None:
            self.packets.close()
            self.packets = None
        return data or b""

    def listen(self) -> None:
        """Take in what the child says: the size of what comes, and what went wrong."""
        data = _read(self.outputs[1])
        *lines, self._line = (self._line + (data or b"")).split(b"\n")
        self._line = self._line[-1_000:]
        for line in lines:
            text = line[:1_000].decode("utf-8", "replace").strip()
            if found := _SIZE.search(text):
                self.source_wh = (int(found[1]), int(found[2]))
            elif not self.codec and (found := _CODEC.search(text)):
                self.codec = found[1]
            elif _COMPLAINT.search(text):
                self.said.append(text)

    def last_words(self) -> str:
        """The end of what the child said, for a person."""
        with suppress(SourceLost, OSError, ValueError):
            self.listen()
        return self.said[-1][:300] if self.said else "the decoder ended"

    def kill(self) -> None:
        """End the child and its pipes, whatever it is doing."""
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdout, self._child.stderr, self.packets):
            if pipe is not None:
                pipe.close()

    def close_stdin(self) -> None:
        """After the feed is closed: its end of the pipe."""
        if self._child.stdin is not None:
            with suppress(OSError):
                self._child.stdin.close()

    def _read_header(self) -> bool:
        found = _HEADER.match(self._rest)
        if not found:
            if len(self._rest) > 1_000:
                raise SourceLost(Reason.DECODER, "its output cannot be read")
            return False
        self.size_wh = (int(found[1]), int(found[2]))
        del self._rest[: found.end()]
        return True


def _arguments(feed: Feed, options: DecodeOptions) -> list[str]:
    gap_s = _RATE_SLACK / options.fps
    pick = f"select='isnan(prev_selected_t)+gte(t-prev_selected_t,{gap_s:.4f})+lt(t,prev_selected_t)'"
    scale = f"scale=w='max(16,trunc(min({options.height * 4},{options.height}*dar)/2)*2)':h={options.height}"
    fast = ["-skip_loop_filter", "all"] if options.skip_loop_filter else []
    return [
        *("-hide_banner", "-nostats", "-nostdin", "-loglevel", "verbose"),
        *("-threads", "1", "-max_pixels", str(MAX_PIXELS), *fast, *options.acceleration.arguments),
        *feed.input_arguments(),
        *("-map", "0:v:0", "-an", "-sn", "-dn", "-filter_threads", "1"),
        *("-vf", f"{pick},{scale}:flags=fast_bilinear,setsar=1", "-fps_mode", "passthrough"),
        *("-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "-flush_packets", "1", "pipe:1"),
    ]


def _copy_arguments(pipe: int | None) -> list[str]:
    """A second output: the packets as they came, cut at key pictures and at two seconds, from a queue that drops
    where it would make the decoder wait, and that begins anew after an error instead of ending everything."""
    if pipe is None:
        return []
    cut = "movflags=frag_keyframe+empty_moov+default_base_moof:frag_duration=2000000:min_frag_duration=900000"
    return [
        *("-map", "0:v:0", "-c", "copy", "-an", "-sn", "-dn", "-map_metadata", "-1", "-fflags", "+bitexact"),
        *("-f", "fifo", "-fifo_format", "mp4", "-format_opts", f"{cut}:flush_packets=1", "-queue_size", "300"),
        *("-drop_pkts_on_overflow", "1", "-attempt_recovery", "1", "-recover_any_error", "1"),
        *("-recovery_wait_time", "10", "-restart_with_keyframe", "1", f"pipe:{pipe}"),
    ]


def _pipe() -> tuple[IO[bytes], int]:
    ours, far_end = os.pipe()
    return os.fdopen(ours, "rb", buffering=0), far_end


def bound_child(pid: int, *, addresses: bool = True) -> None:
    """What a hostile stream may take of this machine."""
    with suppress(ProcessLookupError, PermissionError):
        if addresses:
            resource.prlimit(pid, resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))


def _let_others_go_first(pid: int) -> None:
    """Where the processor is short, many decoders must not crowd out the few threads that look at what they decoded."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0) + _NICENESS)


def widen_pipe(pipe: IO[bytes] | None) -> None:
    """Room for a few pictures, so that the child seldom waits for us."""
    import fcntl

    with suppress(OSError):
        if pipe is not None:
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _read(pipe: IO[bytes]) -> bytes | None:
    """What is there, b"" at the end, None when there is nothing yet."""
    try:
        return os.read(pipe.fileno(), _PIPE_BYTES)
    except BlockingIOError:
        return None
