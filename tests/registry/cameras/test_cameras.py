"""Cameras in the records: who may do what with them, what changes, what is told about it."""

from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlmodel import select

from registry.access import Actor
from registry.cameras.asked import CameraChange, GroupAsked, GroupChange, NewCamera
from registry.cameras.cameras import Cameras
from registry.cameras.groups import CameraGroups
from registry.cameras.model_choice import ModelChoice, check_model
from registry.errors import (
    CameraGroupNotFound,
    CameraNotFound,
    Conflict,
    Forbidden,
    InvalidInput,
    InvalidZone,
    ModelNotFound,
    NameTaken,
    RegistryError,
    SecretsUnreadable,
    VersionNotFound,
)
from registry.jobs.batch_parameters import BatchParameters
from registry.models.changes import ModelChanges
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.types import CHAMPION
from registry.models.uses import uses_in
from registry.records import (
    AuditEntry,
    CameraLease,
    Database,
    Job,
    JobState,
    WorkerRecord,
    utc_now,
)
from registry.records.camera_list import CameraFilter
from registry.runtime.card import MODEL_FILE
from registry.testing.onnx_models import BLOB_CARD, COLOUR_CARD, blob_detector, colour_classifier

URL = "rtsp://10.0.0.7/live"


def _asked(name: str = "Gate", **fields: Any) -> NewCamera:
    return NewCamera.model_validate({"name": name, "url": URL, "username": "bob", "password": "hunter2"} | fields)


def _change(**fields: Any) -> CameraChange:
    return CameraChange.model_validate(fields)


def test_a_camera_is_added_changed_run_and_removed(
    cameras: Cameras, database: Database, engineer: Actor, operator: Actor
) -> None:
    made = cameras.create(engineer, _asked(zones=[{"name": "door", "points": [[0, 0], [1, 0], [1, 1]]}]))
    assert (made.record.url, made.state, made.reason) == ("rtsp://10.0.0.7:554/live", "waiting", "no_worker")
    assert made.to_dict()["zones"][0]["name"] == "door"
    assert cameras.named(operator, "Gate").id == cameras.named(operator, made.id).id == made.id
    after = cameras.update(engineer, made.id, _change(name="Gate 2", analysed_fps=2, recording={"mode": "motion"}))
    assert (after.record.name, after.record.revision, after.record.recording["mode"]) == ("Gate 2", 2, "motion")
    assert cameras.seals.open_record(after.record).credentials == cameras.seals.open_record(made.record).credentials
    assert cameras.stop(operator, made.id).state == "stopped"
    assert cameras.start(operator, made.id).state == "waiting"
    cameras.delete(engineer, made.id)
    for gone in (lambda: cameras.get(operator, made.id), lambda: cameras.start(operator, made.id)):
        with pytest.raises(CameraNotFound):
            gone()
    with database.read() as session:
        told = session.exec(select(AuditEntry).order_by(AuditEntry.number)).all()  # type: ignore[arg-type]
        tables = [str(row) for row in session.connection().exec_driver_sql("SELECT * FROM cameras")]
    assert [entry.action.removeprefix("camera.") for entry in told] == ["create", "update", "stop", "start", "delete"]
    assert told[1].details["before"] == {"name": "Gate", "analysed_fps": 5.0}
    assert "hunter2" not in str([entry.details for entry in told]) + str(tables)


def test_roles_are_asked_for(cameras: Cameras, admin: Actor, operator: Actor, user: Actor) -> None:
    made = cameras.create(admin, _asked())
    for refused in (
        lambda: cameras.page(user),
        lambda: cameras.get(user, made.id),
        lambda: cameras.stop(user, made.id),
        lambda: cameras.create(operator, _asked("other")),
        lambda: cameras.update(operator, made.id, _change(name="x")),
        lambda: cameras.delete(operator, made.id),
    ):
        with pytest.raises(Forbidden):
            refused()


def test_what_is_wrong_with_a_change_changes_nothing(cameras: Cameras, engineer: Actor) -> None:
    cameras.create(engineer, _asked("other"))
    made = cameras.create(engineer, _asked(zones=[{"name": "door", "points": [[0, 0], [1, 0], [1, 1]]}]))
    wrong: list[tuple[dict[str, Any], type[RegistryError]]] = [
        ({"name": "other"}, NameTaken),
        ({"url": "rtsp://10.0.0.9/live"}, InvalidInput),  # the password is wanted again
        ({"url": "rtsp://169.254.169.254/"}, RegistryError),
        ({"analysis": {"rules": [{"name": "r", "zones": ["cellar"]}]}}, InvalidZone),
        ({"zones": [], "analysis": {"rules": [{"name": "r", "zones": ["door"]}]}}, InvalidZone),
        ({"group_id": "nowhere"}, CameraGroupNotFound),
        ({"alias": "champion"}, InvalidInput),  # of no model
        ({"name": "late", "revision": 7}, Conflict),
    ]
    for fields, error in wrong:
        with pytest.raises(error):
            cameras.update(engineer, made.id, _change(**fields))
    assert cameras.get(engineer, made.id).record == made.record
    with pytest.raises(NameTaken):
        cameras.create(engineer, _asked("other"))


def test_of_two_changes_at_once_one_is_told_to_look_again(cameras: Cameras, engineer: Actor) -> None:
    made = cameras.create(engineer, _asked())
    barrier, refused = Barrier(4), []

    def change(name: str) -> None:
        barrier.wait()
        try:
            cameras.update(engineer, made.id, _change(name=name, revision=1))
        except Conflict as error:
            refused.append(error)

    threads = [Thread(target=change, args=(f"name {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(refused) == 3
    assert cameras.get(engineer, made.id).record.revision == 2


def test_a_key_that_was_lost_is_told_and_healed_by_a_new_password(
    cameras: Cameras, database: Database, engineer: Actor
) -> None:
    made = cameras.create(engineer, _asked())
    with database.write() as session:
        record = made.record
        record.sealed = cameras.seals.seal("another", "rtsp://10.0.0.7:554", cameras.seals.open_record(record))
        session.merge(record)
    assert cameras.update(engineer, made.id, _change(analysed_fps=3)).record.analysed_fps == 3
    with pytest.raises(SecretsUnreadable):
        cameras.update(engineer, made.id, _change(username="eve"))
    healed = cameras.update(engineer, made.id, _change(username="bob", password="new"))
    known = cameras.seals.open_record(healed.record).credentials
    assert known is not None
    assert (known.username, known.password) == ("bob", "new")


def test_the_list_is_filtered_by_group_state_model_and_text(
    cameras: Cameras, database: Database, admin: Actor, engineer: Actor
) -> None:
    groups = CameraGroups(database)
    hall = groups.create(engineer, GroupAsked(name="Hall"))
    ids = [
        cameras.create(engineer, _asked(name, group_id=group, start=start)).id
        for name, group, start in (
            ("Äußeres Tor", hall["id"], True),
            ("Bay", None, True),
            ("Cellar", hall["id"], False),
            ("Dock", None, True),
        )
    ]
    now = utc_now()
    with database.write() as session:
        session.add(WorkerRecord(id="w", beat_at=now))
        until = now + timedelta(seconds=60)
        session.add(CameraLease(camera_id=ids[1], worker_id="w", leased_until=until, state="live", report={"fps": 4.9}))
        session.add(CameraLease(camera_id=ids[2], worker_id="w", leased_until=until, state="live"))
        session.add(CameraLease(camera_id=ids[3], worker_id="w", leased_until=now - timedelta(seconds=1), state="live"))

    def names(**wanted: str) -> str:
        found, total = cameras.page(admin, CameraFilter(**wanted))
        assert total == len(found)
        assert not wanted.get("state") or {each.state for each in found} <= {wanted["state"]}
        return " ".join(sorted(each.record.name[0] for each in found))

    assert names() == "B C D Ä"
    assert names(group_id=hall["id"]) == "C Ä"
    assert names(group_id="none") == "B D"
    assert names(state="live") == "B"
    assert names(state="stopped") == "C"  # nobody wants it, whatever its worker told last
    assert names(state="waiting") == "D Ä"  # the lease ran out; nobody took it yet
    assert names(text="äußeres") == "Ä"
    assert names(text="10.0.0.7") == "B C D Ä"
    assert names(text="%") == names(model="m") == ""
    assert cameras.get(admin, ids[1]).to_dict()["fps"] == 4.9
    assert cameras.get(admin, ids[0]).reason == ""  # a worker lives, it is about to take it
    page, total = cameras.page(admin, number=2, size=3)
    assert (len(page), total) == (1, 4)
    assert [(each["name"], each["cameras"]) for each in groups.list(admin)] == [("Hall", 2)]
    groups.delete(engineer, hall["id"])
    assert names(group_id="none") == "B C D Ä"


def test_groups_have_names_of_their_own(database: Database, engineer: Actor, operator: Actor) -> None:
    groups = CameraGroups(database)
    first, second = (groups.create(engineer, GroupAsked(name=name)) for name in ("one", "two"))
    for refused in (
        lambda: groups.create(engineer, GroupAsked(name="one")),
        lambda: groups.update(engineer, second["id"], GroupChange(name="one")),
    ):
        with pytest.raises(NameTaken):
            refused()
    assert groups.update(engineer, second["id"], GroupChange(description="north"))["name"] == "two"
    with pytest.raises(Forbidden):
        groups.delete(operator, first["id"])
    groups.delete(engineer, first["id"])
    with pytest.raises(CameraGroupNotFound):
        groups.get(operator, first["id"])


def test_start_has_a_running_camera_connect_anew(cameras: Cameras, database: Database, engineer: Actor) -> None:
    made = cameras.create(engineer, _asked())
    with database.write() as session:
        session.add(CameraLease(camera_id=made.id, state="failed"))
    cameras.start(engineer, made.id)
    with database.read() as session:
        lease = session.get(CameraLease, made.id)
        assert lease is not None
        assert lease.restarts == 1


def test_a_model_has_to_find_objects_and_be_there(
    models: ModelRegistry, engineer: Actor, admin: Actor, unique: str
) -> None:
    private = Draft(unique, {MODEL_FILE: blob_detector()}, BLOB_CARD, access_level="private", alias=CHAMPION)
    models.publish(admin, private)
    models.publish(engineer, Draft(f"{unique}-c", {MODEL_FILE: colour_classifier()}, COLOUR_CARD, alias=CHAMPION))
    assert check_model(models, admin, ModelChoice(unique, "champion")).columns()["alias"] == "champion"
    assert check_model(models, admin, ModelChoice(unique, version=1)).columns()["version"] == "1"
    with pytest.raises(ModelNotFound):
        check_model(models, engineer, ModelChoice(unique))
    with pytest.raises(VersionNotFound):
        check_model(models, admin, ModelChoice(unique, version=9))
    with pytest.raises(InvalidInput, match="finds objects"):
        check_model(models, engineer, ModelChoice(f"{unique}-c"))
    with pytest.raises(InvalidInput, match="not both"):
        check_model(models, admin, ModelChoice(unique, "champion", 1))


def test_nobody_has_another_persons_private_model_look_elsewhere(
    settings: Any, sqlite: Database, models: ModelRegistry, admin: Actor, engineer: Actor, unique: str
) -> None:
    from registry.access.live import Live

    cameras = Cameras(settings, sqlite, Live(sqlite, settings), models)
    models.publish(
        admin, Draft(unique, {MODEL_FILE: blob_detector()}, BLOB_CARD, access_level="private", alias=CHAMPION)
    )
    made = cameras.create(admin, _asked(model=unique, alias="champion"))
    for elsewhere in (
        {"url": "rtsp://10.0.0.7/other"},
        {"url": "rtsp://10.0.0.8/live", "username": "", "password": ""},
    ):
        with pytest.raises(ModelNotFound):
            cameras.update(engineer, made.id, _change(**elsewhere))
    assert cameras.get(engineer, made.id).record == made.record
    renamed = cameras.update(engineer, made.id, _change(name="Gate 2", password="new", username="bob"))
    assert renamed.record.owner_id == admin.id
    assert cameras.update(admin, made.id, _change(url="rtsp://10.0.0.7/other")).record.url.endswith("/other")
    own = cameras.update(engineer, made.id, _change(url="rtsp://10.0.0.7/live", model=""))
    assert own.record.owner_id == engineer.id


def test_leases_are_judged_by_the_clock_of_the_database(
    cameras: Cameras, database: Database, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = cameras.create(admin, _asked())
    with database.write() as session:
        until = utc_now() + timedelta(seconds=60)
        session.add(CameraLease(camera_id=made.id, worker_id="w", leased_until=until, state="live"))
    for module in ("registry.cameras.view", "registry.records.camera_list"):  # the app's own clock is far ahead
        monkeypatch.setattr(f"{module}.utc_now", lambda: utc_now() + timedelta(hours=1), raising=False)
    assert cameras.get(admin, made.id).state == "live"
    assert [each.state for each in cameras.page(admin, CameraFilter(state="live"))[0]] == ["live"]


def test_a_model_that_works_is_not_taken_away(
    sqlite: Database, models: ModelRegistry, admin: Actor, engineer: Actor, unique: str, settings: Any
) -> None:
    from registry.access.live import Live

    cameras = Cameras(settings, sqlite, Live(sqlite, settings), models)
    changes = ModelChanges(models, sqlite, uses_in(sqlite))
    for _ in range(3):
        models.publish(engineer, Draft(unique, {MODEL_FILE: blob_detector()}, BLOB_CARD, alias=CHAMPION))
    models.set_alias(engineer, unique, "tested", 2)
    made = cameras.create(admin, _asked("Gate", model=unique))
    parameters = BatchParameters(model=unique, version=1, source="upload").model_dump(mode="json")
    with sqlite.write() as session:
        session.add(Job(id="j" * 32, kind="batch", owner_id="o", owner_name="olaf", parameters=parameters))
    for refused, words in (
        (lambda: changes.delete(engineer, unique), "camera 'Gate', batch job jjjjjjjj of olaf"),
        (lambda: changes.archive(engineer, unique), "camera 'Gate'"),
        (lambda: changes.remove_alias(engineer, unique, CHAMPION), "in use: camera 'Gate'$"),
        (lambda: changes.delete_version(engineer, unique, 1), "in use: batch job jjjjjjjj of olaf$"),
    ):
        with pytest.raises(Conflict, match=words):
            refused()
    changes.remove_alias(engineer, unique, "tested")  # nothing follows it
    changes.delete_version(engineer, unique, 2)
    taken = cameras.update(engineer, made.id, CameraChange(model=""))
    assert taken.record.owner_name == engineer.name  # who chooses the model lends the camera their rights
    with sqlite.write() as session:
        job = session.get(Job, "j" * 32)
        assert job is not None
        job.state = JobState.SUCCEEDED
        session.add(job)
    changes.delete(engineer, unique)
