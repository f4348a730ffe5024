"""How people write which version they mean: `name`, `name@alias`, `name/version`."""

from dataclasses import dataclass
from typing import Self

from registry.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Reference:
    """A model's name, and at most one of version and alias."""

    name: str
    version: int | None = None
    alias: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one. Raises InvalidInput."""
        name, at, alias = text.partition("@")
        name, slash, version = name.partition("/")
        if (slash and not version.isdecimal()) or (at and not alias):
            raise InvalidInput(f"{text[:100]!r} is none of name, name@alias, name/version")
        return cls(name, int(version) if slash else None, alias if at else None)
