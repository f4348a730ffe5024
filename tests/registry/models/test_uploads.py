"""Uploads: worked on beside the requests, followed by the one who sent them."""

import threading
from dataclasses import replace

import pytest
from sqlmodel import select

from registry.access import Actor
from registry.access.actor import ANONYMOUS
from registry.errors import Forbidden, UploadNotFound
from registry.models.intake import Wanted
from registry.models.journey import FAILED, RUNNING, Step
from registry.models.quarantine import Quarantine
from registry.models.registry import ModelRegistry
from registry.models.upload_records import Upload, UploadRecords
from registry.models.uploads import Uploads
from registry.records import AuditEntry, Database
from registry.testing.onnx_models import blob_detector


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
