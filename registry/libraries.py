"""What other libraries must be told before they are first imported."""

import os
import sys
from pathlib import Path

from registry.deferred import defer_scipy

_IRI_GRAMMAR = "rfc3987_syntax"
_SHADOWS = Path(__file__).with_name("shadows")


def prepare_libraries() -> None:
    """Set OpenCV's own pixel guard; keep jsonschema from building a grammar that nothing here asks for, and
    `supervision` from importing SciPy before anything is asked of that.

    Where JupyterLab is installed, importing jsonschema (altair, Prefect) takes
    seconds for a parser of IRIs. jsonschema goes on without it, as it does on
    a machine that does not have it.
    """
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**30))
    defer_scipy()
    # to Python this means that there is no such module, which its types do not know
    sys.modules.setdefault(_IRI_GRAMMAR, None)  # type: ignore[arg-type]


def import_path_of_children() -> dict[str, str]:
    """The variable that does the same for a process whose first import is not ours: a flow run's is Prefect's."""
    before = os.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(_SHADOWS), before]))}


def show_ray_its_token() -> None:
    """A cluster that has a token asks for it; Ray's client shows the one it has only where it is told to.

    Before Ray is imported.
    """
    kept = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    if "RAY_AUTH_MODE" not in os.environ and (os.environ.get("RAY_AUTH_TOKEN") or kept.is_file()):
        os.environ["RAY_AUTH_MODE"] = "token"
