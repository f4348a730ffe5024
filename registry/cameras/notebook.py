"""Cameras and their events for notebooks. Heavy imports wait until a call needs them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from registry.cameras.cameras import Cameras
    from registry.cameras.events import Events

_MOST = 100_000


def list_cameras(group: str = "", state: str = "") -> pd.DataFrame:
    """The cameras by name with what they are doing. `group` is the name of one."""
    import pandas as pd

    from registry.access.actor import local_actor
    from registry.records.camera_list import CameraFilter

    found, _ = _rooms()[0].page(local_actor(), CameraFilter(state=state), size=_MOST)
    told = [each.to_dict() for each in found if group in {"", each.group}]
    columns = ["id", "name", "state", "reason", "fps", "model", "alias", "version", "group", "url", "created_at"]
    return pd.DataFrame(told, columns=columns)


def camera_events(  # noqa: PLR0913 - the filters
    camera: str = "",
    *,
    kind: str = "",
    label: str = "",
    zone: str = "",
    text: str = "",
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    newest: int = 1_000,
) -> pd.DataFrame:
    """The newest events of a camera (its name or id), or of all.

    Times may be texts such as `2026-11-27 08:00`; those without a zone are UTC. `newest` is at most 100,000.
    Raises CameraNotFound, InvalidInput.
    """
    import pandas as pd

    from registry.access.actor import local_actor
    from registry.cameras.events import event_dict
    from registry.errors import InvalidInput
    from registry.records.camera_events import EventFilter

    if not 1 <= newest <= _MOST:
        raise InvalidInput(f"newest is 1 to {_MOST:,} events")
    cameras, events = _rooms()
    camera_id = cameras.named(local_actor(), camera).id if camera else ""
    wanted = EventFilter(
        camera_id, kind=kind, label=label, zone=zone, text=text, since=moment_of(since), until=moment_of(until)
    )
    found, _ = events.page(local_actor(), wanted, size=newest)
    columns = [
        "id", "camera", "kind", "label", "score", "started_at", "ended_at", "zones", "line", "direction", "rule", "box",
        "track_id", "model", "detail",
    ]  # fmt: skip
    return pd.DataFrame([event_dict(each) for each in found], columns=columns)


def event_picture(event_id: str, which: str = "snapshot") -> bytes:
    """The JPEG of an event: its `snapshot`, or the `thumbnail` around the object. Raises EventNotFound."""
    from registry.access.actor import local_actor

    return _rooms()[1].picture(local_actor(), event_id, "thumbnail" if which == "thumbnail" else "snapshot")


def camera_id_of(name: str) -> str:
    """The id of a camera that is named by its name or id. Raises CameraNotFound."""
    from registry.access.actor import local_actor

    return _rooms()[0].named(local_actor(), name).id


def moment_of(given: datetime | str | None) -> datetime | None:
    """An aware time; a text or a time without a zone is in UTC. Raises InvalidInput."""
    import pandas as pd

    from registry.errors import InvalidInput

    if given is None:
        return None
    try:
        stamp = pd.Timestamp(given)
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"{str(given)[:60]!r} is not a time such as 2026-11-27 08:00") from error
    aware = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp
    return aware.to_pydatetime()


@cache
def _rooms() -> tuple[Cameras, Events]:
    from registry.access.live import Live
    from registry.cameras.cameras import Cameras
    from registry.cameras.events import Events
    from registry.libraries import prepare_libraries
    from registry.models.registry import ModelRegistry
    from registry.records import open_database
    from registry.settings import load_settings
    from registry.storage import open_storage

    prepare_libraries()
    settings = load_settings()
    settings.prepare_home()
    database = open_database(settings.records_url)
    live = Live(database, settings)
    storage = open_storage(settings.storage_root, settings.storage_endpoint)
    cameras = Cameras(settings, database, live, ModelRegistry(settings, database, live))
    return cameras, Events(database, storage, live)
