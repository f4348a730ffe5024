"""A short queue bounded in bytes: when it is full, the newest takes the place of the oldest."""

from collections import deque
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(slots=True)
class Ring(Generic[Item]):
    """Holds at most `most_bytes`, and always room for one; safe from any thread."""

    most_bytes: int
    _items: deque[tuple[Item, int]] = field(default_factory=deque)
    _bytes: int = 0
    _lock: Lock = field(default_factory=Lock)

    def put(self, item: Item, size: int) -> list[Item]:
        """Add an item; those that had to go for it, oldest first."""
        gone = []
        with self._lock:
            self._items.append((item, size))
            self._bytes += size
            while self._bytes > self.most_bytes and len(self._items) > 1:
                oldest, freed = self._items.popleft()
                self._bytes -= freed
                gone.append(oldest)
        return gone

    def take(self) -> Item | None:
        """The oldest, if there is one."""
        with self._lock:
            if not self._items:
                return None
            item, size = self._items.popleft()
            self._bytes -= size
            return item

    def drain(self) -> list[Item]:
        """Everything, oldest first."""
        with self._lock:
            items = [item for item, _ in self._items]
            self._items.clear()
            self._bytes = 0
            return items

    def __len__(self) -> int:
        return len(self._items)
