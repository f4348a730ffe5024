"""Every notebook runs from top to bottom against a real platform."""

import time
from pathlib import Path

import httpx
import pytest

from registry.settings import PROJECT_ROOT
from registry.testing.platform import Running
from registry.testing.requirements import require_package

NOTEBOOKS = sorted((PROJECT_ROOT / "notebooks").glob("*.ipynb"))
MOST_SECONDS = 60


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_a_notebook_runs_within_a_minute(
    notebook: Path, platform: Running, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package, extra in (("nbclient", "notebook"), ("torch", "train")):
        require_package(package, extra)
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("NEXUSAI_HOME", str(platform.settings.home))
    content = nbformat.read(notebook, as_version=4)
    started = time.monotonic()
    NotebookClient(content, timeout=MOST_SECONDS, resources={"metadata": {"path": str(notebook.parent)}}).execute()
    assert time.monotonic() - started < MOST_SECONDS
    outputs = [output for cell in content.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs), "no cell showed a picture"
    if notebook.stem == "01_quickstart":
        assert api.get("/api/v1/models/notebook-digits").json()["task"] == "classify"


def test_notebooks_are_committed_without_outputs_and_import_registry_alone(notebook: Path) -> None:
    import nbformat

    cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    source = "\n".join(cell.source for cell in cells)
    assert "import registry as nx" in source
    assert "from app" not in source
    assert "from flows" not in source
