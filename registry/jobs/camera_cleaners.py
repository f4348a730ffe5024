"""What a clean-up cleans of cameras: recordings and events whose time is over, files of events that are gone.

Camera workers do the first two as well, every few minutes; whoever comes first removes a thing, once.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

from registry.errors import Conflict
from registry.jobs.cleaning import MOST_AT_ONCE, Cleaning, Tally, are_foreign
from registry.recordings.places import Places
from registry.recordings.retention import Retention
from registry.records import camera_events, segments

_FILE = re.compile(r"(?:cameras/[^/]+/events/(\d{4}-\d\d-\d\d)|clips/[^/]+)/([0-9A-Za-z]+)(?:-thumbnail)?\.(?:jpg|mp4)")
_ON_ITS_WAY = timedelta(days=2)  # the picture of an event may be there before its row


def recordings(cleaning: Cleaning) -> Tally:
    """Segments that this host can delete; what lies on the disk of another host is that one's."""
    rooms = cleaning.rooms
    places = Places(rooms.settings.recordings, rooms.storage)
    if cleaning.dry:
        with rooms.database.read() as session:
            return Tally(*segments.expired_size(session, cleaning.now, places.host))
    tally = Tally()
    for size in Retention(rooms.database, places).expire():
        tally.add(size)
        cleaning.run.check()
    return tally


def events(cleaning: Cleaning) -> Tally:
    """Files first: what is left half-done is found again by its row."""
    tally, database, days = Tally(), cleaning.rooms.database, cleaning.rooms.live.current().camera_event_days
    while days:
        with database.read() as session:
            before = cleaning.now - timedelta(days=days)
            found = camera_events.older_than(session, before, behind=tally.count if cleaning.dry else 0)
        for event in found:
            keys = [key for key in (event.snapshot, event.thumbnail, event.clip) if key]
            cleaning.objects(keys, tally, counted=False)
        if not cleaning.dry:
            with database.write() as session:
                camera_events.remove(session, [event.id for event in found])
        tally.count += len(found)
        if not found:
            break
    return tally


def event_files(cleaning: Cleaning) -> Tally:
    """Pictures and clips whose event is in no record. Raises Conflict where that is so of most of them."""
    tally, by_event = Tally(), defaultdict[str, list[str]](list)
    newest = (cleaning.now - _ON_ITS_WAY).date()
    for prefix in ("cameras/", "clips/"):
        for key in cleaning.rooms.storage.keys(prefix):
            found = _FILE.fullmatch(key)
            if found and (found[1] is None or _day(found[1]) < newest):
                by_event[found[2]].append(key)
    unknown = sorted(by_event.keys() - _known(cleaning, list(by_event)))
    if are_foreign(len(unknown), len(by_event)):
        raise Conflict(
            f"the files of {len(unknown):,} of {len(by_event):,} events are in no record, so none of them was removed",
            hint="Look whether these are the right records. After a restore, delete by hand what is needed no more.",
        )
    cleaning.objects((key for event_id in unknown for key in by_event[event_id]), tally)
    return tally


def _known(cleaning: Cleaning, ids: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for at in range(0, len(ids), MOST_AT_ONCE):
        cleaning.run.check()
        with cleaning.rooms.database.read() as session:
            known |= {event.id for event in camera_events.chosen(session, ids[at : at + MOST_AT_ONCE])}
    return known


def _day(text: str) -> date:
    """A day as keys have it; the last there is for what is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return date.max
