"""Every notebook runs from top to bottom against a real platform."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from registry.settings import PROJECT_ROOT
from registry.testing.platform import Running
from registry.testing.requirements import require_package

NOTEBOOKS = sorted((PROJECT_ROOT / "notebooks").glob("*.ipynb"))
MOST_SECONDS = 240  # for one cell, on a machine at work with something else


def _digits_were_published(api: httpx.Client) -> None:
    assert api.get("/api/v1/models/notebook-digits").json()["task"] == "classify"


def _the_champion_went_forward_and_back(api: httpx.Client) -> None:
    """What the app shows, and what MLflow's own interface shows of the same."""
    path = "/api/v1/models/notebook-detector"
    [second, first] = api.get(f"{path}/versions").json()["items"]
    assert second["lineage"]["parent"] == "notebook-detector/1"
    assert (first["aliases"], second["aliases"]) == (["champion"], ["challenger"])
    moves = api.get(f"{path}/aliases/champion").json()["moves"]
    assert [(move["from"], move["to"]) for move in moves] == [(2, 1), (1, 2), (None, 1)]
    ours = "/mlflow/ajax-api/2.0/mlflow"
    told = api.get(f"{ours}/registered-models/get", params={"name": "notebook-detector"}).json()["registered_model"]
    assert {(alias["alias"], alias["version"]) for alias in told["aliases"]} == {("champion", "1"), ("challenger", "2")}
    run = api.get(f"{ours}/runs/get", params={"run_id": second["run_id"]}).json()["run"]["data"]
    assert {"task", "decoder", "dataset", "parent", "source_format"} <= {each["key"] for each in run["params"]}
    assert {each["key"] for each in run["metrics"]} == set(second["card"]["metrics"])
    files = api.get(f"{ours}/artifacts/list", params={"run_id": second["run_id"], "path": "model"}).json()["files"]
    assert {file["path"] for file in files} >= {f"model/{name}" for name in ("model.onnx", "card.json", "intake.json")}


def _a_candidate_was_trained(api: httpx.Client) -> None:
    [version] = api.get("/api/v1/models/notebook-tuned/versions").json()["items"]
    assert version["aliases"] == ["candidate"]
    assert version["lineage"]["parent"] == "digit-detector/1"
    assert "notebook-scenes/1" in version["lineage"]["dataset"]
    assert version["card"]["metrics"]["mAP50"] > 0.3


_CAME_OF: dict[str, Callable[[httpx.Client], None]] = {
    "01_quickstart": _digits_were_published,
    "02_publish_compare_promote": _the_champion_went_forward_and_back,
    "03_finetune_on_your_images": _a_candidate_was_trained,
}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.mark.timeout(600)
def test_a_notebook_runs_from_top_to_bottom(
    notebook: Path, platform: Running, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package, extra in (("nbclient", "notebook"), ("torch", "train")):
        require_package(package, extra)
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("NEXUSAI_HOME", str(platform.settings.home))
    content = nbformat.read(notebook, as_version=4)
    NotebookClient(content, timeout=MOST_SECONDS, resources={"metadata": {"path": str(notebook.parent)}}).execute()
    outputs = [output for cell in content.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs), "no cell showed a picture"
    _CAME_OF[notebook.stem](api)


def test_notebooks_are_committed_without_outputs_and_import_registry_alone(notebook: Path) -> None:
    import nbformat

    cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    source = "\n".join(cell.source for cell in cells)
    assert "import registry as nx" in source
    assert "from app" not in source
    assert "from flows" not in source
