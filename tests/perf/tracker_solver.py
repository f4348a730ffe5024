"""What `ultralytics` track needs besides, and would install by itself while it is measured."""

import importlib.util
import sys

from registry.settings import PROJECT_ROOT

_PEERS = PROJECT_ROOT / "build" / "peers" / "lib" / "python3.11" / "site-packages"


def need_tracker_solver() -> None:
    """Make its tracker's solver importable. Raises RuntimeError where nobody has installed it."""
    if importlib.util.find_spec("lap") is None:
        sys.path.append(str(_PEERS))
    if importlib.util.find_spec("lap") is None:
        raise RuntimeError("ultralytics' tracker needs lap: run `make peers` first")
