"""The record of an upload: one small JSON file beside the file itself, the same for every process of the home."""

import re
import shutil
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from registry.errors import RegistryError, Unavailable
from registry.models.journey import CONVERT, FAILED, REGISTER, RUNNING, SCAN, VERIFY, Step
from registry.models.locks import alone
from registry.models.quarantine import Received

KEPT = timedelta(days=30)
_NEVER_BEGUN = timedelta(days=1)
_ID = re.compile(r"[0-9a-f]{32}")
_STATES = {SCAN: "scanning", CONVERT: "converting", VERIFY: "verifying", REGISTER: "verifying"}
_RECORD, _LOCK = "upload.json", "lock"


class Upload(BaseModel):
    """An upload and how far it is: quarantined, scanning, converting, verifying, registered or rejected."""

    model_config = ConfigDict(frozen=True)

    id: str
    owner_id: str
    state: str = "quarantined"
    steps: tuple[Step, ...]
    model: str
    version: int | None = None
    error: dict[str, Any] | None = None
    warning: str = ""  # what was asked for and not done although it is registered
    sha256: str = ""
    size_bytes: int = 0
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))

    @property
    def ended(self) -> bool:
        """Whether it is registered or rejected."""
        return self.state in ("registered", "rejected")

    def at(self, steps: tuple[Step, ...]) -> "Upload":
        """The upload with its steps as they are now."""
        running = next((step.name for step in steps if step.state == RUNNING), "")
        return self.model_copy(update={"steps": steps, "state": _STATES.get(running, self.state)})

    def arrived(self, received: Received) -> "Upload":
        """The upload once its file is here."""
        return self.model_copy(update={"sha256": received.sha256, "size_bytes": received.size_bytes})

    def registered(self, version: int, warning: str) -> "Upload":
        """The upload as it ended: well, or with an alias that could not be moved."""
        return self.model_copy(update={"state": "registered", "version": version, "warning": warning})

    def rejected(self, reason: RegistryError) -> "Upload":
        """The upload as it ended: refused."""
        error = reason.to_dict()["error"]
        del error["request_id"]
        return self.model_copy(update={"state": "rejected", "error": error})

    def to_dict(self) -> dict[str, Any]:
        """As the HTTP contract has it."""
        return self.model_dump(mode="json", exclude={"owner_id"})


class UploadRecords:
    """The uploads in one quarantine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, upload: Upload) -> None:
        """Write the record; a reader sees the one before or this one, nothing between."""
        draft = self._root / upload.id / f".{_RECORD}"
        draft.write_text(upload.model_dump_json(), encoding="utf-8")
        draft.replace(self._root / upload.id / _RECORD)

    def find(self, upload_id: str) -> Upload | None:
        """The record of an id, if there is one. What nobody works on any more, unfinished, comes back rejected."""
        found = self._read(upload_id)
        if found is None or found.ended:
            return found
        with self.alone(upload_id) as alone:
            if not alone:
                return found
            found = self._read(upload_id) or found  # it may have ended just now
            if not found.ended:
                found = _interrupted(found)
                self.keep(found)
                self.clear(upload_id)
        return found

    def all(self) -> list[Upload]:
        """Every record that can be read."""
        ids = [path.parent.name for path in self._root.glob(f"*/{_RECORD}")]
        return [found for found in map(self.find, ids) if found]

    def clear(self, upload_id: str) -> None:
        """Remove the upload's file and what its children left; the record stays."""
        for path in (self._root / upload_id).iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name not in (_RECORD, _LOCK):
                path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what `stale` names."""
        for folder in self.stale():
            shutil.rmtree(folder, ignore_errors=True)

    def stale(self) -> list[Path]:
        """The folders of what ended long ago, and of what never became an upload because its process died."""
        found = []
        for folder in self._root.glob("*"):
            with suppress(FileNotFoundError):  # somebody else sweeps, too
                kept = KEPT if (folder / _RECORD).exists() else _NEVER_BEGUN
                if datetime.now(UTC) - datetime.fromtimestamp(folder.stat().st_mtime, UTC) > kept:
                    found.append(folder)
        return found

    def alone(self, upload_id: str) -> AbstractContextManager[bool]:
        """Hold the upload's lock, which the kernel frees when its process dies; False when another holds it."""
        return alone(self._root / upload_id / _LOCK)

    def in_use(self, upload_id: str) -> bool:
        """Whether somebody holds the upload's lock; asking leaves no trace in its folder."""
        if not (self._root / upload_id / _LOCK).exists():
            return False
        with self.alone(upload_id) as mine:
            return not mine

    def _read(self, upload_id: str) -> Upload | None:
        if not _ID.fullmatch(upload_id):
            return None
        try:
            return Upload.model_validate_json((self._root / upload_id / _RECORD).read_bytes())
        except (OSError, ValidationError):
            return None


def _interrupted(upload: Upload) -> Upload:
    why = "the platform stopped while it worked on this file"
    steps = tuple(Step(step.name, FAILED, why) if step.state == RUNNING else step for step in upload.steps)
    stopped = upload.model_copy(update={"steps": steps})
    return stopped.rejected(Unavailable(why, hint="Send the file again."))
