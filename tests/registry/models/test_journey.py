"""The steps of a way in: each ends, however it ends."""

import errno
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from registry.access import Actor
from registry.errors import InvalidModel, StorageUnavailable
from registry.models.intake import Wanted
from registry.models.journey import CONVERT, DONE, FAILED, RECEIVE, SCAN, WAITING, Journey, Step
from registry.models.registry import ModelRegistry
from registry.models.uploads import Uploads
from registry.records import Database
from registry.testing.onnx_models import blob_detector


def _wait_for_all() -> None:
    for thread in threading.enumerate():
        if thread.name == "upload":
            thread.join(240)


@pytest.mark.parametrize(
    ("raised", "seen", "told"),
    [
        (InvalidModel("not a model"), InvalidModel, "not a model"),
        (OSError(errno.ENOSPC, "No space left on device"), StorageUnavailable, "the disk of this platform is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), StorageUnavailable, "the disk of this platform is full"),
        (OSError(errno.EIO, "Input/output error"), OSError, "something went wrong here"),
        (ValueError("a secret path"), ValueError, "something went wrong here"),
        (KeyboardInterrupt(), KeyboardInterrupt, "something went wrong here"),
    ],
)
def test_a_step_that_raises_has_failed(raised: BaseException, seen: type[BaseException], told: str) -> None:
    journey = Journey()
    watched: list[tuple[Step, ...]] = []
    journey.watch = watched.append
    with pytest.raises(seen), journey.step(SCAN):
        raise raised
    assert journey.steps[1] == Step(SCAN, FAILED, told)
    assert watched[-1] == journey.steps


def test_a_disk_that_fills_while_a_file_is_looked_at_is_told(
    models: ModelRegistry, sqlite: Database, engineer: Actor, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_source: Any, target: Any) -> None:
        Path(target).write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    monkeypatch.setattr(shutil, "copyfile", full)
    uploads = Uploads(models, sqlite)
    sent = uploads.start(engineer, [blob_detector()], Wanted(unique))
    _wait_for_all()
    upload = uploads.get(engineer, sent.id)
    assert upload.error is not None
    assert (upload.state, upload.error["code"]) == ("rejected", "storage_unavailable")
    assert "full" in upload.error["message"]
    assert upload.error["hint"]
    assert {step.name: step.state for step in upload.steps[:3]} == {RECEIVE: DONE, SCAN: FAILED, CONVERT: WAITING}
    folder = uploads.quarantine.root / sent.id
    assert {path.name for path in folder.iterdir()} <= {"upload.json", "lock"}


def test_a_disk_that_takes_no_record_of_a_step_stops_nothing(
    models: ModelRegistry, sqlite: Database, engineer: Actor, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = Uploads(models, sqlite)
    keep = uploads._records.keep

    def full(upload: Any) -> None:
        if upload.state == "scanning":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        keep(upload)

    monkeypatch.setattr(uploads._records, "keep", full)
    sent = uploads.start(engineer, [blob_detector()], Wanted(unique))
    _wait_for_all()
    assert uploads.get(engineer, sent.id).state == "registered"
