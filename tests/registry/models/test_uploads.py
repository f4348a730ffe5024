"""Uploads: worked on beside the requests, followed by the one who sent them."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from sqlmodel import select

from registry.access import Actor
from registry.access.actor import ANONYMOUS
from registry.errors import Forbidden, UploadNotFound
from registry.models.intake import Wanted
from registry.models.journey import FAILED, RUNNING, Step
from registry.models.quarantine import Quarantine
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.types import CHAMPION
from registry.models.upload_records import Upload, UploadRecords
from registry.models.uploads import Uploads
from registry.records import AuditEntry, Database
from registry.testing.onnx_models import BLOB_CARD, BLOB_NMS_CARD, blob_detector, blob_detector_with_nms

BLUE = np.zeros((64, 64, 3), np.uint8)
BLUE[:8, :8] = (255, 0, 0)
SHORT_CARD = BLOB_NMS_CARD.model_copy(update={"labels": ("red",)})  # it names an unknown class on blue


@pytest.fixture
def uploads(models: ModelRegistry, sqlite: Database) -> Uploads:
    return Uploads(models, sqlite)


def _wait_for_all() -> None:
    for thread in threading.enumerate():
        if thread.name == "upload":
            thread.join(240)


def test_an_upload_is_registered_beside_its_sender(
    uploads: Uploads, models: ModelRegistry, engineer: Actor, unique: str
) -> None:
    sent = uploads.start(engineer, [blob_detector()], Wanted(unique))
    assert not sent.ended
    _wait_for_all()
    upload = uploads.get(engineer, sent.id)
    assert (upload.state, upload.version, upload.error) == ("registered", 1, None)
    assert [step.name for step in upload.steps] == ["receive", "scan", "convert", "verify", "register"]
    assert models.resolve(engineer, unique).version == 1
    assert not (Quarantine(models.settings, models.live).root / sent.id / "model").exists()


def test_a_version_that_fails_on_the_last_picture_is_registered_and_the_alias_stays(
    models: ModelRegistry, sqlite: Database, serving: Serving, engineer: Actor, unique: str
) -> None:
    uploads = Uploads(models, sqlite, serving.move_alias)
    uploads.start(engineer, [blob_detector()], Wanted(unique))
    _wait_for_all()
    serving.predict(engineer, BLUE, model=unique)
    sent = uploads.start(engineer, [blob_detector_with_nms()], Wanted(unique, SHORT_CARD))
    _wait_for_all()
    upload = uploads.get(engineer, sent.id)
    assert (upload.state, upload.version, upload.error) == ("registered", 2, None)
    assert "champion stays where it is" in upload.warning
    assert "class 2" in upload.warning
    assert upload.steps[-1].detail == f"version 2; {upload.warning}"
    assert models.get(engineer, unique).aliases == {CHAMPION: 1}
    elsewhere = Serving(models, models.settings)  # a process that starts now
    assert elsewhere.predict(engineer, BLUE, model=unique).version.version == 1


def test_a_version_that_passes_on_the_last_picture_answers_from_then_on(
    models: ModelRegistry, sqlite: Database, serving: Serving, engineer: Actor, unique: str
) -> None:
    uploads = Uploads(models, sqlite, serving.move_alias)
    uploads.start(engineer, [blob_detector()], Wanted(unique, BLOB_CARD))
    _wait_for_all()
    serving.predict(engineer, BLUE, model=unique)
    sent = uploads.start(engineer, [blob_detector_with_nms()], Wanted(unique, BLOB_NMS_CARD))
    _wait_for_all()
    upload = uploads.get(engineer, sent.id)
    assert (upload.version, upload.warning, upload.steps[-1].detail) == (2, "", "version 2")
    assert models.get(engineer, unique).aliases == {CHAMPION: 2}
    assert serving.predict(engineer, BLUE, model=unique).version.version == 2


def test_an_upload_without_an_alias_moves_none(
    models: ModelRegistry, sqlite: Database, serving: Serving, engineer: Actor, unique: str
) -> None:
    uploads = Uploads(models, sqlite, serving.move_alias)
    for wanted in (Wanted(unique), Wanted(unique, alias=""), Wanted(unique, alias="canary", parent=f"{unique}/1")):
        uploads.start(engineer, [blob_detector()], wanted)
        _wait_for_all()
    assert models.get(engineer, unique).aliases == {CHAMPION: 1, "canary": 3}
    assert models.version(engineer, unique, 3).parent == f"{unique}/1"


def test_a_rejected_upload_says_why_at_the_step_that_failed(
    uploads: Uploads, sqlite: Database, engineer: Actor, unique: str
) -> None:
    sent = uploads.start(engineer, [b"no model"], Wanted(unique))
    _wait_for_all()
    upload = uploads.get(engineer, sent.id)
    assert upload.state == "rejected"
    assert upload.error is not None
    assert upload.error["code"] == "model_invalid"
    assert next(step.name for step in upload.steps if step.state == FAILED) == "scan"
    with sqlite.read() as session:
        rows = session.exec(select(AuditEntry).where(AuditEntry.target == f"model:{unique}")).all()
    assert [row.action for row in rows] == ["model.upload", "model.reject"]


def test_a_task_that_the_model_does_not_answer_is_refused(uploads: Uploads, engineer: Actor, unique: str) -> None:
    sent = uploads.start(engineer, [blob_detector()], Wanted(unique, task="ocr"))
    _wait_for_all()
    error = uploads.get(engineer, sent.id).error
    assert error is not None
    assert "answers detect" in error["message"]


def test_an_upload_is_its_senders_alone(
    uploads: Uploads, engineer: Actor, user: Actor, admin: Actor, unique: str
) -> None:
    sent = uploads.start(engineer, [b"no model"], Wanted(unique))
    _wait_for_all()
    for other in (user, replace(engineer, id="o" * 32), ANONYMOUS):
        with pytest.raises(UploadNotFound):
            uploads.get(other, sent.id)
    assert uploads.get(admin, sent.id).id == sent.id
    for strange in ("", "../../secrets", "f" * 32):
        with pytest.raises(UploadNotFound):
            uploads.get(admin, strange)


def test_who_may_not_publish_sends_nothing(uploads: Uploads, models: ModelRegistry, user: Actor) -> None:
    def never() -> bytes:
        raise AssertionError("nothing is read from somebody who may not publish")

    with pytest.raises(Forbidden):
        uploads.start(user, iter(never, b""), Wanted("anything"))


def test_another_process_sees_the_same(
    uploads: Uploads, models: ModelRegistry, sqlite: Database, engineer: Actor, unique: str
) -> None:
    sent = uploads.start(engineer, [blob_detector()], Wanted(unique))
    other = Uploads(models, sqlite)
    assert other.get(engineer, sent.id).state not in ("rejected",)
    _wait_for_all()
    assert other.get(engineer, sent.id).state == "registered"


def test_two_uploads_of_one_name_become_two_versions(uploads: Uploads, engineer: Actor, unique: str) -> None:
    sent = [uploads.start(engineer, [blob_detector()], Wanted(unique)) for _ in range(2)]
    _wait_for_all()
    assert sorted(uploads.get(engineer, each.id).version or 0 for each in sent) == [1, 2]


def test_an_upload_whose_process_died_is_rejected_and_cleared(
    uploads: Uploads, models: ModelRegistry, engineer: Actor
) -> None:
    quarantine = Quarantine(models.settings, models.live)
    received = quarantine.receive([b"half a conversion"])
    steps = (Step("receive", "done"), Step("scan", "done"), Step("convert", RUNNING))
    left = Upload(
        id=received.id,
        owner_id=engineer.id,
        state="converting",
        steps=steps,
        model="m",
        sha256=received.sha256,
        size_bytes=received.size_bytes,
    )
    UploadRecords(quarantine.root).keep(left)
    found = uploads.get(engineer, received.id)
    assert found.state == "rejected"
    assert found.error is not None
    assert "stopped" in found.error["message"]
    assert found.steps[2].state == FAILED
    assert not received.path.exists()
