"""The camera process: beats, runs what it holds, stops in time, hands everything back."""

import signal
import threading
import time
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING

import structlog

from registry.access.live import Live
from registry.cameras.events import Events
from registry.cameras.upkeep import EventUpkeep
from registry.errors import RegistryError, Unavailable
from registry.records import Aging, CameraRecord, open_database
from registry.records.identity import Identity
from registry.settings import Settings
from registry.storage import open_storage
from registry.worker.histories import Histories
from registry.worker.leases import Held, Leases
from registry.worker.live_server import LiveServer
from registry.worker.mail import Mail
from registry.worker.outages import Outages

if TYPE_CHECKING:
    from registry.worker.rooms import CameraRooms

BEAT_S = 0.7
_GUARD_S = 0.1
_STOP_S = 5.0
_IDLE_MS = 3_000  # a worker that is stopped within a transaction keeps nobody from taking its cameras over
_TOLD_EVERY = 40  # missed beats
_log = structlog.get_logger(__name__)


class Worker:
    """Small until it holds its first camera; then it opens the rooms that cameras need."""

    def __init__(self, settings: Settings, *, loopback: bool = False) -> None:
        self._settings, self._loopback = settings, loopback
        self._database = open_database(settings.records_url, idle_ms=_IDLE_MS)
        self._live = Live(self._database, settings)
        self._server = LiveServer(settings)
        self._identity = Identity.own()
        self._leases = Leases(self._database, self._identity, self._server.url)
        self._outages, self._histories = Outages(), Histories()
        self._mail = Mail(settings, self._database, self._live)
        self._upkeep = EventUpkeep(self._events, aging=Aging(kept=settings.clock_file))
        self._rooms: CameraRooms | None = None
        self._opening: threading.Thread | None = None
        self._ending = threading.Event()
        self._missed = 0  # beats in a row

    def run(self) -> None:
        """Work until told to end."""
        self._server.start()
        threading.Thread(target=self._guard, name="lease-guard", daemon=True).start()
        self._upkeep.start()
        _log.info("worker", id=self._identity.id, url=self._server.url)
        while not self._ending.is_set():
            began = time.monotonic()
            self._beat()
            self._ending.wait(max(0.05, BEAT_S - (time.monotonic() - began)))
        self._finish()

    def end(self) -> None:
        """Have `run` return soon."""
        self._ending.set()

    def _beat(self) -> None:
        try:
            reports = self._rooms.reporter.reports() if self._rooms else {}
            self._outages.look(reports, self._names())
            self._histories.look(reports)
            held = self._leases.beat(reports)
            self._missed = 0
            self._apply(held)
            self._outages.keep(self._database)
            self._histories.keep(self._database)
            self._mail.look()
        except Unavailable as error:
            if self._missed % _TOLD_EVERY == 0:
                _log.warning("beat missed", code=error.code, reason=error.message, in_a_row=self._missed)
            self._missed += 1
        except Exception as error:  # noqa: BLE001 - the edge of the loop that everything here hangs on
            _log.error("beat failed", exc_info=error)

    def _apply(self, held: list[Held]) -> None:
        if self._rooms is None:
            if held and self._opening is None:
                self._opening = threading.Thread(target=self._open, name="rooms", daemon=True)
                self._opening.start()  # imports for seconds, and beats must go on
            return
        self._rooms.apply(held, self._live.current())

    def _open(self) -> None:
        from registry.worker.rooms import CameraRooms

        try:
            rooms = CameraRooms.open(self._settings, self._database, self._live, self._take_up, loopback=self._loopback)
        except Exception as error:  # noqa: BLE001 - the edge of a thread: without rooms no camera ever runs
            told = {"code": error.code, "reason": error.message} if isinstance(error, RegistryError) else {}
            _log.error("cameras cannot run", exc_info=None if told else error, **told)
            self._opening = None  # the next beat tries again
            return
        self._server.views = rooms.views
        self._rooms = rooms
        self._mail.begin()

    def _take_up(self, record: CameraRecord) -> None:
        from registry.worker.taking_up import take_up

        take_up(self._database, record, self._outages, self._histories)

    def _events(self) -> Events:
        storage = open_storage(self._settings.storage_root, self._settings.storage_endpoint)
        return Events(self._database, storage, self._live)

    def _names(self) -> Mapping[str, str]:
        return self._rooms.names() if self._rooms else {}

    def _guard(self) -> None:
        """Stop every camera before its lease ends where it cannot be renewed: then another worker may have it."""
        while not self._ending.wait(_GUARD_S):
            if self._rooms is None or time.monotonic() <= self._leases.safe_until:
                continue
            posts = self._rooms.crew.posts()
            if not all(post.busy for post in posts.values()):
                _log.error("leases not renewed: every camera stops")
                self._outages.leases_lost(posts)
                self._rooms.stop()

    def _finish(self) -> None:
        self._server.shutdown()
        self._upkeep.close()
        if self._rooms is not None:
            self._rooms.close(_STOP_S)
        self._mail.close()
        try:
            self._leases.leave()
        except Unavailable as error:
            _log.warning("leases end by themselves", reason=error.message)
        self._database.close()
        _log.info("worker ended", id=self._identity.id)


def work(settings: Settings, *, loopback: bool = False) -> None:
    """Be a camera process until SIGTERM or SIGINT. Only tests let cameras be on this machine (`loopback`)."""
    worker = Worker(settings, loopback=loopback)
    on_signal(worker.end)
    worker.run()


def on_signal(end: Callable[[], None]) -> None:
    """Have SIGTERM and SIGINT call `end`, from a thread of its own.

    A handler interrupts the main thread anywhere, also in `Event.wait` with the event's lock: it may take none.
    """
    told: SimpleQueue[int] = SimpleQueue()  # its `put` may interrupt anything

    def listen() -> None:
        told.get()
        end()

    def stop(number: int, _frame: FrameType | None) -> None:
        told.put(number)

    threading.Thread(target=listen, name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
