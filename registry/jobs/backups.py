"""Backups of the databases in the storage: made whole or not at all, a bounded number of them kept.

The manifest is stored last: without it there is no backup. Secrets of the home are not part of it, nor are models and
results, which lie in storage and artifacts.
"""

import hashlib
import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, ValidationError

from registry.errors import IntegrityError, ObjectNotFound
from registry.jobs.belonging import check_belongs
from registry.models.server import configured_uri
from registry.records import Database, utc_now
from registry.records.dumping import copy_sqlite, dump_postgres, sqlite_file
from registry.settings import Settings
from registry.storage import Storage

FOLDER = "backups"
RECORDS, MLFLOW = "records", "mlflow"
_MANIFEST, _STAMP, _FORMAT = "manifest.json", "%Y%m%dT%H%M%SZ", 1
_BEING_MADE = timedelta(days=1)
Tell = Callable[[str], None]


class BackupFile(BaseModel):
    """A database in a backup: which, in what form, and the digest and bytes of what is stored (zlib)."""

    model_config = ConfigDict(frozen=True)

    what: str
    dialect: str
    name: str
    sha256: str
    size_bytes: int


class Backup(BaseModel):
    """What a backup says of itself; `left_out` says why a database is not in it."""

    model_config = ConfigDict(frozen=True)

    format: int = _FORMAT
    name: str
    at: datetime
    revision: str
    files: tuple[BackupFile, ...]
    left_out: dict[str, str] = {}

    @property
    def size_bytes(self) -> int:
        """All of its files."""
        return sum(each.size_bytes for each in self.files)


@dataclass(frozen=True, slots=True)
class Backups:
    """The backups of one platform."""

    settings: Settings
    database: Database
    storage: Storage

    def make(self, keep: int, tell: Tell = lambda _text: None, mark: str = "") -> Backup:
        """Copy the databases, check nothing is half there, and let the oldest go.

        `mark` (eight hex digits) is for who may be killed and ask again: the whole backup that has it already is the
        one then. Raises DatabaseUnavailable, StorageUnavailable, MissingExtra; what was begun is removed then. Raises
        Conflict where the storage belongs to other records.
        """
        check_belongs(self.database, self.storage)
        made = self._made_before(mark) or self._made(mark or secrets.token_hex(4), tell)
        tell("letting the oldest go")
        self.prune(keep)
        return made

    def _made(self, mark: str, tell: Tell) -> Backup:
        at = utc_now()
        name = f"{at.strftime(_STAMP)}-{mark}"
        files: list[BackupFile] = []
        left_out: dict[str, str] = {}
        try:
            tell("copying the records")
            files.append(self._keep(name, RECORDS, self.settings.records_url))
            mlflow = self.settings.mlflow_database
            if configured_uri(self.settings) or not mlflow.is_file():
                left_out[MLFLOW] = "MLflow runs elsewhere, or has no database here yet"
            else:
                tell("copying MLflow's database")
                files.append(self._keep(name, MLFLOW, f"sqlite:///{mlflow}"))
            made = Backup(name=name, at=at, revision=self.database.revision(), files=tuple(files), left_out=left_out)
            self.storage.put(self.key(name, _MANIFEST), made.model_dump_json(indent=2).encode())
        except BaseException:
            self._remove(name)
            raise
        return made

    def _made_before(self, mark: str) -> Backup | None:
        """The whole backup that has a mark; none has the empty one."""
        return next((each for each in self.list() if mark and each.name.endswith(f"-{mark}")), None)

    def list(self) -> list[Backup]:
        """Every whole backup, the newest first. Raises StorageUnavailable."""
        found = []
        for name in self._names()[1]:
            try:
                found.append(self.get(name))
            except (IntegrityError, ObjectNotFound):  # another release's, or let go meanwhile
                continue
        return sorted(found, key=lambda each: (each.at, each.name), reverse=True)

    def get(self, name: str) -> Backup:
        """One backup. Raises ObjectNotFound, IntegrityError."""
        try:
            made = Backup.model_validate_json(self.storage.get(self.key(name, _MANIFEST)))
        except ValidationError as error:
            raise IntegrityError(f"the manifest of backup {name!r} cannot be read") from error
        if made.format != _FORMAT or made.name != name:
            raise IntegrityError(f"backup {name!r} was made by another release, or renamed")
        return made

    def prune(self, keep: int) -> None:
        """Remove all but the newest, and what was begun a day ago and never became one.

        A whole one that cannot be read here, such as another release's, stays. Raises Conflict as `make`.
        """
        check_belongs(self.database, self.storage)
        every, named = self._names()
        begun, whole = every - named, [each.name for each in self.list()]
        for name in [*whole[keep:], *(each for each in begun if _is_old(each))]:
            self._remove(name)

    def read(self, made: Backup, file: BackupFile) -> Iterator[bytes]:
        """A database of a backup, unpacked. Raises IntegrityError at the end where a byte has changed."""
        digest, unpack = hashlib.sha256(), zlib.decompressobj()
        try:
            with self.storage.open(self.key(made.name, file.name)) as stored:
                while piece := stored.read(1 << 20):
                    digest.update(piece)
                    yield unpack.decompress(piece)
            yield unpack.flush()
        except zlib.error as error:
            raise IntegrityError(f"{file.name} of backup {made.name} is damaged: {error}") from error
        except ObjectNotFound as error:
            raise IntegrityError(f"backup {made.name} has lost {file.name}") from error
        if digest.hexdigest() != file.sha256:
            raise IntegrityError(f"{file.name} of backup {made.name} is not what was stored: its digest differs")

    def key(self, name: str, file: str) -> str:
        """Where a file of a backup is stored."""
        return f"{FOLDER}/{name}/{file}"

    def _names(self) -> tuple[set[str], set[str]]:
        """Every name under which something is stored, and those with a manifest."""
        keys = list(self.storage.keys(f"{FOLDER}/"))
        return {key.split("/")[1] for key in keys}, {key.split("/")[1] for key in keys if key.endswith(f"/{_MANIFEST}")}

    def _keep(self, name: str, what: str, url: str) -> BackupFile:
        file = sqlite_file(url)
        pieces = copy_sqlite(file) if file else dump_postgres(url)
        digest, stored = hashlib.sha256(), f"{what}.{'db' if file else 'dump'}.z"
        size = self.storage.put(self.key(name, stored), _packed(pieces, digest))
        dialect = "sqlite" if file else "postgresql"
        return BackupFile(what=what, dialect=dialect, name=stored, sha256=digest.hexdigest(), size_bytes=size)

    def _remove(self, name: str) -> None:
        self.storage.delete(self.key(name, _MANIFEST))  # from here on it is none
        for key in list(self.storage.keys(f"{FOLDER}/{name}/")):
            self.storage.delete(key)


def _packed(pieces: Iterable[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    pack = zlib.compressobj(6)
    for piece in pieces:
        if packed := pack.compress(piece):
            digest.update(packed)
            yield packed
    packed = pack.flush()
    digest.update(packed)
    yield packed


def _is_old(name: str) -> bool:
    try:
        begun = datetime.strptime(f"{name.partition('-')[0]}+0000", f"{_STAMP}%z")
    except ValueError:
        return False  # none of ours
    return utc_now() - begun > _BEING_MADE
