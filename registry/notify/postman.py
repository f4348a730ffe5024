"""Delivers what waits: one thread for each receiver, tried again with growing pauses until it is too old."""

import random
import secrets
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from registry.access.live import Live
from registry.errors import DatabaseUnavailable, RegistryError
from registry.notify.sending import Letter, NotDelivered, Sender
from registry.records import Aging, Database, NotificationReceiver, notifications, utc_now
from registry.streams.faults import tell_fault

HOLD_S = 12.0  # for so long a receiver waits for another process when its own has died
_LOOK_S = 1.0
_TEND_S = 3.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 300.0
log = structlog.get_logger(__name__)

MakeSender = Callable[[NotificationReceiver], Sender]


class Postman:
    """Holds receivers that nobody else holds, and serves each in a thread of its own."""

    def __init__(
        self,
        database: Database,
        live: Live,
        make: MakeSender,
        look_s: float = _LOOK_S,
        make_aging: Callable[[], Aging] = Aging,
    ) -> None:
        self._database, self._live, self._make, self._make_aging = database, live, make, make_aging
        self._look_s = look_s
        self.holder = f"{socket.gethostname()[:80]}-{secrets.token_hex(8)}"
        self._rounds: dict[str, _Round] = {}
        self._held_at: dict[str, float] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="postman", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self, timeout_s: float = 15.0) -> None:
        """End; what waits stays in line."""
        self._ending.set()
        self._thread.join(timeout_s)
        for each in self._rounds.values():
            each.stop()
        for each in self._rounds.values():
            each.join(timeout_s)
        try:
            with self._database.write() as session:
                notifications.let_go(session, self.holder)
        except DatabaseUnavailable as error:
            log.warning("receivers are let go of later", reason=error.message)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._look()
            except RegistryError as error:
                log.warning("notifications wait", reason=error.message)
            except Exception:  # noqa: BLE001 - the edge of a thread
                tell_fault("postman failed")
            self._ending.wait(self._look_s)

    def _look(self) -> None:
        with self._database.read() as session:
            receivers = {each.id: each for each in notifications.on(session)}
        held = {each.id: each for each in receivers.values() if self._holds(each.id)}
        for receiver_id, known in list(self._rounds.items()):
            if known.revision != (held[receiver_id].revision if receiver_id in held else None):
                known.end(receivers.get(receiver_id))
            if not known.is_alive():
                del self._rounds[receiver_id]  # until then it is in the middle of one
        if any(each.forgets for each in self._rounds.values()):
            return  # who comes in another's place tells nothing before that one's is taken away
        for receiver_id in held.keys() - self._rounds.keys():
            receiver = held[receiver_id]
            rooms = (self._database, self._live, self._make)
            self._rounds[receiver_id] = _Round(receiver, *rooms, self._look_s, self._make_aging())

    def _holds(self, receiver_id: str) -> bool:
        """Whether a receiver is ours, asked again a while before it would not be any more."""
        now = time.monotonic()
        if now - self._held_at.get(receiver_id, float("-inf")) < HOLD_S / 3:
            return True
        with self._database.write() as session:
            is_held = notifications.hold(session, receiver_id, self.holder, HOLD_S)
        if is_held:
            self._held_at[receiver_id] = now
        else:
            self._held_at.pop(receiver_id, None)
        return is_held


class _Round:
    """One receiver's thread."""

    def __init__(
        self,
        receiver: NotificationReceiver,
        database: Database,
        live: Live,
        make: MakeSender,
        look_s: float,
        aging: Aging,
    ) -> None:
        self.revision = receiver.revision
        self.forgets = False  # takes away what it left with the receiver before it ends
        self._receiver, self._database, self._live, self._make = receiver, database, live, make
        self._look_s = look_s
        self._failures = 0  # in a row
        self._tended_at = float("-inf")
        self._aging = aging
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"tell-{receiver.name[:20]}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Have it end soon."""
        self._ending.set()

    def end(self, now: NotificationReceiver | None) -> None:
        """Have it end soon; `now` is what became of its receiver, None for one that is deleted or switched off."""
        old = self._receiver
        self.forgets |= now is None or (now.address, now.options) != (old.address, old.options)
        self.stop()

    def join(self, timeout_s: float) -> None:
        """Wait for its end."""
        self._thread.join(timeout_s)

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._thread.is_alive()

    def _run(self) -> None:
        sender: Sender | None = None
        while not self._ending.is_set():
            pause_s = self._look_s
            try:
                sender = sender or self._make(self._receiver)
                pause_s = self._serve(sender)
            except NotDelivered as error:
                pause_s = self._pause(error.why)
            except RegistryError as error:
                log.warning("notifications wait", receiver=self._receiver.name, reason=error.message)
            except Exception:  # noqa: BLE001 - the edge of a thread: one receiver's fault stays its own
                tell_fault("notifying failed", receiver=self._receiver.name)
                pause_s = self._pause("an unexpected fault; the log has it")
            self._ending.wait(pause_s)
        self._leave(sender)

    def _leave(self, sender: Sender | None) -> None:
        try:
            if self.forgets:
                sender = sender or self._make(self._receiver)
                sender.forget()
        except (NotDelivered, RegistryError) as error:
            log.warning("what was left at a receiver stays there", receiver=self._receiver.name, reason=str(error))
        except Exception:  # noqa: BLE001 - the edge of a thread
            tell_fault("nothing was taken away", receiver=self._receiver.name)
        finally:
            if sender is not None:
                sender.close()

    def _serve(self, sender: Sender) -> float:
        """Deliver what is due; seconds until the next look. Raises NotDelivered for a receiver that is away."""
        if time.monotonic() - self._tended_at >= _TEND_S:
            self._drop_stale()
            sender.tend()
            self._tended_at = time.monotonic()
        while not self._ending.is_set():
            with self._database.read() as session:
                due = notifications.due(session, self._receiver.id, _LONGEST_PAUSE_S)
            if due is None:
                return self._look_s
            try:
                told = sender.send(Letter(due.id, due.created_at, due.payload))
            except NotDelivered as error:
                self._put_off(due, error)
                if not error.refused:
                    raise
                continue
            self._failures = 0
            with self._database.write() as session:
                notifications.settle(session, due, told)
        return 0.0

    def _drop_stale(self) -> None:
        """Give up what is too old, and what is too much."""
        live = self._live.current()
        oldest = utc_now() - timedelta(hours=live.notification_hours)
        with self._database.read() as session:
            is_stale = self._aging.counts() and notifications.is_any_older(session, self._receiver.id, oldest)
            waiting = notifications.waiting_for(session, self._receiver.id)
        if is_stale or waiting > live.notification_queue:
            with self._database.write() as session:
                if is_stale:
                    notifications.give_up_older(session, self._receiver.id, oldest)
                notifications.trim(session, self._receiver.id, live.notification_queue)

    def _put_off(self, due: notifications.NotificationDelivery, error: NotDelivered) -> None:
        wait_s = min(_FIRST_PAUSE_S * 2.0 ** min(due.tries, 9), _LONGEST_PAUSE_S)
        with self._database.write() as session:
            if error.refused:
                notifications.give_up(session, due, error.why)
            else:
                notifications.put_off(session, due, wait_s, error.why)

    def _pause(self, why: str) -> float:
        """A receiver that is away is asked less and less often."""
        self._failures += 1
        log.warning("not delivered", receiver=self._receiver.name, reason=why)
        wait_s = min(_FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 9), _LONGEST_PAUSE_S)
        return wait_s * random.uniform(0.8, 1.2)  # noqa: S311 - spreads the callers, guards nothing
