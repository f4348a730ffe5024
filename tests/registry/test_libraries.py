"""What other libraries are told before they are imported."""

import subprocess
import sys

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
