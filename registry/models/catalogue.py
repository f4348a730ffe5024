"""The catalogue of `mlflow.yaml`: known models, fetched and taken in when somebody asks for one."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.access import Action, Actor, require
from registry.conversion.onnx_pair import pack
from registry.errors import DownloadFailed, InvalidInput, InvalidSetting, NotFound
from registry.mlflow_file import CatalogueEntry
from registry.models import tags
from registry.models.download import DownloadBounds, Wish, check, download
from registry.models.intake import Origin, Wanted, admit
from registry.models.journey import RECEIVE, Journey
from registry.models.quarantine import Received, chunks_of
from registry.models.registry import ModelRegistry
from registry.models.starters import local_card, local_files
from registry.models.types import ModelVersion
from registry.models.upload_records import Upload
from registry.models.uploads import Uploads
from registry.runtime.card import MODEL_FILE, ModelCard
from registry.settings import PROJECT_ROOT
from registry.sizes import bytes_text

PRESENT, ABSENT = "present", "absent"
_NOTE_EVERY = 1 << 20  # bytes between two words about how far a download is


@dataclass(frozen=True, slots=True)
class Offer:
    """An entry of the catalogue, and whether somebody has pulled it already."""

    entry: CatalogueEntry
    state: str

    def to_dict(self) -> dict[str, Any]:
        """As the HTTP contract has it."""
        shown = ("name", "task", "description", "licence", "source", "page", "sha256", "size_bytes", "access_level")
        return {key: getattr(self.entry, key) for key in shown} | {"state": self.state, "remote": self.entry.remote}


@dataclass(frozen=True, slots=True)
class Trust:
    """What whoever pulls adds to an entry: the sha256 they know, or that they trust what comes."""

    sha256: str = ""
    first_download: bool = False


class Catalogue:
    """The entries of the settings' `mlflow.yaml`; only their own addresses are ever fetched."""

    def __init__(self, models: ModelRegistry, uploads: Uploads, bounds: DownloadBounds | None = None) -> None:
        self._models = models
        self._uploads = uploads
        self._bounds = bounds

    def offers(self, actor: Actor) -> Sequence[Offer]:
        """Every entry, as the actor sees it. Raises Forbidden, MlflowUnavailable."""
        require(actor, Action.READ_MODEL)
        here = {model.name for model in self._models.list(actor, size=1_000_000)[0]}
        entries = self._models.settings.read_mlflow_file().catalogue
        offers = [Offer(entry, PRESENT if entry.name in here else ABSENT) for entry in entries]
        return sorted(offers, key=lambda offer: offer.state)  # what can still be pulled comes first

    def pull(self, actor: Actor, name: str, trust: Trust = Trust()) -> Upload:
        """Fetch an entry and take it in beside the caller; its steps are an upload's, see `Uploads.get`.

        Raises NotFound, Forbidden, InvalidInput (no sha256 is known), and what `Uploads.fetch` raises.
        """
        require(actor, Action.PUBLISH_MODEL)
        entry = self._entry(name)
        wish, wanted = _wish(entry, trust), _wanted(entry, trust)
        folder = self._uploads.quarantine.new_folder()
        upload = self._uploads.fetch(
            actor, wanted, folder.name, lambda journey: self._bring(entry, wish, folder, journey)
        )
        self._trace(actor, entry, wanted, upload=upload.id)
        return upload

    def take(
        self, actor: Actor, name: str, journey: Journey, trust: Trust = Trust(), file: Path | None = None
    ) -> ModelVersion:
        """Fetch an entry, or use a file that was fetched elsewhere, and wait until it is registered.

        Raises NotFound, Forbidden, InvalidInput, DownloadFailed, ChecksumMismatch, and what `admit` raises.
        """
        require(actor, Action.PUBLISH_MODEL)
        entry = self._entry(name)
        wish, wanted = _wish(entry, trust), _wanted(entry, trust)
        wanted.check(actor, self._models)
        folder = self._uploads.quarantine.new_folder()
        try:
            with journey.step(RECEIVE) as said:
                received = self._given(file, wish, folder) if file else self._bring(entry, wish, folder, journey)
                said["detail"] = received.said()
            self._trace(actor, entry, wanted)
            return admit(self._models, actor, received, wanted, journey, self._uploads.move)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _entry(self, name: str) -> CatalogueEntry:
        for entry in self._models.settings.read_mlflow_file().catalogue:
            if entry.name == name:
                return entry
        raise NotFound(f"the catalogue has no {name[:80]!r}", hint="`nexusai models catalogue` lists what it has.")

    def _bring(self, entry: CatalogueEntry, wish: Wish, folder: Path, journey: Journey) -> Received:
        if not entry.remote:
            return self._local(entry, folder)
        told = _Told(journey)
        kept = self._models.settings.home / "downloads" / hashlib.sha256(wish.url.encode()).hexdigest()[:32]
        try:
            arrived, sha256 = download(wish, kept, self._bounds or DownloadBounds(self._most_mb() << 20), told.note)
        except DownloadFailed as error:
            raise DownloadFailed(error.message, hint=error.hint.replace("NAME", entry.name)) from error
        received = self._uploads.quarantine.adopt(arrived, sha256, folder)
        shutil.rmtree(kept, ignore_errors=True)
        return received

    def _given(self, file: Path, wish: Wish, folder: Path) -> Received:
        """A file that somebody fetched elsewhere."""
        received = self._uploads.quarantine.receive(chunks_of(file, self._most_mb()), folder=folder)
        check(wish, received.size_bytes, received.sha256)
        return received

    def _local(self, entry: CatalogueEntry, folder: Path) -> Received:
        """What comes with the project or an installed package: its file, or its files in an archive."""
        files = local_files(entry)
        given = files[MODEL_FILE] if set(files) == {MODEL_FILE} else pack(files)
        return self._uploads.quarantine.receive(chunks_of(given, self._most_mb()), folder=folder)

    def _most_mb(self) -> int:
        return self._models.live.current().upload_max_mb

    def _trace(self, actor: Actor, entry: CatalogueEntry, wanted: Wanted, **details: Any) -> None:
        verified = wanted.origin.verified if wanted.origin else True
        self._models.trace(actor, "model.pull", entry.name, source=entry.source, verified=verified, **details)


class _Told:
    """Passes on how far a download is, once a MiB."""

    def __init__(self, journey: Journey) -> None:
        self._journey = journey
        self._next = 0

    def note(self, here: int, whole: int) -> None:
        if here >= self._next:
            self._next = here + _NOTE_EVERY
            of = f" of {bytes_text(whole)}" if whole else ""
            self._journey.note(RECEIVE, f"{bytes_text(here)}{of}")


def _wish(entry: CatalogueEntry, trust: Trust) -> Wish:
    given = trust.sha256.strip().lower()
    if given and not tags.is_sha256(given):
        raise InvalidInput("a sha256 has 64 hex digits", details={"field": "sha256"})
    if given and entry.sha256 and given != entry.sha256:
        raise InvalidInput(
            f"the catalogue says sha256 {entry.sha256} of {entry.name}, you say {given}", details={"field": "sha256"}
        )
    if entry.remote and not (given or entry.sha256 or trust.first_download):
        raise InvalidInput(
            f"no public source states the sha256 of {entry.name}, so nobody can tell whether the right file comes",
            hint="Give the sha256 that you know (`--sha256`), or trust what comes (`--trust-first-download`).",
            details={"field": "sha256"},
        )
    return Wish(entry.source, given or entry.sha256, entry.size_bytes)


def _wanted(entry: CatalogueEntry, trust: Trust) -> Wanted:
    origin = Origin(entry.source, entry.licence, bool(entry.sha256 or trust.sha256)) if entry.remote else None
    return Wanted(entry.name, card_of(entry), entry.task, entry.description, entry.access_level, origin=origin)


def card_of(entry: CatalogueEntry) -> ModelCard | None:
    """The entry's own card, with its labels; None when one is read from the file. Raises InvalidSetting."""
    if not entry.remote:
        return local_card(entry)
    if not entry.card:
        return None
    labels = entry.card.get("labels", ())
    try:
        if entry.labels:
            labels = (PROJECT_ROOT / entry.labels).read_text(encoding="utf-8").splitlines()
        return ModelCard.model_validate(entry.card | {"labels": labels})
    except (OSError, ValueError) as error:
        raise InvalidSetting(f"the catalogue's card of {entry.name} cannot be used: {str(error)[:300]}") from error
