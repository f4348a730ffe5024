"""Adding, finding, changing, starting and stopping cameras: with permission, into the audit trail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from registry.access import Action, Actor, require
from registry.access.live import Live
from registry.access.trail import trace
from registry.cameras.address import Kept, Typed, address_of, check_literal
from registry.cameras.asked import CameraChange, NewCamera
from registry.cameras.configuration import analysis_of, merged
from registry.cameras.distinct import check_name
from registry.cameras.model_choice import ModelChoice, check_model
from registry.cameras.policy import source_policy
from registry.cameras.recording import recording_of
from registry.cameras.sealing import Seals, Secrets, origin_of, with_target
from registry.cameras.view import CameraView, view_of
from registry.errors import CameraGroupNotFound, CameraNotFound, Conflict, SecretsUnreadable
from registry.models.registry import ModelRegistry
from registry.records import CameraGroup, CameraRecord, Database, camera_list, one_at_a_time, utc_now
from registry.records.camera_list import CameraFilter
from registry.settings import Settings
from registry.streams import SourcePolicy

MOST_CAMERAS = 2_000
EVERY = CameraFilter()
_MODEL = ("model", "alias", "version")


@dataclass(frozen=True, slots=True)
class _Moved:
    """An address as it is stored; `is_elsewhere` where other pictures may come from it than before."""

    url: str
    verify_tls: bool
    sealed: str
    is_elsewhere: bool


class Cameras:
    """The cameras of one platform. `loopback` lets tests have cameras on this machine."""

    def __init__(
        self, settings: Settings, database: Database, live: Live, models: ModelRegistry, *, loopback: bool = False
    ) -> None:
        self._settings, self._database, self._live, self._models = settings, database, live, models
        self._loopback = loopback
        self.seals = Seals(settings)

    def policy(self) -> SourcePolicy:
        """Where cameras may be at the moment."""
        return source_policy(self._settings, self._live.current(), loopback=self._loopback)

    def page(
        self, actor: Actor, wanted: CameraFilter = EVERY, *, number: int = 1, size: int = 50
    ) -> tuple[Sequence[CameraView], int]:
        """One page of cameras by name, and how many match. Raises Forbidden."""
        require(actor, Action.READ_CAMERA)
        with self._database.read() as session:
            now = camera_list.moment(session)
            found, total = camera_list.page(session, wanted, now, number=number, size=size)
            groups, worker = camera_list.group_names(session), camera_list.newest_worker(session, now)
        views = [view_of(record, lease, groups.get(record.group_id or "", ""), worker, now) for record, lease in found]
        return views, total

    def get(self, actor: Actor, camera_id: str) -> CameraView:
        """One camera. Raises Forbidden, CameraNotFound."""
        require(actor, Action.READ_CAMERA)
        with self._database.read() as session:
            return _seen(session, camera_id)

    def named(self, actor: Actor, name: str) -> CameraView:
        """One camera by its id or its name. Raises Forbidden, CameraNotFound."""
        require(actor, Action.READ_CAMERA)
        with self._database.read() as session:
            record = session.get(CameraRecord, name[:32]) or camera_list.by_name(session, name)
            return _seen(session, record.id if record else name)

    def create(self, actor: Actor, asked: NewCamera) -> CameraView:
        """Add a camera, and start it if asked to.

        Raises Forbidden, NameTaken, InvalidSource, AddressRefused, InvalidZone, InvalidInput, CameraGroupNotFound,
        ModelNotFound and its like for the model, MlflowUnavailable where one is named.
        """
        require(actor, Action.ADD_CAMERA)
        typed = Typed(asked.url, asked.username, asked.password)
        policy = self.policy()
        address = address_of(typed, policy, verify_tls=asked.verify_tls)
        check_literal(address.source, policy)
        analysis = asked.analysis.model_dump(mode="json")
        if asked.zones is not None:
            analysis["zones"] = [zone.model_dump(mode="json") for zone in asked.zones]
        choice = check_model(self._models, actor, ModelChoice(asked.model, asked.alias, asked.version))
        record = CameraRecord(
            name=asked.name,
            url=address.url,
            verify_tls=asked.verify_tls,
            group_id=asked.group_id or None,
            **choice.columns(),
            analysed_fps=asked.analysed_fps,
            is_wanted=asked.start,
            analysis=analysis_of(analysis).model_dump(mode="json"),
            recording=asked.recording.model_dump(mode="json"),
            owner_id=actor.id,
            owner_name=actor.name,
        )
        record.sealed = self.seals.seal(record.id, address.origin, address.secrets)
        with self._database.write() as session:
            one_at_a_time(session.connection(), "cameras")
            _check_group(session, record.group_id)
            check_name(session, record)
            if camera_list.count(session) >= MOST_CAMERAS:
                raise Conflict(f"there are {MOST_CAMERAS} cameras, which is the most", hint="Delete some first.")
            _store(session, record)
            told = {"name": record.name, "at": address.origin, "model": record.model, "started": record.is_wanted}
            trace(session, actor, "camera.create", f"camera:{record.id}", told)
            return _seen(session, record.id)

    def update(self, actor: Actor, camera_id: str, change: CameraChange) -> CameraView:
        """Change a camera; a worker that runs it takes the change up within seconds. What changes nothing is no change.

        Who names a model becomes the camera's owner: it looks with that person's rights. Who changes the address of
        somebody else's camera must be allowed to use its model.
        Raises as `create`, CameraNotFound, and Conflict when somebody changed it since `revision`.
        """
        require(actor, Action.CHANGE_CAMERA)
        before = self.get(actor, camera_id).record
        choice = self._choice(actor, before, change)
        address = self._address(before, change)
        if choice is None and address is not None and address.is_elsewhere and actor.id != before.owner_id:
            self._check_kept_model(actor, before)
        with self._database.write() as session:
            if change.name is not None:
                one_at_a_time(session.connection(), "cameras")
            record = _locked(session, camera_id)
            _check_unchanged(record, change.revision or before.revision)
            old = _facts(record)
            _check_group(session, change.group_id)
            _apply(record, change)
            if record.name != old["name"]:
                check_name(session, record)
            if address is not None:
                record.url, record.verify_tls, record.sealed = address.url, address.verify_tls, address.sealed
            if choice is not None:
                changed = {**choice.columns(), "owner_id": actor.id, "owner_name": actor.name}
                for name, value in changed.items():
                    setattr(record, name, value)
            if (record.owner_id, _facts(record)) != (before.owner_id, old):
                record.revision, record.updated_at = record.revision + 1, utc_now()
                _store(session, record)
                trace(session, actor, "camera.update", f"camera:{record.id}", _difference(old, _facts(record)))
            return _seen(session, record.id)

    def delete(self, actor: Actor, camera_id: str) -> None:
        """Remove a camera; what it saw and what was recorded of it stays for as long as the settings say.

        Raises Forbidden, CameraNotFound.
        """
        require(actor, Action.DELETE_CAMERA)
        with self._database.write() as session:
            record = _locked(session, camera_id)
            camera_list.remove(session, record)
            trace(session, actor, "camera.delete", f"camera:{record.id}", {"name": record.name})

    def start(self, actor: Actor, camera_id: str) -> CameraView:
        """Have a camera run; one that runs or has failed is connected anew. Raises Forbidden, CameraNotFound."""
        return self._control(actor, camera_id, wanted=True)

    def stop(self, actor: Actor, camera_id: str) -> CameraView:
        """Have a camera stop. Raises Forbidden, CameraNotFound."""
        return self._control(actor, camera_id, wanted=False)

    def _control(self, actor: Actor, camera_id: str, *, wanted: bool) -> CameraView:
        require(actor, Action.CONTROL_CAMERA)
        with self._database.write() as session:
            record = _locked(session, camera_id)
            record.is_wanted = wanted
            session.add(record)
            if wanted:
                camera_list.restart(session, record.id)
            session.flush()
            action = "camera.start" if wanted else "camera.stop"
            trace(session, actor, action, f"camera:{record.id}", {"name": record.name})
            return _seen(session, record.id)

    def _choice(self, actor: Actor, before: CameraRecord, change: CameraChange) -> ModelChoice | None:
        """The model that was chosen; None where nobody chose one."""
        given = change.given(*_MODEL)
        if not given:
            return None
        choice = ModelChoice(given.get("model", before.model), given.get("alias"), given.get("version"))
        return check_model(self._models, actor, choice)

    def _check_kept_model(self, actor: Actor, before: CameraRecord) -> None:
        """Who points a camera elsewhere has its owner's model look there: they must be allowed to use it themselves."""
        version = int(before.version) if before.version else None
        check_model(self._models, actor, ModelChoice(before.model, before.alias or None, version))

    def _address(self, before: CameraRecord, change: CameraChange) -> "_Moved | None":
        """The address after the change; None where it stays as it is."""
        if not change.given("url", "username", "password", "verify_tls"):
            return None
        kept = Kept(before.url, self._secrets(before, change))
        verify_tls = before.verify_tls if change.verify_tls is None else change.verify_tls
        typed = Typed(change.url, change.username, change.password)
        policy = self.policy()
        address = address_of(typed, policy, verify_tls=verify_tls, before=kept)
        if address.origin != origin_of(before.url):  # one that was right may have become wrong: it stays
            check_literal(address.source, policy)
        is_same = address.origin == origin_of(before.url) and address.secrets == kept.secrets
        sealed = before.sealed if is_same else self.seals.seal(before.id, address.origin, address.secrets)
        is_elsewhere = with_target(address.url, address.secrets) != with_target(before.url, kept.secrets)
        return _Moved(address.url, verify_tls, sealed, is_elsewhere)

    def _secrets(self, before: CameraRecord, change: CameraChange) -> Secrets:
        """What is sealed of a camera; nothing where that cannot be read any more and is given anew."""
        try:
            return self.seals.open_record(before)
        except SecretsUnreadable:
            if change.password is None:
                raise
            return Secrets()


def _apply(record: CameraRecord, change: CameraChange) -> None:
    for name, value in change.given("name", "analysed_fps").items():
        setattr(record, name, value)
    if change.group_id is not None:
        record.group_id = change.group_id or None
    if change.analysis is not None or change.zones is not None:
        analysis = merged(record.analysis, change.analysis) if change.analysis else dict(record.analysis)
        if change.zones is not None:
            analysis["zones"] = [zone.model_dump(mode="json") for zone in change.zones]
        record.analysis = analysis_of(analysis).model_dump(mode="json")
    if change.recording is not None:
        record.recording = recording_of(merged(record.recording, change.recording)).model_dump(mode="json")


def _store(session: Session, record: CameraRecord) -> None:
    session.add(record)
    session.flush()


def _seen(session: Session, camera_id: str) -> CameraView:
    found = camera_list.with_lease(session, camera_id[:32])
    if found is None or len(camera_id) > 32:
        raise CameraNotFound(f"there is no camera {camera_id[:80]!r}")
    record, lease = found
    group = session.get(CameraGroup, record.group_id) if record.group_id else None
    now = camera_list.moment(session)
    return view_of(record, lease, group.name if group else "", camera_list.newest_worker(session, now), now)


def _locked(session: Session, camera_id: str) -> CameraRecord:
    record = session.get(CameraRecord, camera_id, with_for_update=True) if len(camera_id) <= 32 else None
    if record is None:
        raise CameraNotFound(f"there is no camera {camera_id[:80]!r}")
    return record


def _check_group(session: Session, group_id: str | None) -> None:
    if group_id and session.get(CameraGroup, group_id) is None:
        raise CameraGroupNotFound(f"there is no group {group_id[:32]!r}", details={"field": "group_id"})


def _check_unchanged(record: CameraRecord, revision: int) -> None:
    if record.revision != revision:
        raise Conflict(
            "somebody changed the camera meanwhile",
            hint="Look at it as it is now, then save again.",
            details={"revision": record.revision},
        )


def _facts(record: CameraRecord) -> dict[str, Any]:
    """What the trail compares; a URL's path may hold what nobody took for a secret."""
    plain = ("name", "verify_tls", "group_id", *_MODEL, "analysed_fps")
    return {name: getattr(record, name) for name in plain} | {
        "url": record.url,
        "sign_in": record.sealed,
        "analysis": record.analysis,
        "recording": record.recording,
    }


def _difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Names of what changed, with values where they are short and no secret."""
    changed = [name for name in old if old[name] != new[name]]
    told = [name for name in changed if name not in {"url", "sign_in", "analysis", "recording"}]
    return {
        "name": new["name"],
        "changed": changed,
        "before": {name: old[name] for name in told},
        "after": {name: new[name] for name in told},
    }
