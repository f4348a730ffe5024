"""What other libraries are told before they are imported."""

import subprocess
import sys

import pytest

from registry.libraries import import_path_of_children
from registry.settings import PROJECT_ROOT, child_environment, load_settings
from registry.testing.requirements import require_package

_PREPARED = "from registry.libraries import prepare_libraries; prepare_libraries();"
_LOOK = """
import sys
{imports}
assert "rfc3987_syntax.syntax_helpers" not in sys.modules, "the grammar is there"
import jsonschema
checked = jsonschema.FormatChecker()
jsonschema.validate("https://example.com/a", {{"format": "uri"}}, format_checker=checked)
try:
    jsonschema.validate({{"n": "one"}}, {{"properties": {{"n": {{"type": "integer"}}}}}})
except jsonschema.ValidationError:
    print("refused")
"""


def _look(imports: str, **environment: str) -> str:
    line = [sys.executable, "-c", _LOOK.format(imports=imports)]
    around = child_environment(load_settings(), **environment)
    done = subprocess.run(line, cwd=PROJECT_ROOT, env=around, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_jsonschema_builds_no_grammar_and_goes_on_checking() -> None:
    require_package("jupyterlab", "notebook")  # which brings the grammar along
    assert _look(f"{_PREPARED} import altair") == "refused"


def test_prefects_server_builds_none_either() -> None:
    require_package("jupyterlab", "notebook")  # which brings the grammar along
    assert _look(f"{_PREPARED} from flows.prefect_app import create_app; create_app()") == "refused"


def test_nor_does_the_process_of_a_flow_run_which_imports_prefect_first() -> None:
    require_package("jupyterlab", "notebook")
    assert _look("import prefect.engine", **import_path_of_children()) == "refused"


_DEFERS = """
from registry.libraries import prepare_libraries
prepare_libraries()
import sys
import supervision
assert not [name for name in sys.modules if name.startswith("scipy.")], "SciPy is there"
import numpy as np
from supervision.annotators import core
from supervision.dataset import utils
(knots, _, _), _ = core.splprep([np.arange(9.0), np.arange(9.0)], s=20)
assert len(knots) and utils.cKDTree(np.eye(3)).n == 3
import scipy.interpolate, scipy.spatial
assert scipy.interpolate.splev.__module__.startswith("scipy") and isinstance(scipy.spatial.cKDTree, type)
assert supervision.__spec__.loader.get_source("supervision")
print("as ever")
"""
_MEANWHILE = """
from registry.deferred import _StandIn
import sys
sys.modules["scipy.spatial"] = _StandIn("scipy.spatial")
def elsewhere():
    from scipy.spatial.distance import cdist
    from scipy.spatial import ConvexHull
    assert isinstance(ConvexHull, type) and not isinstance(sys.modules["scipy.spatial"], _StandIn)
    print("as ever")
import threading
threading.Thread(target=elsewhere).start()
"""


@pytest.mark.parametrize("code", [_DEFERS, _MEANWHILE], ids=["when called", "whoever asks for more"])
def test_scipy_is_imported_once_somebody_asks_for_it(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "as ever", done.stderr
