"""Time zones by their names."""

from zoneinfo import ZoneInfo


def zone_named(name: str) -> ZoneInfo:
    """The time zone of that name, such as Europe/Berlin. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name[:60]!r} is not a time zone such as Europe/Berlin") from error


def checked_zone(name: str) -> str:
    """The name, if there is such a time zone. Raises ValueError."""
    zone_named(name)
    return name
