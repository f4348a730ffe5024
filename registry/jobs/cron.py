"""Times that come again: a cron expression in a time zone."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from registry.errors import InvalidInput
from registry.records.time_zones import zone_named

OFTENEST = timedelta(minutes=5)
_LOOKED_AT = 60  # times that are compared with one another
_HINT = "Five fields: minute, hour, day of the month, month, day of the week. `15 3 * * 1-5` is 3:15 on working days."


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name. Raises InvalidInput."""
    try:
        return zone_named(name)
    except ValueError as error:
        raise InvalidInput(
            f"{name[:64]!r} is no time zone",
            hint="Take a name such as Europe/Berlin or UTC.",
            details={"field": "time_zone"},
        ) from error


def next_time(cron: str, time_zone: str, after: datetime) -> datetime:
    """The first time after `after`, in UTC. Raises InvalidInput for what is no expression, or never comes."""
    return _times(cron, time_zone, after, 1)[0]


def next_times(cron: str, time_zone: str, after: datetime, count: int = 3) -> list[datetime]:
    """The next times, in UTC. Raises InvalidInput also for an expression that comes too often."""
    found = _times(cron, time_zone, after, _LOOKED_AT)
    for one, other in pairwise(found):
        if other - one < OFTENEST:
            raise InvalidInput(
                f"{cron!r} comes too often: every {(other - one).total_seconds():g} seconds",
                hint=f"At least {OFTENEST.total_seconds() / 60:g} minutes lie between two starts.",
                details={"field": "cron"},
            )
    return found[:count]


def _times(cron: str, time_zone: str, after: datetime, count: int) -> list[datetime]:
    zone, details = zone_of(time_zone), {"field": "cron"}
    if len(cron.split()) != 5 or not cron.isascii():
        raise InvalidInput(f"{cron[:120]!r} is no cron expression", hint=_HINT, details=details)
    try:
        times = CronSim(cron, after.astimezone(zone))
        found = [time.astimezone(UTC) for time, _ in zip(times, range(count), strict=False)]
    except CronSimError as error:
        if "day-of-month" in str(error) and _reads_otherwise(cron):
            raise InvalidInput(f"{cron!r} never comes: those months have no such day", details=details) from error
        raise InvalidInput(
            f"{cron!r} is no cron expression: {str(error).lower()}", hint=_HINT, details=details
        ) from error
    if not found:
        raise InvalidInput(f"{cron!r} never comes", details=details)
    return found


def _reads_otherwise(cron: str) -> bool:
    """Whether the expression reads as one with every month: then it is the day that its months do not have."""
    minute, hour, day, _, weekday = cron.split()
    try:
        CronSim(f"{minute} {hour} {day} * {weekday}", datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError:
        return False
    return True
