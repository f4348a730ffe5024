"""The files of a version on this machine: fetched once, and never used unless their sha256 matches."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from registry.errors import IntegrityError, MlflowUnavailable, ModelNotFound
from registry.models import tags
from registry.models.client import Mlflow
from registry.models.types import ModelVersion
from registry.runtime.bounded_folder import DRAFT, make_room
from registry.runtime.card import ModelCard
from registry.runtime.proven_file import ProvenFile
from registry.settings import Settings

FOLDER = "model"
CHECKPOINT = "model.pt"  # kept beside the served files: what a training starts from; never opened here
CARD = "card.json"


def sha256_of(data: bytes) -> str:
    """sha256 (hex) of bytes."""
    return hashlib.sha256(data).hexdigest()


def bundle_sha256(files: Mapping[str, str]) -> str:
    """The sha256 that identifies a version: its only file's, or that of the sorted names and hashes."""
    if len(files) == 1:
        return next(iter(files.values()))
    return sha256_of(json.dumps(sorted(files.items())).encode())


class VersionFiles:
    """A content-addressed folder in the home, in front of MLflow's artifacts."""

    def __init__(self, settings: Settings, mlflow: Mlflow) -> None:
        self._root = settings.home / "cache" / "models"
        self._mlflow = mlflow

    def card(self, found: Any) -> ModelCard:
        """The card of an MLflow model version, checked against its recorded sha256."""
        sha256 = tags.read_sha256(found.tags, tags.CARD_SHA256)
        return ModelCard.parse(self._read(found.run_id, CARD, sha256))

    def proven(self, version: ModelVersion) -> dict[str, ProvenFile]:
        """The version's files by name, fetched and checked once somebody reads them.

        That raises IntegrityError, MlflowUnavailable.
        """
        return {
            name: ProvenFile(sha256, partial(self._read, version.run_id, name, sha256))
            for name, sha256 in version.files.items()
        }

    def keep(self, data: bytes) -> None:
        """Have a file here as if it had been fetched. Raises OSError where it cannot be written."""
        kept = self._place(sha256_of(data))
        if not kept.is_file():
            with self._draft(kept) as draft:
                (draft / kept.name).write_bytes(data)
                self._take(draft / kept.name, kept)

    def note(self, version: ModelVersion, name: str) -> bytes | None:
        """A file that is kept beside the served ones, if the version has it. Raises as reading one does."""
        sha256 = version.notes.get(name)
        return self._read(version.run_id, name, sha256) if sha256 else None

    def _place(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256

    def _read(self, run_id: str, name: str, sha256: str) -> bytes:
        """The very bytes that were checked."""
        kept = self._place(sha256)
        if kept.is_file():
            data = kept.read_bytes()
            if sha256_of(data) == sha256:
                with suppress(OSError):
                    os.utime(kept)  # it was used
                return data
        return self._download(run_id, name, sha256, kept)

    def _download(self, run_id: str, name: str, sha256: str, kept: Path) -> bytes:
        try:
            with self._draft(kept) as draft:
                arrived = self._download_to(draft, run_id, name)
                data = arrived.read_bytes()
                found = sha256_of(data)
                if found != sha256:
                    raise IntegrityError(
                        f"{name} of run {run_id} has sha256 {found[:12]}…, registered was {sha256[:12]}…"
                    )
                self._take(arrived, kept)
                return data
        except OSError as error:
            raise MlflowUnavailable(f"the artifact {name} of run {run_id} could not be fetched: {error}") from error

    @contextmanager
    def _draft(self, kept: Path) -> Iterator[Path]:
        """A folder on the same disk for what is not whole yet."""
        kept.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=kept.parent))
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _take(self, whole: Path, kept: Path) -> None:
        whole.replace(kept)
        make_room(self._root, kept)

    def _download_to(self, folder: Path, run_id: str, name: str) -> Path:
        """Raises IntegrityError where the store no longer has it, else MlflowUnavailable: MLflow says one for both."""
        try:
            with self._mlflow.connected() as client:
                return Path(client.download_artifacts(run_id, f"{FOLDER}/{name}", str(folder)))
        except ModelNotFound as error:
            with self._mlflow.connected() as client:
                stored = {each.path for each in client.list_artifacts(run_id, FOLDER)}
            if f"{FOLDER}/{name}" in stored:
                raise MlflowUnavailable(f"the artifact {name} of run {run_id} could not be fetched") from error
            raise IntegrityError(f"{name} of run {run_id} is gone from the artifact store") from error
