"""Whose storage it is: an id in the records and in the storage, without which other records would call it all old."""

from registry.errors import Conflict, ObjectNotFound
from registry.records import Database, SettingValue, new_id, one_at_a_time, utc_now
from registry.storage import Storage

STORED = "care/platform"
_ROW = "platform.id"  # beside the settings, but none of them


def check_belongs(database: Database, storage: Storage) -> None:
    """Raise Conflict where the storage is that of another platform; one that nobody has marked is marked as ours."""
    ours, stored = _known(database), _stored(storage)
    if not stored:
        storage.put(STORED, ours.encode())
    elif stored != ours:
        raise Conflict(
            "the storage belongs to the records of another platform, so nothing was changed",
            hint=f"Name the right database or storage. Where these are right, delete {STORED} from the storage.",
            details={"records": ours, "storage": stored},
        )


def adopt(database: Database, storage: Storage) -> None:
    """Take over the storage's id: the records were restored from it."""
    stored = _stored(storage)
    if stored:
        _known(database, stored)


def _stored(storage: Storage) -> str:
    try:
        return storage.get(STORED)[:64].decode("ascii", "replace").strip()
    except ObjectNotFound:
        return ""


def _known(database: Database, wanted: str = "") -> str:
    """The records' id, made where there is none; `wanted` takes its place."""
    with database.write() as session:
        one_at_a_time(session.connection(), _ROW)
        row = session.get(SettingValue, _ROW)
        if row is None or (wanted and row.value != wanted):
            row = row or SettingValue(key=_ROW, updated_at=utc_now())
            row.value = wanted or new_id()
            session.add(row)
        return str(row.value)
