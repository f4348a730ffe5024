"""What other libraries must be told before they are first imported."""

import os
import sys
from pathlib import Path

_IRI_GRAMMAR = "rfc3987_syntax"
_SHADOWS = Path(__file__).with_name("shadows")


def prepare_libraries() -> None:
    """Set OpenCV's own pixel guard; keep jsonschema from building a grammar that nothing here asks for.

    Where JupyterLab is installed, importing jsonschema (altair, Prefect) takes
    seconds for a parser of IRIs. jsonschema goes on without it, as it does on
    a machine that does not have it.
    """
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**30))
    # to Python this means that there is no such module, which its types do not know
    sys.modules.setdefault(_IRI_GRAMMAR, None)  # type: ignore[arg-type]


def import_path_of_children() -> dict[str, str]:
    """The variable that does the same for a process whose first import is not ours: a flow run's is Prefect's."""
    before = os.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(_SHADOWS), before]))}
