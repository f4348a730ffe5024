"""What a sender of notifications does, and how it says what went wrong."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from registry.notify.reach import Reach


class NotDelivered(Exception):
    """It could not be delivered. `refused`: this one never will be; otherwise it is tried again."""

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.why = why[:300]
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Letter:
    """One notification; the same `letter_id` however often it is tried."""

    letter_id: str
    created_at: datetime
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a receiver is, with its secrets, and what it was configured with."""

    url: str = field(repr=False)
    username: str = ""
    secret: str = field(default="", repr=False)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CameraNow:
    """A camera as it is, for receivers that keep its state."""

    camera_id: str
    name: str
    is_online: bool


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What senders may use of the platform."""

    reach: Callable[[], Reach]
    picture: Callable[[str], bytes]  # of a storage key; raises RegistryError
    cameras: Callable[[], Sequence[CameraNow]]
    lasting: Callable[[Collection[str]], set[str]]  # which of these events are not over


class Sender(Protocol):
    """Delivers to one receiver; used by one thread."""

    def send(self, letter: Letter) -> str:
        """Deliver one; what went wrong with a part of it, mostly nothing. Raises NotDelivered."""

    def tend(self) -> None:
        """Called every few seconds; keeps what is held open. Raises NotDelivered."""

    def forget(self) -> None:
        """Take away what was left at the receiver: it is told of nothing any more. Raises NotDelivered."""

    def close(self) -> None:
        """Let go of everything."""
