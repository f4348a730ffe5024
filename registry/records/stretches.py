"""Stretches of time that are asked for."""

from datetime import datetime

from registry.errors import InvalidInput


def check_stretch(since: datetime | None, until: datetime | None) -> None:
    """Raises InvalidInput where both are given and the end lies before the beginning."""
    if since is not None and until is not None and until < since:
        raise InvalidInput(
            f"the time ends at {until.isoformat()}, before it begins at {since.isoformat()}",
            hint="Exchange the two, or leave one out.",
        )
