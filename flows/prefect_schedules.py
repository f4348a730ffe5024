"""Our schedules in Prefect, so that they are seen there: the rows are the truth, these are made after them."""

import re
import time
from typing import Any

import structlog

from flows.prefect_api import PrefectApi
from registry.errors import PrefectUnavailable
from registry.records import Database, Schedule
from registry.records import schedules as records

DEPLOYMENT = "schedules"
_TRUSTED_S = 180.0  # somebody may have changed them in Prefect, or it may have lost them
# After a change: it may have been refused, or have gone with a deployment written anew; then twice that.
_DOUBTED_S = 5.0
_log = structlog.get_logger(__name__)
_NO_SLUG = re.compile(r"[^a-z0-9]+")


class PrefectSchedules:
    """The mirror. `bring_up_to_date` asks Prefect where a row has changed, after it was away, soon after it changed
    anything there itself, and every few minutes.
    """

    def __init__(self, database: Database, prefect: PrefectApi) -> None:
        self._database, self._prefect = database, prefect
        self._rows: list[tuple[str, int, bool]] = []  # of the last look
        self._look_at, self._doubted_s = 0.0, _DOUBTED_S

    def bring_up_to_date(self) -> None:
        """Make Prefect's schedules like the rows. Raises PrefectUnavailable, DatabaseUnavailable."""
        with self._database.read() as session:
            rows = list(records.every(session))
        now_there = [(row.id, row.revision, row.active) for row in rows]
        if now_there != self._rows:
            self._rows, self._look_at, self._doubted_s = now_there, 0.0, _DOUBTED_S
        if time.monotonic() < self._look_at:
            return
        self._look_at = 0.0  # until all of it is done
        deployment = self._prefect.deployment(DEPLOYMENT)
        shown = {each["slug"]: each for each in self._prefect.schedules(deployment)}
        ours = {_slug(row): row for row in rows if row.active}
        stale = [each["id"] for slug, each in shown.items() if slug not in ours or not _same(each, ours[slug])]
        missing = [slug for slug, row in ours.items() if slug not in shown or not _same(shown[slug], row)]
        for schedule_id in stale:
            self._prefect.remove_schedule(deployment, schedule_id)
        for slug in missing:
            self._add(deployment, slug, ours[slug])
        is_right = not stale and not missing
        self._look_at = time.monotonic() + (_TRUSTED_S if is_right else self._doubted_s)
        self._doubted_s = _DOUBTED_S if is_right else min(2 * self._doubted_s, _TRUSTED_S)

    def _add(self, deployment: str, slug: str, row: Schedule) -> None:
        try:
            self._prefect.add_schedule(deployment, _body(slug, row))
        except PrefectUnavailable as error:  # one that Prefect reads otherwise must not hide the others
            _log.warning("schedule_not_shown", schedule=row.id, reason=error.message)


def _body(slug: str, row: Schedule) -> dict[str, Any]:
    when = {"cron": row.cron, "timezone": row.time_zone, "day_or": True}
    return {"active": True, "schedule": when, "parameters": {"schedule_id": row.id}, "slug": slug}


def _slug(row: Schedule) -> str:
    words = _NO_SLUG.sub("-", row.name.lower()).strip("-")[:40].strip("-")
    return f"{words}-{row.id[:4]}{row.id[-4:]}".lstrip("-")


def _same(shown: dict[str, Any], row: Schedule) -> bool:
    when = shown["schedule"]
    return bool(
        shown["active"]
        and when.get("cron") == row.cron
        and when.get("timezone") == row.time_zone
        and shown.get("parameters") == {"schedule_id": row.id}
    )
