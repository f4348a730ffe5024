"""Uploads that are sent at the same time share the sender's quota and places: nobody keeps more than one would."""

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from registry.access import Actor
from registry.errors import QuotaExceeded, TooManyRequests
from registry.models import uploads as uploads_of_a_home
from registry.models.files import CHECKPOINT
from registry.models.intake import Wanted, admit
from registry.models.journey import FAILED
from registry.models.publish import Draft
from registry.models.quarantine import Arriving
from registry.models.registry import ModelRegistry
from registry.models.types import ModelVersion
from registry.models.uploads import Uploads
from registry.records import Database
from registry.records.tables import SettingValue
from registry.runtime.card import MODEL_FILE
from registry.testing.onnx_models import BLOB_CARD, blob_detector
from registry.testing.watched import wait_until

PIECE = bytes(700 << 10)  # two of them are more than 1 MiB


@pytest.fixture
def sender(engineer: Actor) -> Actor:
    """Somebody who has published nothing yet."""
    return replace(engineer, id=uuid.uuid4().hex, via="token")


@pytest.fixture
def uploads(models: ModelRegistry, sqlite: Database) -> Iterator[Uploads]:
    """With a quota of 1 MiB; what is whole waits, until the test has ended."""
    uploads = Uploads(models, sqlite)
    with ExitStack() as full:
        for _ in range(uploads._slots._initial_value):  # type: ignore[attr-defined]
            full.enter_context(uploads._slots)
        yield uploads
    for thread in threading.enumerate():
        if thread.name == "upload":
            thread.join(240)


@pytest.fixture(autouse=True)
def _quota(models: ModelRegistry, sqlite: Database) -> None:
    with sqlite.write() as session:
        session.merge(SettingValue(key="publish_quota_mb", value=1))
        session.merge(SettingValue(key="uploads_each", value=3))
    models.live.refresh()


def _left(uploads: Uploads) -> int:
    return len(list(uploads.quarantine.root.glob("*/model")))


def test_files_that_arrive_together_share_the_room(uploads: Uploads, sender: Actor) -> None:
    first, second = uploads.open(sender), uploads.open(sender)
    first.write(PIECE)
    with pytest.raises(QuotaExceeded, match="quota of 1 MiB"):
        second.write(PIECE)
    uploads.cut(sender, second, "second")
    first.write(bytes(100 << 10))  # its own part is untouched
    uploads.cut(sender, first, "first")
    other = uploads.open(sender)
    other.write(PIECE)
    uploads.cut(sender, other, "other")
    assert not _left(uploads)


def test_a_file_that_another_was_whole_before_is_measured_again(uploads: Uploads, sender: Actor, unique: str) -> None:
    first, second = uploads.open(sender), uploads.open(sender)
    first.write(PIECE)
    waiting = uploads.begin(sender, first, Wanted(unique))
    second.write(PIECE)
    with pytest.raises(QuotaExceeded, match="quota of 1 MiB"):
        uploads.begin(sender, second, Wanted(unique))
    assert not uploads.get(sender, waiting.id).ended
    assert _left(uploads) == 1


def test_a_pull_whose_size_nobody_knew_is_measured_once_it_is_here(
    uploads: Uploads, sender: Actor, unique: str, until: Callable[[Callable[[], bool]], bool]
) -> None:
    first = uploads.open(sender)
    first.write(PIECE)
    uploads.begin(sender, first, Wanted(unique))
    folder = uploads.quarantine.new_folder()
    sent = uploads.fetch(
        sender, Wanted(unique), folder.name, lambda _journey: uploads.quarantine.receive([PIECE], folder=folder)
    )
    assert until(lambda: uploads.get(sender, sent.id).ended)
    error = uploads.get(sender, sent.id).error
    assert error is not None
    assert error["code"] == "quota_exceeded"
    assert not (folder / "model").exists()
    assert FAILED not in {step.state for step in uploads.get(sender, sent.id).steps[:1]}  # it had arrived


def test_a_checkpoint_that_is_kept_counts(models: ModelRegistry, sender: Actor, unique: str) -> None:
    blob = blob_detector()
    made = models.publish(sender, Draft(unique, {MODEL_FILE: blob}, BLOB_CARD, notes={CHECKPOINT: bytes(5_000)}))
    assert made.size_bytes == len(blob)  # what is served
    assert models.bytes_published(sender) == len(blob) + 5_000


def test_of_many_that_begin_at_once_only_as_many_as_may_are_let_in(uploads: Uploads, sender: Actor) -> None:
    ready = threading.Barrier(8)

    def opened(_number: int) -> Arriving | TooManyRequests:
        ready.wait(30)
        try:
            return uploads.open(sender)
        except TooManyRequests as error:
            return error

    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(opened, range(8)))
    let_in = [each for each in answers if isinstance(each, Arriving)]
    assert len(let_in) == 3
    for each in let_in:
        uploads.cut(sender, each, "many")
    assert not _left(uploads)


def test_nobody_has_every_place_in_which_files_are_taken_in(
    models: ModelRegistry, sqlite: Database, sender: Actor, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, began = threading.Event(), threading.Event()

    def slow(registry: ModelRegistry, actor: Actor, *given: Any) -> ModelVersion:
        if actor.id == sender.id:
            began.set()
            assert free.wait(120)
        return admit(registry, actor, *given)

    monkeypatch.setattr(uploads_of_a_home, "admit", slow)
    uploads, other = Uploads(models, sqlite), replace(sender, id=uuid.uuid4().hex)

    def send(who: Actor, name: str) -> str:
        return uploads.start(who, [blob_detector()], Wanted(name, card=BLOB_CARD)).id

    try:
        first, second = send(sender, f"{unique}-a"), send(sender, f"{unique}-b")
        assert began.wait(60)
        wait_until(lambda: "another upload of yours" in str(uploads.get(sender, second).steps), 60)
        third = send(other, f"{unique}-c")
        wait_until(lambda: uploads.get(other, third).ended, 120)
        assert uploads.get(other, third).state == "registered"
        assert not uploads.get(sender, first).ended
    finally:
        free.set()
    for each in (first, second):
        wait_until(lambda upload=each: uploads.get(sender, upload).ended, 120)
        assert uploads.get(sender, each).state == "registered"
