"""Uploads: files on their way in, worked on beside the requests, followed by the one who sent them."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from registry.access import Action, Actor, Target, require
from registry.access.permissions import visible
from registry.access.trail import trace
from registry.errors import RegistryError, StorageUnavailable, TooManyRequests, UploadNotFound
from registry.models.intake import Wanted, admit, room_of
from registry.models.journey import RECEIVE, SCAN, Journey
from registry.models.locks import one_at_a_time
from registry.models.promotion import SetAlias
from registry.models.quarantine import Arriving, Quarantine, Received, Room
from registry.models.registry import ModelRegistry
from registry.models.upload_records import Upload, UploadRecords
from registry.records import Database
from registry.records.audit import Outcome

AT_ONCE = 2  # of them a single person has all but one
WAITING_MOST = 32
_RETRY_AFTER_S = 30
_COUNTING = "uploads.lock"
CUT = "it did not arrive whole"
log = logging.getLogger(__name__)

Bring = Callable[[Journey], Received]  # the first step: the file into its folder of the quarantine


@dataclass(slots=True)
class _Passage:
    """One upload in its thread."""

    actor: Actor
    wanted: Wanted
    upload: Upload
    journey: Journey
    bring: Bring
    begun: threading.Event = field(default_factory=threading.Event)
    refused: RegistryError | None = None  # why it was not begun


class Uploads:
    """The uploads of one home. A process that ends takes its unfinished uploads with it: they count as rejected.

    `move` moves an alias to a new version: `Serving.move_alias` proves it first; without one nothing is loaded.
    """

    def __init__(self, models: ModelRegistry, database: Database, move: SetAlias | None = None) -> None:
        self._models = models
        self.move = move
        self._database = database
        self.quarantine = Quarantine(models.settings, models.live)
        self._records = UploadRecords(self.quarantine.root)
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self._own: dict[str, threading.BoundedSemaphore] = {}  # by owner: nobody has every slot
        self._arriving: dict[str, tuple[Actor, Arriving]] = {}  # by id: what requests of this process bring

    def start(self, actor: Actor, chunks: Iterable[bytes], wanted: Wanted) -> Upload:
        """Receive a file, then go on beside the caller; `get` tells how far it is.

        Raises as `Wanted.check`, and UploadTooLarge, QuotaExceeded, StorageUnavailable, TooManyRequests (too many wait
        already).
        """
        wanted.check(actor, self._models)
        arriving = self.open(actor)
        try:
            arriving.take(chunks)
        except BaseException:
            self.cut(actor, arriving, wanted.name)
            raise
        return self.begin(actor, arriving, wanted)

    def open(self, actor: Actor) -> Arriving:
        """A file to be written piece by piece; give it to `begin` when it is whole, else to `cut`.

        Raises Forbidden, StorageUnavailable, MlflowUnavailable, TooManyRequests.
        """
        require(actor, Action.PUBLISH_MODEL)
        with self._counting():
            room = self._room(actor)
            folder = self.quarantine.new_folder()
            beside = partial(self._arriving_beside, actor, folder.name)
            arriving = self.quarantine.open(room and replace(room, beside=beside), folder)
            self._arriving[arriving.id] = (actor, arriving)
        return arriving

    def begin(self, actor: Actor, arriving: Arriving, wanted: Wanted) -> Upload:
        """Go on with a file that is whole.

        Raises as `Wanted.check`, and StorageUnavailable, and QuotaExceeded or TooManyRequests where others were whole
        before it; it is gone then.
        """
        try:
            wanted.check(actor, self._models)
            received = arriving.complete()
            self._trace(actor, "model.upload", wanted.name, {"upload": received.id, "sha256": received.sha256})
            upload = Upload(id=received.id, owner_id=actor.id, steps=Journey().steps, model=wanted.name)
            return self._go(_Passage(actor, wanted, upload, Journey(), lambda _journey: received), received)
        except BaseException:
            arriving.discard()
            raise
        finally:
            self._arriving.pop(arriving.id, None)

    def cut(self, actor: Actor, arriving: Arriving, name: str, reason: str = CUT) -> None:
        """Forget a file that does not arrive whole, or is not wanted; a row in the trail says why, no more stays."""
        self._arriving.pop(arriving.id, None)
        arriving.discard()
        details = {"upload": arriving.id, "reason": reason[:300], "bytes": arriving.size_bytes}
        self._trace(actor, "model.reject", name, details, "failed")

    def fetch(self, actor: Actor, wanted: Wanted, upload_id: str, bring: Bring) -> Upload:
        """Have a file brought into the quarantine's folder `upload_id`, beside the caller, and take it in.

        Raises as `Wanted.check`, and QuotaExceeded, StorageUnavailable, TooManyRequests.
        """
        wanted.check(actor, self._models)
        with self._counting():
            room = self._room(actor)
        if room is not None and not room.bytes:
            raise room.refusal()
        journey = Journey()
        upload = Upload(id=upload_id, owner_id=actor.id, steps=journey.steps, model=wanted.name)
        try:
            (self.quarantine.root / upload_id).mkdir(parents=True, mode=0o700)
        except OSError as error:
            raise StorageUnavailable(f"the upload could not be kept: {error.strerror}") from error
        return self._go(_Passage(actor, wanted, upload, journey, bring))

    def get(self, actor: Actor, upload_id: str) -> Upload:
        """An upload of the actor's own; administrators see all. Raises UploadNotFound."""
        found = self._records.find(upload_id)
        if found is None or not visible(actor, Target("upload", found.owner_id, "private")):
            raise UploadNotFound(f"there is no upload {upload_id[:32]!r} of yours")
        return found

    def _go(self, passage: _Passage, received: Received | None = None) -> Upload:
        """Start the thread of an upload; returns once its record is there. Raises StorageUnavailable."""
        if received is not None:
            _bring(passage)
        first = passage.upload
        threading.Thread(target=self._work, args=(passage, received), name="upload", daemon=True).start()
        passage.begun.wait()
        if passage.refused is not None:
            self.quarantine.discard(first.id)
            raise passage.refused
        if self._records.find(first.id) is None:
            self.quarantine.discard(first.id)
            raise StorageUnavailable("the upload could not be kept", hint="Free some space and send it again.")
        return first

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """Held while it is found out whether one more fits, until it counts: one at a time in the whole home.

        Raises StorageUnavailable.
        """
        with ExitStack() as held:
            try:
                folder = self._models.settings.run_dir
                folder.mkdir(parents=True, exist_ok=True)
                held.enter_context(one_at_a_time(folder / _COUNTING))
            except OSError as error:
                raise StorageUnavailable(f"the upload could not be kept: {error.strerror}") from error
            yield

    def _room(self, actor: Actor, but: str = "") -> Room | None:
        """What the actor may still keep beside what is published and what waits; one upload is left out.

        Raises TooManyRequests where as many are on their way as may be, MlflowUnavailable.
        """
        self._records.sweep()
        waiting = [each for each in self._records.all() if not each.ended and each.id != but]
        owners = {each.id: each.owner_id for each in waiting}
        owners |= {each.id: owner.id for owner, each in list(self._arriving.values()) if each.id != but}
        own = list(owners.values()).count(actor.id)
        if len(owners) >= WAITING_MOST or own >= self._models.live.current().uploads_each:
            raise TooManyRequests(
                f"{own} uploads of yours are on their way already, {len(owners)} in all",
                hint="Wait until one of them has ended.",
                details={"retry_after_s": _RETRY_AFTER_S},
            )
        return room_of(self._models, actor, sum(each.size_bytes for each in waiting if each.owner_id == actor.id))

    def _arriving_beside(self, actor: Actor, but: str) -> int:
        """The bytes of the actor's that have arrived by now in files that are not whole, one file left out."""
        arriving = list(self._arriving.values())
        return sum(each.size_bytes for owner, each in arriving if owner.id == actor.id and each.id != but)

    def _claim(self, passage: _Passage) -> None:
        """From here on an upload counts with its size, if it still fits: others may have been whole before it.

        Raises QuotaExceeded, TooManyRequests, MlflowUnavailable.
        """
        upload = passage.upload
        with self._counting():
            room = self._room(passage.actor, upload.id)
            if room is not None and upload.size_bytes > room.bytes:
                raise room.refusal()
            self._records.keep(upload)

    def _work(self, passage: _Passage, received: Received | None) -> None:
        upload_id = passage.upload.id
        with self._records.alone(upload_id):
            try:
                self._claim(passage)
            except RegistryError as error:
                passage.refused = error
                return
            finally:
                passage.begun.set()
            passage.journey.watch = lambda steps: self._tell(passage.upload.at(steps))
            ended = self._outcome(passage, received)
            self._records.clear(upload_id)
            self._records.keep(ended)

    def _tell(self, upload: Upload) -> None:
        """How far an upload is, where the disk takes that; the next step is told anew."""
        with suppress(OSError):
            self._records.keep(upload)

    def _outcome(self, passage: _Passage, received: Received | None) -> Upload:
        """Take the file in: the upload as it ended."""
        try:
            if received is None:
                received = _bring(passage)
                self._claim(passage)  # only now its size is known
            with self._turn(passage):
                made = admit(self._models, passage.actor, received, passage.wanted, passage.journey, self.move)
        except RegistryError as error:
            reason = error
        except Exception:
            log.exception("upload %s failed", passage.upload.id)
            reason = RegistryError("something went wrong here", hint=f"The log names it under {passage.upload.id}.")
        else:
            return passage.upload.at(passage.journey.steps).registered(made.version, passage.journey.warning)
        details = {"upload": passage.upload.id, "reason": reason.message[:300]}
        self._trace(passage.actor, "model.reject", passage.wanted.name, details)
        return passage.upload.at(passage.journey.steps).rejected(reason)

    @contextmanager
    def _turn(self, passage: _Passage) -> Iterator[None]:
        """Held while a file is taken in; what it waits for before is told as its next step's detail."""
        own = self._own.setdefault(passage.actor.id, threading.BoundedSemaphore(AT_ONCE - 1))
        with ExitStack() as held:
            for slots, whose in ((own, "another upload of yours"), (self._slots, "uploads of others")):
                if not slots.acquire(blocking=False):
                    passage.journey.hold(SCAN, f"waits for {whose}")
                    slots.acquire()
                held.callback(slots.release)
            yield

    def _trace(self, actor: Actor, action: str, name: str, details: Mapping[str, Any], outcome: Outcome = "ok") -> None:
        with suppress(RegistryError), self._database.write() as session:
            trace(session, actor, action, f"model:{name}", details, outcome=outcome)


def _bring(passage: _Passage) -> Received:
    """The first step, and what the upload knows after it."""
    with passage.journey.step(RECEIVE) as said:
        received = passage.bring(passage.journey)
        said["detail"] = received.said()
    passage.upload = passage.upload.arrived(received).at(passage.journey.steps)
    return received
