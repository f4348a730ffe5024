"""How people name a dataset's version: `name`, which means the newest, or `name/version`."""

import re

from registry.errors import InvalidInput

_FORM = re.compile(r"(?P<name>[^/]{1,63})(/(?P<version>[1-9]\d{0,8}))?")


def parse_reference(reference: str) -> tuple[str, int | None]:
    """The name and the version's number, None for the newest. Raises InvalidInput."""
    found = _FORM.fullmatch(reference)
    if found is None:
        raise InvalidInput(f"{reference[:80]!r} names no dataset: it takes the form name or name/version")
    return found["name"], int(found["version"]) if found["version"] else None
