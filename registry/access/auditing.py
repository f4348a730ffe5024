"""The audit trail, as those who may read it look into it."""

import json
from collections.abc import Iterator, Sequence

from registry.access.actor import Actor
from registry.access.permissions import Action, require
from registry.records import AuditEntry, Database, audit, audit_search
from registry.records.audit import Verdict
from registry.records.audit_search import TrailFilter
from registry.records.csv_lines import csv_lines

COLUMNS = ("number", "at", "actor_id", "actor_name", "action", "target", "outcome", "address", "details", "digest")

EVERYTHING = TrailFilter()


class Auditing:
    """Reads the trail of one platform; whatever it is asked needs the permission `audit.read`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, actor: Actor, wanted: TrailFilter = EVERYTHING, *, number: int = 1, size: int = 50
    ) -> tuple[Sequence[AuditEntry], int]:
        """One page of entries, newest first, and how many match. Raises Forbidden.

        Free text is searched in the newest 6,000 entries that the other filters leave, so that it stays fast.
        """
        require(actor, Action.READ_AUDIT)
        with self._database.read() as session:
            return audit_search.page(session, wanted, number=number, size=size)

    def actions(self, actor: Actor) -> list[str]:
        """Every action that occurs in the trail. Raises Forbidden."""
        require(actor, Action.READ_AUDIT)
        with self._database.read() as session:
            return audit_search.actions(session)

    def verify(self, actor: Actor) -> Verdict:
        """Walk along the whole chain. Raises Forbidden."""
        require(actor, Action.READ_AUDIT)
        with self._database.read() as session:
            return audit.verify(session)

    def export(self, actor: Actor, wanted: TrailFilter = EVERYTHING) -> Iterator[str]:
        """Every matching entry as CSV, newest first, some lines at a time. Raises Forbidden, InvalidInput.

        The first entries are read at once, so that what cannot be asked for is refused before anything is sent. Each
        part is a read of its own: a slow reader keeps no transaction open. Texts that a spreadsheet would take for a
        formula begin with an apostrophe.
        """
        require(actor, Action.READ_AUDIT)
        return self._parts(wanted, self._batch(wanted))

    def _parts(self, wanted: TrailFilter, entries: Sequence[AuditEntry]) -> Iterator[str]:
        yield csv_lines([COLUMNS])
        while entries:
            yield csv_lines([_cells(entry) for entry in entries])
            entries = self._batch(wanted, below=entries[-1].number)

    def _batch(self, wanted: TrailFilter, below: int | None = None) -> Sequence[AuditEntry]:
        with self._database.read() as session:
            return audit_search.batch(session, wanted, below=below)


def _cells(entry: AuditEntry) -> list[str]:
    details = json.dumps(entry.details, ensure_ascii=False) if entry.details else ""
    texts = (entry.actor_id, entry.actor_name, entry.action, entry.target, entry.outcome, entry.address, details)
    return [str(entry.number), entry.at.isoformat(), *texts, entry.digest]
