"""What other libraries are told before they are imported."""

import subprocess
import sys

from registry.settings import PROJECT_ROOT
from registry.testing.requirements import require_package

_LOOK = """
import sys
from registry.libraries import prepare_libraries
prepare_libraries()
{imports}
assert "rfc3987_syntax.syntax_helpers" not in sys.modules
import jsonschema
checked = jsonschema.FormatChecker()
jsonschema.validate("https://example.com/a", {{"format": "uri"}}, format_checker=checked)
try:
    jsonschema.validate({{"n": "one"}}, {{"properties": {{"n": {{"type": "integer"}}}}}})
except jsonschema.ValidationError:
    print("refused")
"""


def _look(imports: str) -> str:
    line = [sys.executable, "-c", _LOOK.format(imports=imports)]
    return subprocess.run(line, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_jsonschema_builds_no_grammar_and_goes_on_checking() -> None:
    require_package("jupyterlab", "notebook")  # which brings the grammar along
    assert _look("import altair") == "refused"


def test_prefects_server_builds_none_either() -> None:
    require_package("jupyterlab", "notebook")  # which brings the grammar along
    assert _look("from flows.prefect_app import create_app; create_app()") == "refused"
