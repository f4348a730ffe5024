"""The catalogue: entries fetched from a server in a thread, taken in as uploads are."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sqlmodel import select

from registry.access import Actor
from registry.access.actor import ANONYMOUS
from registry.errors import (
    ChecksumMismatch,
    DownloadFailed,
    Forbidden,
    InvalidInput,
    NotFound,
    NotSignedIn,
    QuotaExceeded,
    RegistryError,
)
from registry.models.catalogue import Catalogue, Trust, card_of
from registry.models.download import DownloadBounds
from registry.models.journey import Journey
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.upload_records import Upload
from registry.models.uploads import Uploads
from registry.records import AuditEntry, Database, SettingValue
from registry.runtime.card import Task
from registry.runtime.prompts import Prompts
from registry.settings import load_settings
from registry.testing.file_server import FileServer, file_server
from registry.testing.onnx_models import blob_detector
from registry.testing.prompt_models import colour_decoder, colour_encoder
from registry.testing.requirements import require_package

BLOB = blob_detector()
SHA256 = hashlib.sha256(BLOB).hexdigest()
BOUNDS = DownloadBounds(1 << 20, connect_s=1, silence_s=0.5, total_s=20, tries=2, pause_s=0.01)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server(BLOB) as running:
        yield running


@pytest.fixture
def entry(server: FileServer, unique: str) -> dict[str, Any]:
    """What the catalogue says about the server's file."""
    return {
        "name": unique,
        "source": server.url,
        "sha256": SHA256,
        "size_bytes": len(BLOB),
        "task": "detect",
        "licence": "MIT",
        "description": "Finds spots.",
    }


@pytest.fixture
def catalogue_of(models: ModelRegistry, sqlite: Database, tmp_path: Path) -> Callable[..., Catalogue]:
    """A catalogue with these entries."""

    def made(*entries: dict[str, Any]) -> Catalogue:
        file = tmp_path / "mlflow.yaml"
        file.write_text(yaml.safe_dump({"catalogue": list(entries)}), encoding="utf-8")
        registry = ModelRegistry(models.settings.model_copy(update={"mlflow_file": file}), sqlite)
        return Catalogue(registry, Uploads(registry, sqlite), BOUNDS)

    return made


def _ended(catalogue: Catalogue, actor: Actor, upload: Upload) -> Upload:
    for thread in threading.enumerate():
        if thread.name == "upload":
            thread.join(240)
    return catalogue._uploads.get(actor, upload.id)


def _trail(database: Database, name: str) -> list[AuditEntry]:
    with database.read() as session:
        return list(session.exec(select(AuditEntry).where(AuditEntry.target == f"model:{name}")).all())


def test_an_entry_is_fetched_verified_and_registered(
    catalogue_of: Callable[..., Catalogue],
    entry: dict[str, Any],
    models: ModelRegistry,
    sqlite: Database,
    engineer: Actor,
) -> None:
    catalogue = catalogue_of(entry)
    assert [offer.state for offer in catalogue.offers(engineer)] == ["absent"]
    upload = catalogue.pull(engineer, entry["name"])
    assert upload.steps[0].name == "receive"
    ended = _ended(catalogue, engineer, upload)
    assert (ended.state, ended.version, ended.sha256) == ("registered", 1, SHA256), ended.error
    assert [step.state for step in ended.steps] == ["done", "done", "skipped", "done", "done"]
    version = models.resolve(engineer, entry["name"])
    assert (version.card.licence, version.card.source) == ("MIT", entry["source"])
    assert [offer.state for offer in catalogue.offers(engineer)] == ["present"]
    rows = {row.action: row.details for row in _trail(sqlite, entry["name"])}
    assert rows["model.pull"]["verified"] is True
    assert "model.publish" in rows
    assert not list((models.settings.home / "downloads").glob("*"))


def test_a_download_that_was_cut_off_goes_on_at_the_next_pull(
    catalogue_of: Callable[..., Catalogue], entry: dict[str, Any], server: FileServer, engineer: Actor
) -> None:
    catalogue = catalogue_of(entry)
    server.cuts = [300] + [0] * 9
    ended = _ended(catalogue, engineer, catalogue.pull(engineer, entry["name"]))
    assert ended.state == "rejected"
    assert ended.error is not None
    assert ended.error["code"] == "download_failed"
    assert "300 bytes are here" in ended.error["message"]
    assert [step.state for step in ended.steps] == ["failed", *["waiting"] * 4]
    server.cuts.clear()
    ended = _ended(catalogue, engineer, catalogue.pull(engineer, entry["name"]))
    assert ended.state == "registered"
    assert server.seen[-1] == "bytes=300-"


def test_a_wrong_file_is_never_opened(
    catalogue_of: Callable[..., Catalogue],
    entry: dict[str, Any],
    server: FileServer,
    models: ModelRegistry,
    engineer: Actor,
) -> None:
    server.data = BLOB[:-1] + b"x"
    catalogue = catalogue_of(entry)
    ended = _ended(catalogue, engineer, catalogue.pull(engineer, entry["name"]))
    assert ended.error is not None
    assert ended.error["code"] == "checksum_mismatch"
    assert [step.state for step in ended.steps] == ["failed", *["waiting"] * 4]
    assert not list(models.settings.home.glob("quarantine/*/model"))
    assert not list(models.settings.home.glob("downloads/*/part"))


def test_without_a_known_hash_somebody_has_to_answer_for_it(
    catalogue_of: Callable[..., Catalogue], entry: dict[str, Any], sqlite: Database, engineer: Actor, unique: str
) -> None:
    catalogue = catalogue_of(entry | {"sha256": ""})
    with pytest.raises(InvalidInput, match="no public source") as caught:
        catalogue.pull(engineer, unique)
    assert "--trust-first-download" in caught.value.hint
    with pytest.raises(ChecksumMismatch):
        catalogue.take(engineer, unique, Journey(), Trust("0" * 64))
    with pytest.raises(InvalidInput, match="64 hex"):
        catalogue.take(engineer, unique, Journey(), Trust("abc"))
    made = catalogue.take(engineer, unique, Journey(), Trust(first_download=True))
    assert made.version == 1
    assert [row.details["verified"] for row in _trail(sqlite, unique) if row.action == "model.pull"] == [False]
    assert catalogue.take(engineer, unique, Journey(), Trust(SHA256.upper())).version == 2


def test_a_hash_that_contradicts_the_catalogue_is_refused(
    catalogue_of: Callable[..., Catalogue], entry: dict[str, Any], engineer: Actor, server: FileServer
) -> None:
    with pytest.raises(InvalidInput, match="you say"):
        catalogue_of(entry).pull(engineer, entry["name"], Trust("0" * 64))
    assert not server.seen


def test_offline_a_file_that_was_fetched_elsewhere_is_held_against_the_same_hash(
    catalogue_of: Callable[..., Catalogue], entry: dict[str, Any], server: FileServer, engineer: Actor, tmp_path: Path
) -> None:
    catalogue = catalogue_of(entry | {"source": "http://models.invalid/file"})
    with pytest.raises(DownloadFailed) as caught:
        catalogue.take(engineer, entry["name"], Journey())
    assert "--file FILE" in caught.value.hint
    given = tmp_path / "given.onnx"
    given.write_bytes(BLOB[:-1] + b"x")
    with pytest.raises(ChecksumMismatch):
        catalogue.take(engineer, entry["name"], Journey(), file=given)
    given.write_bytes(BLOB)
    assert catalogue.take(engineer, entry["name"], Journey(), file=given).version == 1
    with pytest.raises(RegistryError, match="not a file"):
        catalogue.take(engineer, entry["name"], Journey(), file=tmp_path / "none")
    assert not server.seen


def test_who_may_not_publish_makes_no_request(
    catalogue_of: Callable[..., Catalogue], entry: dict[str, Any], server: FileServer, user: Actor
) -> None:
    catalogue = catalogue_of(entry)
    assert len(catalogue.offers(user)) == 1
    for pull in (catalogue.pull, lambda actor, name: catalogue.take(actor, name, Journey())):
        with pytest.raises(Forbidden):
            pull(user, entry["name"])
    with pytest.raises(NotSignedIn):
        catalogue.offers(ANONYMOUS)
    assert not server.seen


def test_what_the_catalogue_does_not_name_is_not_fetched(
    catalogue_of: Callable[..., Catalogue], entry: dict[str, Any], server: FileServer, engineer: Actor
) -> None:
    for name in (server.url, "other", "", "../x"):
        with pytest.raises(NotFound):
            catalogue_of(entry).pull(engineer, name)
    assert not server.seen


def test_a_full_quota_is_told_before_anything_is_fetched(
    catalogue_of: Callable[..., Catalogue],
    entry: dict[str, Any],
    server: FileServer,
    sqlite: Database,
    engineer: Actor,
    unique: str,
) -> None:
    collector = replace(engineer, id=f"quota-{unique}")
    catalogue = catalogue_of(entry | {"source": server.url})
    catalogue.take(collector, unique, Journey())
    models = catalogue._models
    assert models.bytes_published(collector) == len(BLOB)
    with sqlite.write() as session:
        session.merge(SettingValue(key="publish_quota_mb", value=1))
    models.live.refresh()
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr(models, "bytes_published", lambda _actor: 1 << 20)
        seen = len(server.seen)
        with pytest.raises(QuotaExceeded, match="quota of 1 MiB"):
            catalogue.pull(collector, unique)
        assert len(server.seen) == seen


def test_a_pair_in_an_archive_segments_what_a_point_names(
    catalogue_of: Callable[..., Catalogue],
    entry: dict[str, Any],
    server: FileServer,
    engineer: Actor,
    unique: str,
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("tiny.encoder.onnx", colour_encoder(channels_last=True))
        archive.writestr("sam.decoder.onnx", colour_decoder())
        archive.writestr("config.yaml", "type: segment_anything")
    server.data = packed.getvalue()
    known = {"sha256": hashlib.sha256(server.data).hexdigest(), "size_bytes": len(server.data)}
    made = catalogue_of(entry | known | {"task": "segment-by-prompt"}).take(engineer, unique, Journey())
    assert (made.card.task, set(made.files)) == (Task.PROMPT, {"encoder.onnx", "decoder.onnx"})
    image = np.zeros((64, 64, 3), np.uint8)
    image[16:48, 16:48] = 255
    registry = ModelRegistry(load_settings(home=catalogue_of()._models.settings.home), catalogue_of()._models._database)
    serving = Serving(registry, registry.settings)
    answer = serving.predict(engineer, image, model=unique, prompts=Prompts(points=[(32, 32)]))
    assert answer.to_dict()["detections"][0]["box"] == [16, 16, 48, 48]


def test_what_comes_with_the_packages_takes_the_same_way_in(
    catalogue_of: Callable[..., Catalogue], models: ModelRegistry, engineer: Actor, unique: str
) -> None:
    require_package("rapidocr", "ocr")
    known = {entry.name: entry for entry in models.settings.read_mlflow_file().catalogue}
    reader = known["text-reader"].model_dump(exclude_defaults=True) | {"name": unique}
    digits = known["digit-classifier"].model_dump(exclude_defaults=True) | {"name": f"{unique}-digits"}
    catalogue = catalogue_of(reader, digits)
    made = catalogue.take(engineer, unique, Journey())
    assert made.card.task is Task.OCR
    assert {"det.onnx", "rec.onnx"} <= set(made.files)
    assert catalogue.take(engineer, f"{unique}-digits", Journey()).card.labels == tuple("0123456789")


def test_every_entry_of_the_project_can_be_used() -> None:
    catalogue = load_settings().read_mlflow_file().catalogue
    assert {"detect", "segment", "pose", "classify", "embed", "ocr", "segment-by-prompt"} == {
        entry.task for entry in catalogue
    }
    for entry in catalogue:
        card = card_of(entry)
        assert entry.licence, entry.name
        assert entry.description, entry.name
        if entry.remote:
            assert entry.source.startswith("https://"), entry.name
            assert entry.page, entry.name
            assert len(entry.sha256) == 64, entry.name
            assert entry.size_bytes, entry.name
        if card:
            assert card.task == entry.task, entry.name
    labels = next(card_of(entry) for entry in catalogue if entry.name == "resnet50")
    assert labels is not None
    assert (len(labels.labels), labels.labels[0], labels.labels[-1]) == (1_000, "tench", "toilet tissue")
