"""The documents name what is there, and the generated ones are up to date."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.settings_page import settings_page
from registry.settings import PROJECT_ROOT

PAGES = sorted([*PROJECT_ROOT.glob("*.md"), *(PROJECT_ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
_PATH = re.compile(r"`((?:app|flows|registry|tests|docs|data|deploy|notebooks)/[\w./*-]+)`")


@pytest.fixture(params=PAGES, ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def page(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_every_link_leads_somewhere(page: Path) -> None:
    missing = [target for target in _LINK.findall(page.read_text("utf-8")) if not (page.parent / target).exists()]
    assert not missing


def test_every_named_path_is_there(page: Path) -> None:
    named = _PATH.findall(page.read_text("utf-8"))
    missing = [path for path in named if not list(PROJECT_ROOT.glob(path.rstrip("/")))]
    assert not missing


def test_the_settings_page_is_what_the_code_says() -> None:
    assert (PROJECT_ROOT / "docs" / "settings.md").read_text("utf-8").strip() == settings_page().strip()


def test_an_adr_is_short() -> None:
    for path in (PROJECT_ROOT / "docs" / "adr").glob("*.md"):
        assert len(path.read_text("utf-8").splitlines()) <= 40, path.name


def test_make_lists_every_target_the_readme_names() -> None:
    said = subprocess.run(["make", "help"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True).stdout
    for target in re.findall(r"(?:`|\$ )make ([a-z0-9-]+)", (PROJECT_ROOT / "README.md").read_text("utf-8")):
        assert f"make {target}" in said, target


@pytest.mark.parametrize("what", ["registry", "flows.serve", "app.cli.main"])
def test_what_should_start_soon_imports_nothing_heavy(what: str) -> None:
    heavy = {"torch", "mlflow", "cv2", "streamlit", "onnxruntime", "supervision", "scipy", "pandas"}
    code = f"import {what}, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT_ROOT)
    assert done.stdout.strip() == "[]"


def test_the_serving_path_loads_neither_torch_nor_pickles_of_models() -> None:
    code = "import app.server, sys; print(sorted({'torch', 'ultralytics', 'torchvision'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT_ROOT)
    assert done.stdout.strip() == "[]"
