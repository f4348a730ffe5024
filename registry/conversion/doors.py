"""Which doors are shut around a child."""

from dataclasses import asdict, dataclass, field
from typing import Any

RESULT = "result.json"  # the file in which a child leaves its answer
NOT_ISOLATED = 77  # the exit status of a child that was told to begin only behind shut doors


@dataclass(frozen=True, slots=True)
class Doors:
    """What the kernel keeps from a child; `notes` says why something is missing."""

    own_network: bool = False  # a network namespace with nothing in it
    no_sockets: bool = False  # a seccomp filter: no socket, no program can be started
    own_root: bool = False  # a file system that holds Python and the work folder alone
    landlock: bool = False
    other_user: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def isolated(self) -> bool:
        """Whether foreign code may run: no network, and no file but Python's and the work folder's."""
        return (self.own_network or self.no_sockets) and (self.own_root or self.landlock or self.other_user)

    def said(self) -> str:
        """The shut doors as a person reads them."""
        names = {
            "own_network": "own network",
            "no_sockets": "no sockets and no programs",
            "own_root": "own root file system",
            "landlock": "Landlock",
            "other_user": "another user",
        }
        return ", ".join(text for name, text in names.items() if getattr(self, name)) or "none"

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return asdict(self)
