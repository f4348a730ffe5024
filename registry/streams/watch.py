"""The thread that keeps one camera connected."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event, Lock, RLock, Thread

import structlog

from registry.streams.accounting import Ledger, Outcome
from registry.streams.connection import Connection, PacketTap
from registry.streams.decoder import DecodeOptions
from registry.streams.dial import knock
from registry.streams.faults import tell_fault
from registry.streams.frames import Frame
from registry.streams.loss import Reason, SourceLost
from registry.streams.opening import make_feed
from registry.streams.sanity import Sanity, SanityLimits
from registry.streams.sources import CameraSource, SourceKind, SourcePolicy
from registry.streams.states import Budgets, CameraMachine, CameraState

_LOOK_S = 0.1
_KNOCK_EVERY_S = 1.0
_RATE_OVER = 21  # frames
_ANSWER_S = 2.0
_ANSWER_MOST_S = 6.0
_FULL_PATIENCE_EVERY = 8  # tries
_AWAY = {Reason.UNREACHABLE, Reason.UNRESOLVED, Reason.MISSING}
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How a camera is decoded and watched."""

    decode: DecodeOptions = field(default_factory=DecodeOptions)
    budgets: Budgets = field(default_factory=Budgets)
    sanity: SanityLimits = field(default_factory=SanityLimits)
    tap: PacketTap | None = None  # takes the packets as they come, for recordings


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """What a camera is doing at one moment; `detail` is safe to show."""

    state: CameraState
    reason: Reason
    detail: str
    since_s: float  # monotonic
    retry_in_s: float
    fps: float
    size_wh: tuple[int, int]
    source_wh: tuple[int, int]
    repeating: bool
    connections: int  # how often a first frame came
    decoder_pid: int | None


class CameraWatch:
    """Connects, reads, reconnects. `on_frame` is called in this thread and must return within milliseconds."""

    def __init__(
        self,
        camera_id: str,
        source: CameraSource,
        policy: SourcePolicy,
        on_frame: Callable[[Frame], None],
        ledger: Ledger,
        options: WatchOptions | None = None,
        on_change: Callable[[CameraStatus], None] = lambda _: None,
    ) -> None:
        self.camera_id = camera_id
        self.ledger = ledger
        self.on_away: Callable[[], None] = lambda: None  # told once it is away for seconds, before its next frame
        self._source = source
        self._policy = policy
        self._options = options or WatchOptions()
        self._on_frame = on_frame
        self._on_change = on_change
        self._machine = CameraMachine(self._options.budgets, gap_s=1 / self._options.decode.fps)
        self._told = self._machine.state  # what the listener knows
        self._connection: Connection | None = None
        self._sanity = Sanity(self._options.decode.fps)
        self._detail = ""
        self._connections = 0
        self._arrived: deque[float] = deque(maxlen=_RATE_OVER)  # monotonic, of the newest frames of this connection
        self._knocked_at = 0.0
        self._was_up = True
        self._is_away = False
        self._opened_in_s = 0.0  # by the last connection that could be opened
        self._ending = Event()
        self._lock = Lock()
        self._control = RLock()  # one start or stop at a time
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin; also out of `failed`, then with a clean slate."""
        with self._control:
            self.stop()
            self._ending.clear()
            self._machine.start(time.monotonic())
            self._thread = Thread(target=self._run, name=f"camera-{self.camera_id}", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, with decoder and connection gone when this returns."""
        with self._control:
            self._ending.set()
            with self._lock:
                connection = self._connection
            if connection is not None:
                connection.abort()
            if self._thread is not None:
                self._thread.join()
                self._thread = None
            self._machine.stop(time.monotonic())

    def status(self) -> CameraStatus:
        """What it is doing."""
        machine, connection = self._machine, self._connection
        sizes = connection.sizes if connection else ((0, 0), (0, 0))
        waiting = machine.state is CameraState.WAITING
        return CameraStatus(
            machine.state,
            machine.reason,
            self._detail if machine.reason else "",
            machine.since,
            max(0.0, machine.retry_at - time.monotonic()) if waiting else 0.0,
            self._rate() if machine.state is CameraState.LIVE else 0.0,
            *sizes,
            self._sanity.repeating,
            self._connections,
            connection.pid if connection else None,
        )

    def _run(self) -> None:
        self._told = self._machine.state
        while not self._ending.is_set():
            self._step()
            self._tell_change()
            self._tell_away()
        self._disconnect()

    def _step(self) -> None:
        try:
            due = self._machine.tick(time.monotonic())
            if due:
                self._lose(SourceLost(due, "no pictures come"))
            elif self._machine.state is CameraState.WAITING:
                self._wait()
            elif self._machine.state is CameraState.FAILED:
                self._ending.wait(_LOOK_S * 5)
            elif self._connection is None:
                self._connect()
            else:
                self._read(self._connection)
        except SourceLost as lost:
            self._lose(lost)
        except Exception:  # noqa: BLE001 - a fault of ours costs one connection
            tell_fault("camera connection failed", camera=self.camera_id)
            self._lose(SourceLost(Reason.DECODER, "an unexpected fault; the log has it"))

    def _connect(self) -> None:
        feed = make_feed(self._source, self._policy, self._patience_s())
        connection = Connection(feed, self._options.decode, self._options.tap)
        with self._lock:
            if self._ending.is_set():
                return
            self._connection = connection
        began = time.monotonic()
        connection.open()
        self._opened_in_s = time.monotonic() - began
        limits = self._options.sanity
        if self._source.kind is SourceKind.FILE:  # a film may stand still
            limits = SanityLimits(0.0, limits.reconnect_after, limits.most_source_fps, limits.surplus)
        self._sanity = Sanity(self._options.decode.fps, limits)

    def _patience_s(self) -> float:
        """Some cameras answer late; but who waits long for one that is away is late when it comes back.

        How fast one is that was live before is known; now and then it gets the time it would get as a new one.
        """
        failures = self._machine.failures
        patience_s = min(_ANSWER_S + failures, _ANSWER_MOST_S)
        if not self._machine.proven or failures % _FULL_PATIENCE_EVERY == _FULL_PATIENCE_EVERY - 1:
            return patience_s
        known_s = max(2 * self._opened_in_s, self._options.budgets.slow_gaps * self._machine.gap_s)
        return min(patience_s, max(_ANSWER_S, known_s))

    def _read(self, connection: Connection) -> None:
        for picture in connection.read(_LOOK_S):
            self._take(picture, connection)
        now = time.monotonic()
        if verdict := self._sanity.verdict(connection.arrivals().pictures, now):
            raise SourceLost(verdict, "the camera misbehaves")
        if self._machine.state is CameraState.CONNECTING and connection.silent_s(now) > self._patience_s():
            raise SourceLost(Reason.SILENT, "connected, and nothing comes")

    def _take(self, picture: bytes, connection: Connection) -> None:
        now = time.monotonic()
        if self._machine.state is CameraState.CONNECTING:
            self._connections += 1
            self._arrived.clear()
        self._arrived.append(now)
        self._machine.frame(now)
        self._tell_change()  # whoever gets the first frame knows by then that the camera is live
        frame_id = self.ledger.capture()
        size_wh, source_wh = connection.sizes
        drop = self._sanity.judge(memoryview(picture)[: size_wh[0] * size_wh[1]], now)
        if drop is not None:
            self.ledger.settle(frame_id, Outcome.DROPPED, drop)
            return
        frame = Frame(self.camera_id, frame_id, now, datetime.now(UTC), size_wh, source_wh, picture)
        try:
            self._on_frame(frame)
        except Exception:  # noqa: BLE001 - a frame that breaks its analysis costs that frame
            tell_fault("frame failed", camera=self.camera_id, frame=frame_id)
            self.ledger.fail(frame_id)

    def _rate(self) -> float:
        """Frames a second over the newest ones; 0.0 before there are a few."""
        arrived = list(self._arrived)
        took_s = arrived[-1] - arrived[0] if arrived else 0.0
        return (len(arrived) - 1) / took_s if took_s > 0 else 0.0

    def _lose(self, lost: SourceLost) -> None:
        was_live = self._machine.state in {CameraState.LIVE, CameraState.STALLED}
        self._disconnect()
        self._detail = lost.detail
        self._was_up = (self._was_up or was_live) and lost.reason not in _AWAY
        self._knocked_at = time.monotonic()
        if not self._ending.is_set():
            self._machine.lost(time.monotonic(), lost.reason)

    def _wait(self) -> None:
        """Until the next try; sooner where a source that was away speaks again."""
        now = time.monotonic()
        if now - self._knocked_at >= _KNOCK_EVERY_S and self._machine.retry_at - now > _LOOK_S:
            self._knocked_at = now
            is_up = knock(self._source, self._policy.networks)
            if is_up and not self._was_up:
                self._machine.awake(time.monotonic())  # once: a camera that speaks and then fails has its back-off
            self._was_up = is_up
            return
        self._ending.wait(min(_LOOK_S, max(0.0, self._machine.retry_at - now)))

    def _disconnect(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _tell_away(self) -> None:
        last = self._machine.last_frame_at
        is_late = last > 0 and time.monotonic() - last >= self._options.budgets.away_after_s
        was_away, self._is_away = self._is_away, is_late and self._machine.state is not CameraState.LIVE
        if self._is_away and not was_away:
            self.on_away()

    def _tell_change(self) -> None:
        if self._machine.state is self._told:
            return
        self._told = self._machine.state
        status = self.status()
        log.info("camera state", camera=self.camera_id, state=status.state, reason=status.reason, detail=status.detail)
        try:
            self._on_change(status)
        except Exception:  # noqa: BLE001 - a listener's fault is its own
            tell_fault("camera listener failed", camera=self.camera_id)
