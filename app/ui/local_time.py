"""Times as the person at the browser reads them: in the browser's time zone."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import streamlit as st


def zone() -> tzinfo:
    """The time zone of the browser; UTC where it tells none that is known here."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (KeyError, ValueError):
        return UTC


def local(moment: datetime) -> datetime:
    """An aware time in the browser's time zone."""
    return moment.astimezone(zone())


def clock(moment: datetime) -> str:
    """Such as `14:05:09` for today, `Mon 3 Nov, 14:05:09` for another day."""
    here = local(moment)
    if here.date() == local(datetime.now(UTC)).date():
        return f"{here:%H:%M:%S}"
    return f"{here:%a} {here.day} {here:%b}, {here:%H:%M:%S}"


def day(moment: datetime) -> date:
    """The day of a time, as the browser counts days."""
    return local(moment).date()


def day_span(wanted: date) -> tuple[datetime, datetime]:
    """Where a day of the browser begins and ends, as aware UTC times."""
    begin = datetime.combine(wanted, time(), zone())
    end = datetime.combine(wanted + timedelta(days=1), time(), zone())
    return begin.astimezone(UTC), end.astimezone(UTC)
